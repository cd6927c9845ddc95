import { LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { BLOCKED } from '../../../core/hold-state.ts';
import { idOfHead } from '../../../core/message-head.ts';
import { arrivalsBefore, priorityStart } from '../../../core/message-key.ts';
import type { DeliveryTerms, MessageStory } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
import type { Notices } from '../notices.ts';
import type { QueueState } from '../queue-states.ts';
import type { Groups } from './groups.ts';
import { prepareInsertRows } from './insert-rows.ts';
import { checksumOf } from './stored-message.ts';

/** A message on its way into a queue, as columns. */
export interface InsertedMessage {
  readonly sentAt: number;
  readonly arrivedAt: number;
  readonly source: number | null;
  readonly number: number | null;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  /** Of properties and body. */
  readonly bytes: number;
  readonly terms: DeliveryTerms | undefined;
  readonly story: MessageStory | undefined;
}

/** Adds messages to the end of a queue, in this order: the one way in. Returns the bytes they take there. */
export type InsertMessages = (
  queue: QueueState,
  messages: Iterable<InsertedMessage>,
  count: number,
) => number;

export function prepareInsertMessages(
  database: Database.Database,
  dues: Dues,
  groups: Groups,
  notices: Notices,
): InsertMessages {
  const insert = prepareInsertRows(
    database,
    'INSERT INTO messages (key, sent_at, arrived_at, source, number, head, body, checksum, priority)',
    9,
  );
  const updateCounts = database.prepare(
    'UPDATE queues SET arrivals = ?, messages = ?, bytes = ? WHERE number = ?',
  );
  const insertStory = database.prepare('INSERT INTO stories (key, story) VALUES (?, ?)');
  const hold = prepareHoldBack(database, dues, groups);

  return (queue, messages, count) => {
    const isFifo = queue.row.ordering === 'fifo';
    const before = arrivalsBefore({ ...queue, name: queue.row.name }, count);
    const values: unknown[] = [];
    let bytes = 0;
    let arrival = before;
    for (const message of messages) {
      const { priority, terms, story } = message;
      // In order of arrival all messages stand where those of the default priority do.
      const key = priorityStart(queue.number, isFifo ? LIMITS.priorityDefault : priority) + ++arrival;
      const ownPriority = isFifo && priority !== LIMITS.priorityDefault ? priority : null;
      const { sentAt, arrivedAt, source, number, head, body } = message;
      const checksum = checksumOf({
        key,
        sent_at: sentAt,
        arrived_at: arrivedAt,
        source,
        number,
        head,
        body,
      });
      values.push(key, sentAt, arrivedAt, source, number, head, body, checksum, ownPriority);
      bytes += message.bytes;
      const visibleAt = terms === undefined ? 0 : hold(queue, key, message.bytes, terms);
      if (terms?.tellsFate === true && source !== null) {
        notices.ask(key, source, idOfHead(head));
        queue.has.asks = true;
      }
      if (story !== undefined) {
        insertStory.run(key, JSON.stringify(story));
        queue.has.stories = true;
      }
      if (key >= queue.prefix.end) continue;
      if (visibleAt === 0) queue.prefix.end = key;
      else queue.prefix.until = Math.min(queue.prefix.until, visibleAt);
    }
    insert(values);
    queue.arrivals = arrival;
    queue.messages += arrival - before;
    queue.bytes += bytes;
    updateCounts.run(queue.arrivals, queue.messages, queue.bytes, queue.number);
    return bytes;
  };
}

/** Makes the rows by which a message is invisible at first, or ends; answers when it will be visible, 0 if it is now. */
function prepareHoldBack(
  database: Database.Database,
  dues: Dues,
  groups: Groups,
): (queue: QueueState, key: number, bytes: number, terms: DeliveryTerms) => number {
  const insertHold = database.prepare(
    'INSERT INTO holds (key, until, token, deliveries, bytes, visible_at) VALUES (?, ?, NULL, 0, ?, ?)',
  );
  return (queue, key, bytes, { visibleAt = 0, expiresAt, groupId }) => {
    if (expiresAt !== undefined) dues.put(queue, { key, kind: 'expiry', at: expiresAt });
    const isBlocked = groupId !== undefined && groups.add(queue, key, groupId, visibleAt);
    const hold = isBlocked ? BLOCKED : { until: visibleAt, visibleAt };
    if (hold.until === 0) return 0;
    insertHold.run(key, hold.until, bytes, hold.visibleAt);
    queue.held = undefined;
    return hold.visibleAt;
  };
}
