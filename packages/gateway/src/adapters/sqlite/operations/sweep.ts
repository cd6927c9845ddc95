import type Database from 'better-sqlite3';
import { afterExpiry, afterFailedDelivery, type Outcome } from '../../../core/failed-delivery.ts';
import { queueOfKey } from '../../../core/message-key.ts';
import type { Due, Dues } from '../dues.ts';
import type { QueueState, QueueStates } from '../queue-states.ts';
import type { EndMessages, Leaving } from './end-messages.ts';

/** Ends what has run out by `now`, a batch of it. Answers how many messages ended, by queue. */
export type Sweep = (now: number) => ReadonlyMap<string, number>;

/** Messages ended in one transaction: bounds for how long others wait. */
const BATCH = 1000;

export function prepareSweep(
  database: Database.Database,
  queues: QueueStates,
  dues: Dues,
  ending: EndMessages,
): Sweep {
  const selectHold = database.prepare<[number], Hold>(
    'SELECT until, token, deliveries FROM holds WHERE key = ?',
  );

  /** What becomes of a message whose time has come; undefined when nothing does, or not yet. */
  const outcomeOf = (queue: QueueState, due: Due, now: number): Outcome | undefined => {
    const hold = selectHold.get(due.key);
    const isLeased = hold !== undefined && hold.token !== null && hold.until > now;
    if (due.kind === 'expiry') {
      if (!isLeased) return afterExpiry(queue.row);
      // Whoever has it may finish: it expires when it comes back.
      dues.put(queue, { ...due, at: hold.until });
      return undefined;
    }
    dues.remove(due);
    if (hold === undefined || hold.token === null || isLeased) return undefined;
    return afterFailedDelivery(queue.row, hold.deliveries, hold.until);
  };

  return (now) => {
    const ended = new Map<string, number>();
    for (const [number, list] of byQueue(dues.list(now, BATCH))) {
      const queue = queues.withNumber(number);
      const gone = new Map<number, Leaving>();
      const dead = new Map<number, Leaving>();
      for (const due of list) {
        if (queue === undefined) dues.remove(due);
        // What came first counts: a last lease may have run out before the time to live did.
        const isDecided = gone.has(due.key) || dead.has(due.key);
        const outcome = queue === undefined || isDecided ? undefined : outcomeOf(queue, due, now);
        if (outcome === undefined || outcome.type === 'retry') continue;
        (outcome.type === 'dead-letter' ? dead : gone).set(due.key, { code: outcome.code });
      }
      if (queue === undefined) continue;
      if (dead.size > 0) ending.deadLetter(queue, dead, now);
      if (gone.size > 0) ending.end(queue, gone, now);
      if (dead.size + gone.size > 0) ended.set(queue.row.name, dead.size + gone.size);
    }
    return ended;
  };
}

function byQueue(list: readonly Due[]): ReadonlyMap<number, readonly Due[]> {
  const queues = new Map<number, Due[]>();
  for (const due of list) {
    const number = queueOfKey(due.key);
    const known = queues.get(number);
    if (known === undefined) queues.set(number, [due]);
    else known.push(due);
  }
  return queues;
}

interface Hold {
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
}
