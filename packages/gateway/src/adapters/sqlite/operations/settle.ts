import { unreachable } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import {
  afterFailedDelivery,
  afterRejection,
  leaseTerms,
  type Outcome,
} from '../../../core/failed-delivery.ts';
import { isLive } from '../../../core/hold-state.ts';
import { keyOfPlace } from '../../../core/message-key.ts';
import { parseReceipt } from '../../../core/receipt.ts';
import type { Settlement, SettleRequest, SettleResult } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
import { noteVisible, type QueueState, type QueueStates } from '../queue-states.ts';
import type { EndMessages, Leaving } from './end-messages.ts';

/** Settles leases; what is no live lease gets `lease-lost`. */
export type Settle = (request: SettleRequest) => readonly SettleResult[];

export function prepareSettle(
  database: Database.Database,
  queues: QueueStates,
  dues: Dues,
  ending: EndMessages,
): Settle {
  const selectHold = database.prepare<[number], Hold>(
    'SELECT until, token, deliveries FROM holds WHERE key = ?',
  );
  const settleOne = prepareSettleOne(database, dues);
  const selectMember = database.prepare<[number]>('SELECT 1 FROM members WHERE key = ?');
  const isGrouped = (queue: QueueState, key: number): boolean =>
    queue.has.members && selectMember.get(key) !== undefined;

  return ({ queue: name, settlements, now }) => {
    const queue = queues.find(name);
    // Taken out at the end, all together; until then these keys count as gone.
    const leaving: LeavingMessages = { gone: new Map(), dead: new Map() };
    const results = settlements.map((settlement): SettleResult => {
      const { receipt } = settlement;
      const parts = parseReceipt(receipt);
      const key =
        queue === undefined || parts === undefined ? undefined : keyOfPlace(queue.number, parts.key);
      const isLeaving = key === undefined || leaving.gone.has(key) || leaving.dead.has(key);
      const hold = isLeaving ? undefined : selectHold.get(key);
      if (queue === undefined || key === undefined || !isLive(hold, parts, now)) {
        return { receipt, code: 'lease-lost' };
      }
      queue.held = undefined;
      const result = settleOne({ queue, key, hold, now, leaving }, settlement);
      const isLast = leaving.gone.has(key) || leaving.dead.has(key);
      return isLast && isGrouped(queue, key) ? { ...result, isGroupNext: true } : result;
    });
    if (queue === undefined) return results;
    // Where both go, dead letters first: a subqueue that is empty then is gone.
    if (leaving.dead.size > 0) ending.deadLetter(queue, leaving.dead, now);
    if (leaving.gone.size > 0) ending.end(queue, leaving.gone, now);
    return results;
  };
}

/** The messages of one call that leave the queue, by key. */
interface LeavingMessages {
  readonly gone: Map<number, Leaving>;
  readonly dead: Map<number, Leaving>;
}

interface Hold {
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
}

interface Held {
  readonly queue: QueueState;
  readonly key: number;
  readonly hold: Hold;
  readonly now: number;
  readonly leaving: LeavingMessages;
}

const CONSUMED: Leaving = { code: 'received' };

function prepareSettleOne(
  database: Database.Database,
  dues: Dues,
): (lease: Held, settlement: Settlement) => SettleResult {
  const extend = database.prepare('UPDATE holds SET until = ?, visible_at = ? WHERE key = ?');
  const giveBack = database.prepare(
    'UPDATE holds SET until = ?, visible_at = ?, token = NULL, deliveries = ? WHERE key = ?',
  );

  const apply = ({ queue, key, hold, now, leaving }: Held, outcome: Outcome): string | undefined => {
    if (outcome.type === 'retry') {
      const { visibleAt } = outcome;
      giveBack.run(visibleAt, visibleAt, hold.deliveries, key);
      noteVisible(queue, key, visibleAt, now);
      return undefined;
    }
    const { type, ...fate } = outcome;
    (type === 'dead-letter' ? leaving.dead : leaving.gone).set(key, fate);
    return fate.code;
  };

  return (lease, settlement) => {
    const { queue, key, hold, now, leaving } = lease;
    const { receipt } = settlement;
    switch (settlement.type) {
      case 'ack':
        leaving.gone.set(key, CONSUMED);
        return { receipt };
      case 'nack':
        return answer(
          receipt,
          apply(lease, afterFailedDelivery(queue.row, hold.deliveries, now, settlement.delayMs)),
        );
      case 'reject':
        return answer(receipt, apply(lease, afterRejection(queue.row, now, settlement.reason)));
      case 'release':
        giveBack.run(0, 0, hold.deliveries - 1, key);
        noteVisible(queue, key, 0, now);
        return { receipt };
      case 'extend': {
        const leasedUntil = now + settlement.leaseMs;
        const { visibleAt, endsAt } = leaseTerms(queue.row, hold.deliveries, leasedUntil);
        extend.run(leasedUntil, visibleAt, key);
        if (endsAt !== undefined) dues.put(queue, { key, kind: 'last-lease', at: endsAt });
        noteVisible(queue, key, visibleAt, now);
        return { receipt, leasedUntil };
      }
      default:
        return unreachable(settlement);
    }
  };
}

function answer(receipt: string, ended: string | undefined): SettleResult {
  return ended === undefined ? { receipt } : { receipt, ended };
}
