import { hexFromBytes, LIMITS } from '@fieldpost/protocol';
import { BLOCKED } from '../../core/hold-state.ts';
import { headOf, idOfHead } from '../../core/message-head.ts';
import { arrivalsBefore, priorityStart, queueEnd, queueStart } from '../../core/message-key.ts';
import type { DeliveryTerms, MessageStory, NewMessage } from '../../ports/gateway-store.ts';
import { bigintArray, bytesArray, smallintArray, uuidArray } from './binary-array.ts';
import type { Statement } from './connection.ts';
import { EXPIRY } from './dues.ts';
import { KeptRows, type UndoLog } from './kept-rows.ts';
import type { QueueRows } from './queue-rows.ts';
import { safeText } from './safe-text.ts';
import type { Transaction } from './transaction.ts';

/** A message on its way into a queue. */
export interface InsertedMessage {
  readonly sentAt: number;
  readonly arrivedAt: number;
  readonly number: number | null;
  readonly epoch: string | null;
  readonly device: string | null;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  /** Of properties and body. */
  readonly bytes: number;
  readonly terms: DeliveryTerms | undefined;
  readonly story: MessageStory | undefined;
}

/** A message as it comes from a sender. */
export function insertedMessage(message: NewMessage): InsertedMessage {
  const { properties, body, sentAt, arrivedAt, origin, priority, terms, story } = message;
  return {
    sentAt,
    arrivedAt,
    number: origin?.number ?? null,
    epoch: origin?.epoch ?? null,
    device: origin?.device ?? null,
    head: headOf(message),
    body,
    priority,
    bytes: properties.length + body.length,
    terms,
    story,
  };
}

const INSERT: Statement = {
  name: 'messages-insert',
  text: `INSERT INTO fieldpost.messages (key, sent_at, arrived_at, number, epoch, device, priority, head, body)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::uuid[],
                              $7::smallint[], $8::bytea[], $9::bytea[])`,
};
const INSERT_HOLDS: Statement = {
  name: 'holds-insert',
  text: `INSERT INTO fieldpost.holds (key, until, visible_at, token, deliveries)
         SELECT key, until, visible_at, NULL, 0 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS new (key, until, visible_at)`,
};
const INSERT_DUES: Statement = {
  name: 'dues-insert',
  text: `INSERT INTO fieldpost.dues (key, kind, at)
         SELECT key, ${EXPIRY}, at FROM unnest($1::bigint[], $2::bigint[]) AS new (key, at)`,
};
const INSERT_MEMBERS: Statement = {
  name: 'members-insert',
  text: `INSERT INTO fieldpost.members (key, name, visible_at)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])`,
};
const INSERT_STORIES: Statement = {
  name: 'stories-insert',
  text: 'INSERT INTO fieldpost.stories (key, story) SELECT * FROM unnest($1::bigint[], $2::text[])',
};
const INSERT_ASKS: Statement = {
  name: 'asks-insert',
  text: 'INSERT INTO fieldpost.asks (key, device, id) SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[])',
};
const SELECT_GROUPS: Statement = {
  name: 'members-groups',
  text: `SELECT name FROM unnest($1::text[]) AS asked (name)
         WHERE EXISTS (SELECT FROM fieldpost.members WHERE members.name = asked.name AND key >= $2 AND key < $3)`,
};

interface PendingMessage extends InsertedMessage {
  readonly key: number;
  /** Where the key does not tell it. */
  readonly ownPriority: number | null;
}

interface Hold {
  readonly until: number;
  readonly visibleAt: number;
}

/** Messages that a transaction adds to queues: the one way in. */
export class MessageInserts {
  readonly #transaction: Transaction;
  readonly #queues: QueueRows;
  readonly #undo: UndoLog;
  /** Groups by queue number and name: whether a message of it is there. */
  readonly #groups: KeptRows<true>;
  #pending: PendingMessage[] = [];
  #holds: (Hold & { readonly key: number })[] = [];
  #bytes = 0;

  constructor(transaction: Transaction, queues: QueueRows, undo: UndoLog) {
    this.#transaction = transaction;
    this.#queues = queues;
    this.#undo = undo;
    this.#groups = new KeptRows(undo);
  }

  /** Of what is to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds messages to the end of a queue that is locked, in this order. Fails with `queue-not-found`. */
  async add(name: string, messages: readonly InsertedMessage[]): Promise<void> {
    const queue = this.#queues.get(name);
    await this.#loadGroups(queue.number, messages);
    const isFifo = queue.row.ordering === 'fifo';
    // How many are there now is not known here, so a queue's numbers never begin again.
    const before = arrivalsBefore({ name, arrivals: queue.arrivals, messages: 1 }, messages.length);
    const added = messages.map((message, index): PendingMessage => {
      const { priority } = message;
      // In order of arrival all messages stand where those of the default priority do.
      const start = priorityStart(queue.number, isFifo ? LIMITS.priorityDefault : priority);
      const ownPriority = isFifo && priority !== LIMITS.priorityDefault ? priority : null;
      return { ...message, key: start + before + index + 1, ownPriority };
    });
    const bytes = added.reduce((sum, message) => sum + message.bytes, 0);
    this.#remember(bytes);
    for (const message of added) {
      this.#holdBack(queue.number, message);
      this.#pending.push(message);
    }
    this.#bytes += bytes;
    this.#queues.arrive(name, before, added.length, bytes);
  }

  /** Sends what was added. */
  flush(): readonly Promise<unknown>[] {
    const [messages, holds] = [this.#pending, this.#holds];
    [this.#pending, this.#holds] = [[], []];
    if (messages.length === 0) return [];
    const run = (statement: Statement, values: Parameters<Transaction['run']>[1]): Promise<unknown> =>
      this.#transaction.run(statement, values);
    const sent = [
      run(INSERT, [
        bigintArray(messages.map(({ key }) => key)),
        bigintArray(messages.map(({ sentAt }) => sentAt)),
        bigintArray(messages.map(({ arrivedAt }) => arrivedAt)),
        bigintArray(messages.map(({ number }) => number)),
        uuidArray(messages.map(({ epoch }) => epoch)),
        uuidArray(messages.map(({ device }) => device)),
        smallintArray(messages.map(({ ownPriority }) => ownPriority)),
        bytesArray(messages.map(({ head }) => head)),
        bytesArray(messages.map(({ body }) => body)),
      ]),
    ];
    if (holds.length > 0) {
      const values = [holds.map(({ key }) => key), holds.map(({ until }) => until)].map(bigintArray);
      sent.push(run(INSERT_HOLDS, [...values, bigintArray(holds.map(({ visibleAt }) => visibleAt))]));
    }
    const expiring = pick(messages, ({ terms }) => terms?.expiresAt);
    if (expiring.keys.length > 0)
      sent.push(run(INSERT_DUES, [bigintArray(expiring.keys), bigintArray(expiring.values)]));
    const grouped = pick(messages, ({ terms }) => terms?.groupId);
    if (grouped.keys.length > 0) {
      const visible = messages.filter(({ terms }) => terms?.groupId !== undefined);
      sent.push(
        run(INSERT_MEMBERS, [
          bigintArray(grouped.keys),
          grouped.values.map(safeText),
          bigintArray(visible.map(({ terms }) => terms?.visibleAt ?? 0)),
        ]),
      );
    }
    const asked = pick(messages, ({ terms, device, head }) =>
      terms?.tellsFate === true && device !== null ? { device, id: hexFromBytes(idOfHead(head)) } : undefined,
    );
    if (asked.keys.length > 0) {
      const devices = uuidArray(asked.values.map(({ device }) => device));
      const ids = uuidArray(asked.values.map(({ id }) => id));
      sent.push(run(INSERT_ASKS, [bigintArray(asked.keys), devices, ids]));
    }
    const moved = pick(messages, ({ story }) => story);
    if (moved.keys.length > 0) {
      const stories = moved.values.map((story) => JSON.stringify(story));
      sent.push(run(INSERT_STORIES, [bigintArray(moved.keys), stories]));
    }
    return sent;
  }

  /** Of each group in a queue one message is free: the first. */
  #holdBack(queue: number, { key, terms }: PendingMessage): void {
    if (terms === undefined) return;
    const { visibleAt = 0, groupId } = terms;
    const group = groupId === undefined ? undefined : groupKey(queue, groupId);
    const isBlocked = group !== undefined && this.#groups.get(group) === true;
    if (group !== undefined) this.#groups.set(group, true);
    if (isBlocked) this.#holds.push({ key, ...BLOCKED });
    else if (visibleAt > 0) this.#holds.push({ key, until: visibleAt, visibleAt });
  }

  async #loadGroups(queue: number, messages: readonly InsertedMessage[]): Promise<void> {
    const names = new Set<string>();
    for (const { terms } of messages) {
      if (terms?.groupId === undefined || this.#groups.isLoaded(groupKey(queue, terms.groupId))) continue;
      names.add(terms.groupId);
    }
    if (names.size === 0) return;
    const asked = [...names].map(safeText);
    const range = [queueStart(queue), queueEnd(queue)] as const;
    const rows = await this.#transaction.rows<{ name: string }>(SELECT_GROUPS, [asked, ...range]);
    const there = new Set(rows.map(({ name }) => name));
    for (const name of names)
      this.#groups.load(groupKey(queue, name), there.has(safeText(name)) ? true : undefined);
  }

  #remember(bytes: number): void {
    const [messages, holds] = [this.#pending.length, this.#holds.length];
    this.#undo.add(() => {
      this.#pending.length = messages;
      this.#holds.length = holds;
      this.#bytes -= bytes;
    });
  }
}

function groupKey(queue: number, name: string): string {
  return `${queue} ${name}`;
}

/** What `choose` finds, with the keys of the messages that it found it in. */
function pick<Found>(
  messages: readonly PendingMessage[],
  choose: (message: PendingMessage) => Found | undefined,
): { readonly keys: readonly number[]; readonly values: readonly Found[] } {
  const keys: number[] = [];
  const values: Found[] = [];
  for (const message of messages) {
    const found = choose(message);
    if (found === undefined) continue;
    keys.push(message.key);
    values.push(found);
  }
  return { keys, values };
}
