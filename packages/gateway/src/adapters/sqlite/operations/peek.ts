import type Database from 'better-sqlite3';
import { type Hold, stateOfHold } from '../../../core/hold-state.ts';
import { matcherOf } from '../../../core/matches-message.ts';
import { idOfHead, propertiesOfHead } from '../../../core/message-head.ts';
import { keyOfPlace, placeOfKey, queueEnd, queueStart } from '../../../core/message-key.ts';
import { formatCursor, parseCursor } from '../../../core/receipt.ts';
import { StoreError } from '../../../core/store-error.ts';
import type { PeekedMessage, PeekPage, PeekRequest } from '../../../ports/gateway-store.ts';
import type { QueueStates } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import { contentBytes, MESSAGE_COLUMNS, type MessageColumns, storedMessage } from './stored-message.ts';
import { prepareStoryOf } from './story-of.ts';

/** Looks at a page of a queue. Fails with `queue-not-found`, and with `invalid-request` for a false cursor. */
export type Peek = (request: PeekRequest) => PeekPage;

export function preparePeek(database: Database.Database, symbols: Symbols, queues: QueueStates): Peek {
  const withBodies = prepareSelect(database, 'body, checksum');
  const withoutBodies = prepareSelect(database, "x'' AS body, NULL AS checksum");
  const storyOf = prepareStoryOf(database);

  const selectBody = database.prepare<[number], { body: Uint8Array; checksum: number | null }>(
    'SELECT body, checksum FROM messages WHERE key = ?',
  );

  return (request) => {
    const { limit, bytesMax = Number.POSITIVE_INFINITY, bodies, match, now } = request;
    const queue = queues.findOrEmpty(request.queue);
    if (queue === undefined) return { messages: [] };
    const isWanted = match === undefined ? undefined : matcherOf(match);
    // Who looks for few messages does not read the bodies of all.
    const select = bodies && isWanted === undefined ? withBodies : withoutBodies;
    const scanMax = isWanted === undefined ? limit : (request.scanMax ?? Number.MAX_SAFE_INTEGER - 1);
    const messages: PeekPage['messages'][number][] = [];
    let bytes = 0;
    let scanned = 0;
    let lastKey = 0;
    // One more than asked for tells whether there is a next page.
    const start = keyAfter(queue.number, request.cursor);
    for (const row of select.iterate(start, queueEnd(queue.number), scanMax + 1)) {
      if (messages.length === limit || bytes >= bytesMax || scanned === scanMax) {
        return { messages, cursor: formatCursor(placeOfKey(lastKey)) };
      }
      scanned += 1;
      lastKey = row.key;
      if (isWanted !== undefined && !isWanted(idOfHead(row.head), propertiesOfHead(row.head))) continue;
      const content = isWanted !== undefined && bodies ? selectBody.get(row.key) : undefined;
      const found = { ...row, ...content };
      messages.push({
        ...storedMessage(found, row.deliveries ?? 0, symbols, storyOf(queue, row.key)),
        state: stateOfHold(holdOf(row), now),
        ...leaseOf(row, symbols),
      });
      bytes += contentBytes(found);
    }
    return { messages };
  };
}

type PeekColumns = MessageColumns & {
  readonly until: number | null;
  readonly visible_at: number | null;
  readonly token: string | null;
  readonly deliveries: number | null;
  readonly consumer: number | null;
};

function holdOf({ until, visible_at: visibleAt, token }: PeekColumns): Hold | undefined {
  return until === null || visibleAt === null ? undefined : { until, visibleAt, token };
}

function leaseOf(
  { until, token, consumer }: PeekColumns,
  symbols: Symbols,
): Pick<PeekedMessage, 'lastLease'> {
  if (consumer === null || until === null || token === null) return {};
  return { lastLease: { consumer: symbols.name(consumer), until } };
}

function prepareSelect(
  database: Database.Database,
  body: string,
): Database.Statement<[number, number, number], PeekColumns> {
  return database.prepare(
    `SELECT ${MESSAGE_COLUMNS}, ${body}, hold.until, hold.visible_at, hold.token, hold.deliveries, hold.consumer
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? ORDER BY message.key LIMIT ?`,
  );
}

function keyAfter(queueNumber: number, cursor: string | undefined): number {
  if (cursor === undefined) return queueStart(queueNumber);
  const place = parseCursor(cursor);
  const key = place === undefined ? undefined : keyOfPlace(queueNumber, place);
  if (key === undefined)
    throw new StoreError('invalid-request', `"${cursor}" is not a cursor that a peek answered with`);
  return key + 1;
}
