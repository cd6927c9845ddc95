import type Database from 'better-sqlite3';
import { NEVER } from '../../../core/never.ts';
import type { MessageStory } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
import type { QueueState } from '../queue-states.ts';
import { damagedRow } from '../row-checksum.ts';
import type { Groups } from './groups.ts';
import { keyRanges } from './key-ranges.ts';
import { HEAD_BYTES, isWhole, type MessageColumns } from './stored-message.ts';

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

/**
 * Deletes messages with all that belongs to them, in whatever state they are: the one way out of a queue. What becomes
 * of them is the caller's.
 */
export type TakeOut = (
  queue: QueueState,
  keys: Iterable<number>,
  now: number,
  bodies: 'bodies' | 'no-bodies',
) => readonly TakenMessage[];

export function prepareTakeOut(database: Database.Database, dues: Dues, groups: Groups): TakeOut {
  const deleteMessages = (content: string): Database.Statement<[number, number], TakenColumns> =>
    database.prepare(
      `DELETE FROM messages WHERE key BETWEEN ? AND ?
       RETURNING key, sent_at, arrived_at, source, number, head, priority, length(body) AS body_bytes, ${content}`,
    );
  const withBodies = deleteMessages('body, checksum');
  const withoutBodies = deleteMessages("x'' AS body, NULL AS checksum");
  const deleteHolds = database.prepare<[number, number], HoldColumns>(
    'DELETE FROM holds WHERE key BETWEEN ? AND ? RETURNING key, until, token, deliveries, consumer',
  );
  const deleteStories = database.prepare<[number, number], { key: number; story: string }>(
    'DELETE FROM stories WHERE key BETWEEN ? AND ? RETURNING key, story',
  );
  const count = database.prepare('UPDATE queues SET messages = ?, bytes = ? WHERE number = ?');

  return (queue, keys, now, bodies) => {
    const ranges = keyRanges(keys);
    const holds = new Map<number, HoldColumns>();
    const stories = new Map<number, MessageStory>();
    const taken: TakenMessage[] = [];
    for (const [first, last] of ranges) {
      for (const hold of deleteHolds.all(first, last)) holds.set(hold.key, hold);
      if (queue.has.dues) dues.removeRange(first, last);
      if (queue.has.stories) {
        for (const row of deleteStories.all(first, last))
          stories.set(row.key, JSON.parse(row.story) as MessageStory);
      }
      for (const row of (bodies === 'bodies' ? withBodies : withoutBodies).all(first, last)) {
        // What is moved is written anew: damage would get a checksum of its own.
        if (!isWhole(row)) throw damagedRow(`the message at ${row.key}`);
        const hold = holds.get(row.key);
        const bytes = row.head.length - HEAD_BYTES + row.body_bytes;
        taken.push({
          ...row,
          bytes,
          deliveries: hold?.deliveries ?? 0,
          consumer: hold?.consumer ?? null,
          story: stories.get(row.key),
        });
        queue.bytes -= bytes;
      }
    }
    queue.messages -= taken.length;
    queue.held = undefined;
    count.run(queue.messages, queue.bytes, queue.number);
    if (queue.has.members) {
      const headless = groups.remove(ranges, (key) => isBlocked(holds.get(key)));
      for (const name of headless) groups.promote(queue, name, now);
    }
    return taken;
  };
}

type TakenColumns = MessageColumns & { readonly body_bytes: number };

interface HoldColumns {
  readonly key: number;
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
  readonly consumer: number | null;
}

function isBlocked(hold: HoldColumns | undefined): boolean {
  return hold !== undefined && hold.token === null && hold.until === NEVER;
}
