import type Database from 'better-sqlite3';
import { isLive } from '../../../core/hold-state.ts';
import { HEAD_BYTES } from '../../../core/message-head.ts';
import { keyOfPlace } from '../../../core/message-key.ts';
import { parseReceipt } from '../../../core/receipt.ts';
import type { LiveLease } from '../../../ports/gateway-store.ts';
import type { QueueStates } from '../queue-states.ts';

/** The live lease that a receipt is of; undefined when there is none. */
export type FindLease = (queue: string, receipt: string, now: number) => LiveLease | undefined;

export function prepareFindLease(database: Database.Database, queues: QueueStates): FindLease {
  const select = database.prepare<[number], HeldMessage>(
    `SELECT hold.until, hold.token, length(head) + length(body) - ${HEAD_BYTES} AS bytes
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

interface HeldMessage extends LiveLease {
  readonly until: number;
  readonly token: string | null;
}
