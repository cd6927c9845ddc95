import { unreachable } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { parseReceipt, type ReceiptParts } from '../../../core/receipt.ts';
import type { Settlement, SettleRequest, SettleResult } from '../../../ports/gateway-store.ts';
import { keyOfPlace } from '../message-key.ts';
import { noteVisible, type QueueState, type QueueStates } from '../queue-states.ts';
import { prepareDeleteKeys } from './delete-keys.ts';

/** Settles leases; what is no live lease gets `lease-lost`. */
export type Settle = (request: SettleRequest) => readonly SettleResult[];

export function prepareSettle(database: Database.Database, queues: QueueStates): Settle {
  const selectHold = database.prepare<[number], Hold>(
    'SELECT until, token, deliveries, bytes FROM holds WHERE key = ?',
  );
  const giveBack = prepareGiveBack(database);
  const deleteKeys = prepareDeleteKeys(database);
  const count = database.prepare('UPDATE queues SET messages = ?, bytes = ? WHERE number = ?');

  return ({ queue: name, settlements, now }) => {
    const queue = queues.find(name);
    // Deleted at the end, all together; until then these keys count as gone.
    const acknowledged = new Map<number, Hold>();
    const results = settlements.map((settlement): SettleResult => {
      const { receipt } = settlement;
      const parts = parseReceipt(receipt);
      const key =
        queue === undefined || parts === undefined ? undefined : keyOfPlace(queue.number, parts.key);
      const hold = key === undefined || acknowledged.has(key) ? undefined : selectHold.get(key);
      if (queue === undefined || key === undefined || !isLive(hold, parts, now)) {
        return { receipt, code: 'lease-lost' };
      }
      queue.held = undefined;
      if (settlement.type !== 'ack') return giveBack(queue, key, hold, settlement, now);
      acknowledged.set(key, hold);
      return { receipt };
    });
    if (queue === undefined || acknowledged.size === 0) return results;
    deleteKeys(acknowledged.keys());
    queue.messages -= acknowledged.size;
    for (const { bytes } of acknowledged.values()) queue.bytes -= bytes;
    count.run(queue.messages, queue.bytes, queue.number);
    return results;
  };
}

interface Hold {
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
  readonly bytes: number;
}

function isLive(hold: Hold | undefined, parts: ReceiptParts | undefined, now: number): hold is Hold {
  return hold !== undefined && hold.until > now && hold.token === parts?.token;
}

type GivingBack = Exclude<Settlement, { readonly type: 'ack' }>;

function prepareGiveBack(
  database: Database.Database,
): (queue: QueueState, key: number, hold: Hold, settlement: GivingBack, now: number) => SettleResult {
  const extend = database.prepare('UPDATE holds SET until = ? WHERE key = ?');
  const giveBack = database.prepare('UPDATE holds SET until = ?, token = NULL, deliveries = ? WHERE key = ?');

  return (queue, key, hold, settlement, now) => {
    const { receipt } = settlement;
    switch (settlement.type) {
      case 'nack':
        giveBack.run(now + settlement.delayMs, hold.deliveries, key);
        noteVisible(queue, key, now + settlement.delayMs, now);
        return { receipt };
      case 'release':
        giveBack.run(0, hold.deliveries - 1, key);
        noteVisible(queue, key, 0, now);
        return { receipt };
      case 'extend': {
        const leasedUntil = now + settlement.leaseMs;
        extend.run(leasedUntil, key);
        noteVisible(queue, key, leasedUntil, now);
        return { receipt, leasedUntil };
      }
      default:
        return unreachable(settlement);
    }
  };
}
