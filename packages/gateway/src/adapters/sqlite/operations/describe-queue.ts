import { LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { QueueInfo } from '../../../ports/gateway-store.ts';
import { priorityStart, queueEnd, queueStart } from '../message-key.ts';
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
  const countHeld = database.prepare<
    [number, number, number],
    { leased: number | null; delayed: number | null; until: number | null }
  >(
    `SELECT sum(token IS NOT NULL) AS leased, sum(token IS NULL) AS delayed, min(until) AS until
     FROM holds WHERE key >= ? AND key < ? AND until > ?`,
  );
  const selectHead = database.prepare<[number, number], { arrived_at: number }>(
    'SELECT arrived_at FROM messages WHERE key >= ? AND key < ? ORDER BY key LIMIT 1',
  );

  const held = (queue: QueueState, now: number): HeldCounts => {
    const known = queue.held;
    if (known !== undefined && known.at <= now && now < (known.nextEndsAt ?? Number.POSITIVE_INFINITY))
      return known;
    const row = countHeld.get(queueStart(queue.number), queueEnd(queue.number), now);
    queue.held = {
      at: now,
      leased: row?.leased ?? 0,
      delayed: row?.delayed ?? 0,
      nextEndsAt: row?.until ?? undefined,
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
      const { leased, delayed } = held(queue, now);
      const oldestArrivedAt = oldest(queue);
      return {
        ...queue.row,
        ready: queue.messages - leased - delayed,
        leased,
        delayed,
        bytes: queue.bytes,
        ...(oldestArrivedAt === undefined ? {} : { oldestArrivedAt }),
      };
    },
  };
}
