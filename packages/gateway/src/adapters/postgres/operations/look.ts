import { LIMITS } from '@fieldpost/protocol';
import { type Hold, stateOfHold } from '../../../core/hold-state.ts';
import { matcherOf } from '../../../core/matches-message.ts';
import { HEAD_BYTES, idOfHead, propertiesOfHead } from '../../../core/message-head.ts';
import { keyOfPlace, placeOfKey, priorityStart, queueEnd, queueStart } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import { formatCursor, parseCursor } from '../../../core/receipt.ts';
import { StoreError } from '../../../core/store-error.ts';
import type { PeekedMessage, PeekPage, PeekRequest, QueueInfo } from '../../../ports/gateway-store.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { UndoLog } from '../kept-rows.ts';
import { QueueRows, type QueueState } from '../queue-rows.ts';
import { originalText } from '../safe-text.ts';
import { MESSAGE_COLUMNS, type MessageColumns, storedMessage } from '../stored-message.ts';
import type { Transaction } from '../transaction.ts';

const PAGE = (name: string, body: string): Statement => ({
  name,
  text: `SELECT ${MESSAGE_COLUMNS}, ${body} AS body, stories.story, holds.until, holds.visible_at, holds.token,
                holds.deliveries, holds.consumer
         FROM fieldpost.messages LEFT JOIN fieldpost.holds ON holds.key = messages.key
         LEFT JOIN fieldpost.stories ON stories.key = messages.key
         WHERE messages.key >= $1 AND messages.key < $2 ORDER BY messages.key LIMIT $3`,
});
export const PEEK_WITH_BODIES = PAGE('peek-bodies', 'body');
const PEEK_WITHOUT_BODIES = PAGE('peek-heads', "''::bytea");
const BODIES: Statement = {
  name: 'peek-found',
  text: 'SELECT key, body FROM fieldpost.messages WHERE key = ANY($1::bigint[])',
};
/** Held messages are as many as are leased or delayed; the waiting ones are never counted through. */
export const COUNT_HELD: Statement = {
  name: 'look-held',
  text: `SELECT count(*) FILTER (WHERE token IS NOT NULL AND until > $3) AS leased,
                count(*) FILTER (WHERE token IS NULL AND until = ${NEVER}) AS blocked, count(*) AS held,
                min(visible_at) FILTER (WHERE visible_at < ${NEVER}) AS next_visible_at
         FROM fieldpost.holds WHERE key >= $1 AND key < $2 AND visible_at > $3`,
};
/** The first message of each priority: the oldest is one of them. */
export const OLDEST: Statement = {
  name: 'look-oldest',
  text: `SELECT min(head.arrived_at) AS arrived_at FROM unnest($1::bigint[], $2::bigint[]) AS range (first, behind)
         CROSS JOIN LATERAL (SELECT arrived_at FROM fieldpost.messages
           WHERE key >= range.first AND key < range.behind ORDER BY key LIMIT 1) AS head`,
};
const NAMES: Statement = { name: 'look-names', text: 'SELECT name FROM fieldpost.queues ORDER BY name' };

/** Rows of a search that are read at once. */
const SEARCH_PAGE = 500;

/** All queues with their counts, by name. */
export async function listQueues(transaction: Transaction, now: number): Promise<readonly QueueInfo[]> {
  const names = (await transaction.rows<{ name: string }>(NAMES)).map(({ name }) => name);
  const queues = new QueueRows(transaction, new UndoLog());
  await queues.read(names);
  const found = names.map((name) => queues.find(name)).filter((queue) => queue !== undefined);
  return Promise.all(found.map((queue) => describe(transaction, queues, queue, now)));
}

export async function getQueue(
  transaction: Transaction,
  name: string,
  now: number,
): Promise<QueueInfo | undefined> {
  const queues = new QueueRows(transaction, new UndoLog());
  await queues.read([name]);
  const queue = queues.find(name);
  return queue === undefined ? undefined : describe(transaction, queues, queue, now);
}

export async function nextVisibleAt(
  transaction: Transaction,
  name: string,
  now: number,
): Promise<number | undefined> {
  const queues = new QueueRows(transaction, new UndoLog());
  await queues.read([name]);
  const queue = queues.find(name);
  return queue === undefined
    ? undefined
    : ((await held(transaction, queue, now)).next_visible_at ?? undefined);
}

async function describe(
  transaction: Transaction,
  queues: QueueRows,
  queue: QueueState,
  now: number,
): Promise<QueueInfo> {
  const [all, { leased, blocked, held: invisible }, oldestArrivedAt] = await Promise.all([
    queues.held(queue.row.name),
    held(transaction, queue, now),
    oldest(transaction, queue),
  ]);
  const { messages, bytes } = all.find(({ name }) => name === queue.row.name) ?? { messages: 0, bytes: 0 };
  return {
    ...queue.row,
    // The counts are not of one moment when others write.
    ready: Math.max(0, messages - invisible),
    leased,
    delayed: invisible - leased - blocked,
    blocked,
    bytes,
    ...(oldestArrivedAt === null ? {} : { oldestArrivedAt }),
  };
}

interface HeldColumns {
  readonly leased: number;
  readonly blocked: number;
  readonly held: number;
  readonly next_visible_at: number | null;
}

async function held(transaction: Transaction, { number }: QueueState, now: number): Promise<HeldColumns> {
  const values = [queueStart(number), queueEnd(number), now];
  const [row] = await transaction.rows<HeldColumns>(COUNT_HELD, values);
  return row ?? { leased: 0, blocked: 0, held: 0, next_visible_at: null };
}

async function oldest(transaction: Transaction, { number }: QueueState): Promise<number | null> {
  const priorities = Array.from({ length: LIMITS.priorityMax + 1 }, (_, priority) => priority);
  const starts = priorities.map((priority) => priorityStart(number, priority));
  const ends = priorities.map((priority) =>
    priority === 0 ? queueEnd(number) : priorityStart(number, priority - 1),
  );
  const values = [bigintArray(starts), bigintArray(ends)];
  return (await transaction.rows<{ arrived_at: number | null }>(OLDEST, values))[0]?.arrived_at ?? null;
}

type PeekRow = MessageColumns & {
  readonly until: number | null;
  readonly visible_at: number | null;
  readonly token: string | null;
  readonly deliveries: number | null;
  readonly consumer: string | null;
};

/** Looks at a page of a queue. Fails with `queue-not-found`, and with `invalid-request` for a false cursor. */
export async function peek(transaction: Transaction, request: PeekRequest): Promise<PeekPage> {
  const queues = new QueueRows(transaction, new UndoLog());
  await queues.read([request.queue]);
  const queue = queues.findOrEmpty(request.queue);
  if (queue === undefined) return { messages: [] };
  const start = keyAfter(queue.number, request.cursor);
  return request.match === undefined
    ? peekAll(transaction, queue.number, start, request)
    : search(transaction, queue.number, start, request);
}

async function peekAll(
  transaction: Transaction,
  number: number,
  start: number,
  { limit, bytesMax = Number.POSITIVE_INFINITY, bodies, now }: PeekRequest,
): Promise<PeekPage> {
  const statement = bodies ? PEEK_WITH_BODIES : PEEK_WITHOUT_BODIES;
  const messages: PeekedMessage[] = [];
  let bytes = 0;
  let from = start;
  // Page by page, so that large bodies beyond the bytes asked for are not read.
  while (messages.length < limit && bytes < bytesMax) {
    const wanted = Math.min(
      limit - messages.length,
      bytesMax === Number.POSITIVE_INFINITY ? limit : BODIES_AT_ONCE,
    );
    const rows = await transaction.rows<PeekRow>(statement, [from, queueEnd(number), wanted]);
    for (const row of rows) {
      if (bytes >= bytesMax) break;
      messages.push(peeked(row, now));
      bytes += contentBytes(row);
      from = row.key + 1;
    }
    if (rows.length < wanted && bytes < bytesMax) return { messages };
  }
  return isEnd(transaction, number, from, messages);
}

/** One more than asked for tells whether there is a next page. */
async function isEnd(
  transaction: Transaction,
  number: number,
  from: number,
  messages: readonly PeekedMessage[],
): Promise<PeekPage> {
  const next = await transaction.rows<PeekRow>(PEEK_WITHOUT_BODIES, [from, queueEnd(number), 1]);
  return next.length === 0 ? { messages } : { messages, cursor: formatCursor(placeOfKey(from - 1)) };
}

/** Bodies may be large: no more than these are read before their bytes are counted. */
const BODIES_AT_ONCE = 16;

/** Who looks for few messages does not read the bodies of all. */
async function search(
  transaction: Transaction,
  number: number,
  start: number,
  request: PeekRequest,
): Promise<PeekPage> {
  const { limit, bytesMax = Number.POSITIVE_INFINITY, bodies, match = {}, scanMax, now } = request;
  const isWanted = matcherOf(match);
  const messages: PeekedMessage[] = [];
  let bytes = 0;
  let scanned = 0;
  let from = start;
  const isFull = (): boolean =>
    messages.length === limit || bytes >= bytesMax || scanned === (scanMax ?? Number.POSITIVE_INFINITY);
  while (!isFull()) {
    const rows = await transaction.rows<PeekRow>(PEEK_WITHOUT_BODIES, [from, queueEnd(number), SEARCH_PAGE]);
    for (const row of rows) {
      if (isFull()) break;
      scanned += 1;
      from = row.key + 1;
      if (!isWanted(idOfHead(row.head), propertiesOfHead(row.head))) continue;
      const whole = bodies ? await withBody(transaction, row) : row;
      messages.push(peeked(whole, now));
      bytes += contentBytes(whole);
    }
    if (rows.length < SEARCH_PAGE && !isFull()) return { messages };
  }
  return isEnd(transaction, number, from, messages);
}

async function withBody(transaction: Transaction, row: PeekRow): Promise<PeekRow> {
  const [found] = await transaction.rows<{ body: Uint8Array }>(BODIES, [bigintArray([row.key])]);
  return { ...row, body: found?.body ?? row.body };
}

function peeked(row: PeekRow, now: number): PeekedMessage {
  const { until, visible_at: visibleAt, token, consumer } = row;
  const hold: Hold | undefined =
    until === null || visibleAt === null ? undefined : { until, visibleAt, token };
  const isLeased = consumer !== null && until !== null && token !== null;
  return {
    ...storedMessage(row, row.deliveries ?? 0),
    state: stateOfHold(hold, now),
    ...(isLeased ? { lastLease: { consumer: originalText(consumer), until } } : {}),
  };
}

function contentBytes({ head, body }: MessageColumns): number {
  return head.length - HEAD_BYTES + body.length;
}

function keyAfter(queueNumber: number, cursor: string | undefined): number {
  if (cursor === undefined) return queueStart(queueNumber);
  const place = parseCursor(cursor);
  const key = place === undefined ? undefined : keyOfPlace(queueNumber, place);
  if (key === undefined)
    throw new StoreError('invalid-request', `"${cursor}" is not a cursor that a peek answered with`);
  return key + 1;
}
