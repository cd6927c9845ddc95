import type Database from 'better-sqlite3';
import { isBlocked } from '../../../core/hold-state.ts';
import { HEAD_BYTES } from '../../../core/message-head.ts';
import type { MessageStory } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
import type { Notices } from '../notices.ts';
import type { QueueState } from '../queue-states.ts';
import { damagedRow } from '../row-checksum.ts';
import type { Groups } from './groups.ts';
import { keyRanges } from './key-ranges.ts';
import { contentBytes, isWhole, type MessageColumns } from './stored-message.ts';

/** A message that has left its queue. */
export interface TakenMessage extends MessageColumns {
  /** Of properties and body. */
  readonly bytes: number;
  /** How often it was handed out in the queue. */
  readonly deliveries: number;
  /** The symbol of who leased it last. */
  readonly consumer: number | null;
  readonly story: MessageStory | undefined;
}

/** Deletes messages with all that belongs to them, in whatever state they are: the one way out of a queue. */
export interface TakeOut {
  /** What becomes of them is the caller's. */
  take(queue: QueueState, keys: Iterable<number>, now: number): readonly TakenMessage[];
  /** The same for those of which nothing is kept; most go this way, so no more is read of them than has to be. */
  discard(queue: QueueState, keys: Iterable<number>, now: number): void;
}

export function prepareTakeOut(
  database: Database.Database,
  dues: Dues,
  groups: Groups,
  notices: Notices,
): TakeOut {
  const count = database.prepare('UPDATE queues SET messages = ?, bytes = ? WHERE number = ?');
  const note: Note = (queue, { ranges, holds, messages, bytes }, now) => {
    queue.messages -= messages;
    queue.bytes -= bytes;
    queue.held = undefined;
    count.run(queue.messages, queue.bytes, queue.number);
    if (!queue.has.members) return;
    const headless = groups.remove(ranges, (key) => isBlocked(holds.get(key)));
    for (const name of headless) groups.promote(queue, name, now);
  };
  const deleteHolds = database.prepare<[number, number], HoldColumns>(
    'DELETE FROM holds WHERE key BETWEEN ? AND ? RETURNING key, until, token, deliveries, consumer',
  );
  return {
    take: prepareTake(database, { dues, notices }, deleteHolds, note),
    discard: prepareDiscard(database, { dues, notices }, deleteHolds, note),
  };
}

type DeleteHolds = Database.Statement<[number, number], HoldColumns>;
/** Brings the queue's own row up to date, and lets the next message of each group come forward. */
type Note = (queue: QueueState, gone: Gone, now: number) => void;

interface RowsBeside {
  readonly dues: Dues;
  readonly notices: Notices;
}

function prepareTake(
  database: Database.Database,
  { dues, notices }: RowsBeside,
  deleteHolds: DeleteHolds,
  note: Note,
): TakeOut['take'] {
  const deleteMessages = database.prepare<[number, number], MessageColumns>(
    `DELETE FROM messages WHERE key BETWEEN ? AND ?
     RETURNING key, sent_at, arrived_at, source, number, head, priority, body, checksum`,
  );
  const deleteStories = database.prepare<[number, number], { key: number; story: string }>(
    'DELETE FROM stories WHERE key BETWEEN ? AND ? RETURNING key, story',
  );
  return (queue, keys, now) => {
    const ranges = keyRanges(keys);
    const holds = new Map<number, HoldColumns>();
    const stories = new Map<number, MessageStory>();
    const taken: TakenMessage[] = [];
    for (const [first, last] of ranges) {
      for (const hold of deleteHolds.all(first, last)) holds.set(hold.key, hold);
      if (queue.has.dues) dues.removeRange(first, last);
      if (queue.has.asks) notices.withdraw(first, last);
      if (queue.has.stories) {
        for (const row of deleteStories.all(first, last))
          stories.set(row.key, JSON.parse(row.story) as MessageStory);
      }
      for (const row of deleteMessages.all(first, last)) {
        // What is moved is written anew: damage would get a checksum of its own.
        if (!isWhole(row)) throw damagedRow(`the message at ${row.key}`);
        const hold = holds.get(row.key);
        taken.push({
          ...row,
          bytes: contentBytes(row),
          deliveries: hold?.deliveries ?? 0,
          consumer: hold?.consumer ?? null,
          story: stories.get(row.key),
        });
      }
    }
    const bytes = taken.reduce((sum, message) => sum + message.bytes, 0);
    note(queue, { ranges, holds, messages: taken.length, bytes }, now);
    return taken;
  };
}

function prepareDiscard(
  database: Database.Database,
  { dues, notices }: RowsBeside,
  deleteHolds: DeleteHolds,
  note: Note,
): TakeOut['discard'] {
  const dropMessages = database
    .prepare<[number, number], number>(
      `DELETE FROM messages WHERE key BETWEEN ? AND ? RETURNING length(head) + length(body) - ${HEAD_BYTES}`,
    )
    .pluck();
  const dropHolds = database.prepare<[number, number]>('DELETE FROM holds WHERE key BETWEEN ? AND ?');
  const dropStories = database.prepare<[number, number]>('DELETE FROM stories WHERE key BETWEEN ? AND ?');
  return (queue, keys, now) => {
    const ranges = keyRanges(keys);
    const holds = new Map<number, HoldColumns>();
    const gone = { ranges, holds, messages: 0, bytes: 0 };
    for (const [first, last] of ranges) {
      if (queue.has.members) for (const hold of deleteHolds.all(first, last)) holds.set(hold.key, hold);
      else dropHolds.run(first, last);
      if (queue.has.dues) dues.removeRange(first, last);
      if (queue.has.asks) notices.withdraw(first, last);
      if (queue.has.stories) dropStories.run(first, last);
      const sizes = dropMessages.all(first, last);
      gone.messages += sizes.length;
      for (const bytes of sizes) gone.bytes += bytes;
    }
    note(queue, gone, now);
  };
}

/** What has been deleted. */
interface Gone {
  readonly ranges: readonly (readonly [number, number])[];
  /** Needed where there are groups. */
  readonly holds: ReadonlyMap<number, HoldColumns>;
  readonly messages: number;
  readonly bytes: number;
}

interface HoldColumns {
  readonly key: number;
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
  readonly consumer: number | null;
}
