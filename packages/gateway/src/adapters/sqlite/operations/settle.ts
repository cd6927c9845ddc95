import { unreachable } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { parseReceipt, type ReceiptParts } from '../../../core/receipt.ts';
import type { Settlement, SettleRequest, SettleResult } from '../../../ports/gateway-store.ts';
import { keyOfPlace } from '../message-key.ts';
import { noteVisible, type QueueState, type QueueStates } from '../queue-states.ts';

/** Settles leases; what is no live lease gets `lease-lost`. */
export type Settle = (request: SettleRequest) => readonly SettleResult[];

export function prepareSettle(database: Database.Database, queues: QueueStates): Settle {
  const selectHold = database.prepare<[number], Hold>(
    'SELECT until, token, deliveries, bytes FROM holds WHERE key = ?',
  );
  const settleOne = prepareSettleOne(database);
  const count = database.prepare('UPDATE queues SET messages = ?, bytes = ? WHERE number = ?');

  return ({ queue: name, settlements, now }) => {
    const queue = queues.find(name);
    const results = settlements.map((settlement): SettleResult => {
      const { receipt } = settlement;
      const parts = parseReceipt(receipt);
      const key =
        queue === undefined || parts === undefined ? undefined : keyOfPlace(queue.number, parts.key);
      const hold = key === undefined ? undefined : selectHold.get(key);
      if (queue === undefined || key === undefined || !isLive(hold, parts, now))
        return { receipt, code: 'lease-lost' };
      return settleOne(queue, key, hold, settlement, now);
    });
    if (queue !== undefined && results.some((result) => result.code === undefined)) {
      queue.held = undefined;
      count.run(queue.messages, queue.bytes, queue.number);
    }
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

function prepareSettleOne(
  database: Database.Database,
): (queue: QueueState, key: number, hold: Hold, settlement: Settlement, now: number) => SettleResult {
  const deleteMessage = database.prepare('DELETE FROM messages WHERE key = ?');
  const deleteHold = database.prepare('DELETE FROM holds WHERE key = ?');
  const extend = database.prepare('UPDATE holds SET until = ? WHERE key = ?');
  const giveBack = database.prepare('UPDATE holds SET until = ?, token = NULL, deliveries = ? WHERE key = ?');

  return (queue, key, hold, settlement, now) => {
    const { receipt } = settlement;
    switch (settlement.type) {
      case 'ack':
        deleteMessage.run(key);
        deleteHold.run(key);
        queue.messages -= 1;
        queue.bytes -= hold.bytes;
        return { receipt };
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
