import type Database from 'better-sqlite3';
import { parseReceipt, type ReceiptParts } from '../../../core/receipt.ts';
import type { LiveLease } from '../../../ports/gateway-store.ts';
import { keyOfPlace } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';
import { HEAD_BYTES } from './stored-message.ts';

/** What keeps a message from being handed out: its lease, or a delay (then without a token). */
export interface Hold {
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
}

/** The live lease that a receipt is of; undefined when there is none. */
export type FindLease = (queue: string, receipt: string, now: number) => LiveLease | undefined;

export function prepareFindLease(database: Database.Database, queues: QueueStates): FindLease {
  const select = database.prepare<[number], Hold & LiveLease>(
    `SELECT hold.until, hold.token, hold.deliveries, length(head) + length(body) - ${HEAD_BYTES} AS bytes
     FROM holds AS hold JOIN messages AS message ON message.key = hold.key WHERE hold.key = ?`,
  );
  return (name, receipt, now) => {
    const queue = queues.find(name);
    const parts = parseReceipt(receipt);
    const key = queue === undefined || parts === undefined ? undefined : keyOfPlace(queue.number, parts.key);
    const hold = key === undefined ? undefined : select.get(key);
    return isLive(hold, parts, now) ? { bytes: hold.bytes } : undefined;
  };
}

/** Whether a lease goes on and is the one that the receipt is of. */
export function isLive<Found extends Hold>(
  hold: Found | undefined,
  parts: ReceiptParts | undefined,
  now: number,
): hold is Found {
  return hold !== undefined && hold.until > now && hold.token === parts?.token;
}
