import { LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { priorityStart, queueEnd, queueStart } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import type { QueueInfo } from '../../../ports/gateway-store.ts';
import type { HeldCounts, QueueState } from '../queue-states.ts';

/**
 * Counts of a queue. How many messages and bytes it has stands in its row, kept by the transactions that change it;
 * held ones are counted among the holds, which are as many as are leased or delayed, and only when one changed.
 * The waiting messages themselves are never counted through.
 */
export interface DescribeQueue {
  info(queue: QueueState, now: number): QueueInfo;
  held(queue: QueueState, now: number): HeldCounts;
}

export function prepareDescribeQueue(database: Database.Database): DescribeQueue {
  const countHeld = database.prepare<number[], HeldColumns>(
    `SELECT sum(token IS NOT NULL AND until > ?) AS leased, sum(token IS NULL AND until = ${NEVER}) AS blocked,
            count(*) AS held, min(CASE WHEN until > ? THEN until END) AS until,
            min(CASE WHEN visible_at < ${NEVER} THEN visible_at END) AS visible_at
     FROM holds WHERE key >= ? AND key < ? AND visible_at > ?`,
  );
  const selectHead = database.prepare<[number, number], { arrived_at: number }>(
    'SELECT arrived_at FROM messages WHERE key >= ? AND key < ? ORDER BY key LIMIT 1',
  );

  const held = (queue: QueueState, now: number): HeldCounts => {
    const known = queue.held;
    if (known !== undefined && known.at <= now && now < known.changesAt) return known;
    const row = countHeld.get(now, now, queueStart(queue.number), queueEnd(queue.number), now);
    const { leased, blocked, held: all, until, visible_at: visibleAt } = row ?? NOTHING_HELD;
    queue.held = {
      at: now,
      changesAt: Math.min(until ?? NEVER, visibleAt ?? NEVER),
      leased: leased ?? 0,
      blocked: blocked ?? 0,
      delayed: all - (leased ?? 0) - (blocked ?? 0),
      nextVisibleAt: visibleAt ?? undefined,
    };
    return queue.held;
  };

  const oldest = (queue: QueueState): number | undefined => {
    if (queue.messages === 0) return undefined;
    let arrivedAt: number | undefined;
    for (let priority: number = LIMITS.priorityMax; priority >= 0; priority--) {
      const end = priority === 0 ? queueEnd(queue.number) : priorityStart(queue.number, priority - 1);
      const head = selectHead.get(priorityStart(queue.number, priority), end)?.arrived_at;
      if (head !== undefined) arrivedAt = Math.min(arrivedAt ?? head, head);
    }
    return arrivedAt;
  };

  return {
    held,
    info: (queue, now) => {
      const { leased, delayed, blocked } = held(queue, now);
      const oldestArrivedAt = oldest(queue);
      return {
        ...queue.row,
        ready: queue.messages - leased - delayed - blocked,
        leased,
        delayed,
        blocked,
        bytes: queue.bytes,
        ...(oldestArrivedAt === undefined ? {} : { oldestArrivedAt }),
      };
    },
  };
}

interface HeldColumns {
  readonly leased: number | null;
  readonly blocked: number | null;
  readonly held: number;
  readonly until: number | null;
  readonly visible_at: number | null;
}

const NOTHING_HELD: HeldColumns = { leased: 0, blocked: 0, held: 0, until: null, visible_at: null };
