import type Database from 'better-sqlite3';
import { leaseTerms } from '../../../core/failed-delivery.ts';
import { isHeldTooLong, LEASE_MS_MAX, RETRY_DELAY_MS_MAX } from '../../../core/hold-limits.ts';
import { queueOfKey } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import type { Dues } from '../dues.ts';
import { noteVisible, type QueueStates } from '../queue-states.ts';

/** Ends what is held for longer than anybody can ask for, as if it ended now. Looks at every hold. */
export type EndLongHolds = (now: number) => void;

export function prepareEndLongHolds(
  database: Database.Database,
  queues: QueueStates,
  dues: Dues,
): EndLongHolds {
  const select = database.prepare<[number], Hold>(
    `SELECT key, until, token, deliveries FROM holds WHERE deliveries > 0 AND until > ? AND until < ${NEVER}`,
  );
  const update = database.prepare<[number, number, number]>(
    'UPDATE holds SET until = ?, visible_at = ? WHERE key = ?',
  );

  return (now) => {
    for (const { key, until, token, deliveries } of select.all(
      now + Math.min(LEASE_MS_MAX, RETRY_DELAY_MS_MAX),
    )) {
      const queue = queues.withNumber(queueOfKey(key));
      if (queue === undefined || !isHeldTooLong({ isLeased: token !== null, until }, now)) continue;
      const { visibleAt, endsAt } =
        token === null ? { visibleAt: now, endsAt: undefined } : leaseTerms(queue.row, deliveries, now);
      update.run(now, visibleAt, key);
      if (endsAt !== undefined) dues.put(queue, { key, kind: 'last-lease', at: endsAt });
      noteVisible(queue, key, visibleAt, now);
    }
  };
}

interface Hold {
  readonly key: number;
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
}
