import type { MessageId } from '@fieldpost/protocol';
import type { SendRow } from '../../ports/gateway-store.ts';
import { uuidArray } from './binary-array.ts';
import type { Statement } from './connection.ts';
import { KeptRows, type UndoLog } from './kept-rows.ts';
import { TryAgain } from './postgres-error.ts';
import type { QueueRows } from './queue-rows.ts';
import type { Transaction } from './transaction.ts';

const LOCK: Statement = {
  name: 'sends-lock',
  text: `SELECT queue, id, content_hash, sent_at
         FROM unnest($1::integer[], $2::uuid[]) AS asked (queue, id) JOIN fieldpost.sends USING (queue, id)
         ORDER BY queue, id FOR UPDATE OF sends`,
};
const INSERT: Statement = {
  name: 'sends-insert',
  text: `INSERT INTO fieldpost.sends (queue, id, content_hash, sent_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
};
const UPDATE: Statement = {
  name: 'sends-update',
  text: 'UPDATE fieldpost.sends SET content_hash = $3, sent_at = $4 WHERE queue = $1 AND id = $2',
};

interface SendColumns {
  readonly queue: number;
  readonly id: string;
  readonly content_hash: Uint8Array;
  readonly sent_at: number;
}

/** An id of a server-side producer, in a queue. */
export interface AskedSend {
  readonly queue: string;
  readonly id: MessageId;
}

/** The ids of server-side producers that a transaction has to do with. */
export class SendRows {
  readonly #transaction: Transaction;
  readonly #queues: QueueRows;
  readonly #rows: KeptRows<SendRow>;

  constructor(transaction: Transaction, queues: QueueRows, undo: UndoLog) {
    this.#transaction = transaction;
    this.#queues = queues;
    this.#rows = new KeptRows(undo);
  }

  /** Reads them; their queues are known by then. */
  async lock(asked: Iterable<AskedSend>): Promise<void> {
    const missing = new Map<string, { readonly queue: number; readonly id: MessageId }>();
    for (const { queue, id } of asked) {
      const number = this.#queues.find(queue)?.number;
      if (number === undefined || this.#rows.isLoaded(keyOf(number, id))) continue;
      missing.set(keyOf(number, id), { queue: number, id });
    }
    if (missing.size === 0) return;
    const list = [...missing.values()];
    const values = [list.map(({ queue }) => queue), uuidArray(list.map(({ id }) => id))];
    const rows = await this.#transaction.rows<SendColumns>(LOCK, values);
    for (const key of missing.keys()) this.#rows.load(key, undefined);
    for (const { queue, id, content_hash: contentHash, sent_at: sentAt } of rows)
      this.#rows.load(keyOf(queue, id), { id: id as MessageId, contentHash, sentAt });
  }

  get({ queue, id }: AskedSend): SendRow | undefined {
    const number = this.#queues.find(queue)?.number;
    return number === undefined ? undefined : this.#rows.get(keyOf(number, id));
  }

  /** Fails with `queue-not-found`. */
  put(queue: string, row: SendRow): void {
    this.#rows.set(keyOf(this.#queues.get(queue).number, row.id), row);
  }

  flush(): readonly Promise<unknown>[] {
    return this.#rows.takeChanges().map(async ({ key, stored, row }) => {
      if (row === undefined) return;
      const queue = Number.parseInt(key, 10);
      const values = [queue, row.id, Buffer.from(row.contentHash), row.sentAt];
      const { count } = await this.#transaction.run(stored === undefined ? INSERT : UPDATE, values);
      if (count !== 1) throw new TryAgain("another transaction used the same producer's id");
    });
  }
}

function keyOf(queue: number, id: string): string {
  return `${queue} ${id}`;
}
