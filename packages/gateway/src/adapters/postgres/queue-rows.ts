import { invariant } from '@fieldpost/protocol';
import { QUEUES_MAX } from '../../core/message-key.ts';
import { isJournal, isSubqueue, parentOf } from '../../core/queue-address.ts';
import { readSettings, settingsText } from '../../core/queue-settings.ts';
import { StoreError } from '../../core/store-error.ts';
import type { QueueRow, QueueUsage } from '../../ports/gateway-store.ts';
import type { Statement } from './connection.ts';
import { KeptRows, type UndoLog } from './kept-rows.ts';
import type { Transaction } from './transaction.ts';

/** A queue, and what has come into it since it was made. */
export interface QueueState {
  readonly number: number;
  readonly row: QueueRow;
  readonly arrivals: number;
  readonly messages: number;
  readonly bytes: number;
}

interface QueueColumns {
  readonly number: number;
  readonly name: string;
  readonly settings: string;
  readonly created_at: number;
  readonly arrivals: number;
  readonly messages: number;
  readonly bytes: number;
}

const COLUMNS = 'number, name, settings, created_at, arrivals, messages, bytes';

const READ: Statement = {
  name: 'queues-read',
  text: `SELECT ${COLUMNS} FROM fieldpost.queues WHERE name = ANY($1)`,
};
const LOCK: Statement = {
  name: 'queues-lock',
  text: `SELECT ${COLUMNS} FROM fieldpost.queues WHERE name = ANY($1) ORDER BY name FOR UPDATE`,
};
const NAMES: Statement = {
  name: 'queues-names',
  text: 'SELECT name FROM fieldpost.queues WHERE number = ANY($1::integer[])',
};
/** What follows the semicolon in the alphabet bounds the names of subqueues. */
const HELD: Statement = {
  name: 'queues-held',
  text: `SELECT name, messages - coalesce(out_messages, 0) AS messages, bytes - coalesce(out_bytes, 0) AS bytes
         FROM fieldpost.queues
         LEFT JOIN LATERAL (SELECT sum(removals.messages)::bigint AS out_messages, sum(removals.bytes)::bigint AS out_bytes
                            FROM fieldpost.removals WHERE removals.queue = queues.number) AS removed ON true
         WHERE name = $1 OR name > $1 || ';' AND name < $1 || '<' ORDER BY name`,
};
const LOCK_NUMBERS: Statement = {
  name: 'queues-lock-numbers',
  text: 'SELECT pg_advisory_xact_lock(4100002)',
};
/** Behind the last one; numbers of deleted queues are given again only when the others are used up. */
const FREE_NUMBER: Statement = {
  name: 'queues-free-number',
  text: `SELECT number FROM generate_series(0, ${QUEUES_MAX - 1}) AS number
         WHERE NOT EXISTS (SELECT FROM fieldpost.queues WHERE queues.number = number.number)
           AND NOT EXISTS (SELECT FROM fieldpost.emptying WHERE emptying.queue = number.number)
           AND number.number <> ALL($1)
         ORDER BY number.number < coalesce((SELECT max(queues.number) FROM fieldpost.queues), 0), number.number LIMIT 1`,
};
const INSERT: Statement = {
  name: 'queues-insert',
  text: `INSERT INTO fieldpost.queues (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
};
const UPDATE: Statement = {
  name: 'queues-update',
  text: `UPDATE fieldpost.queues SET settings = $3, created_at = $4, arrivals = $5, messages = $6, bytes = $7
         WHERE number = $1 AND name = $2`,
};
const DELETE: Statement = {
  name: 'queues-delete',
  text: `WITH gone AS (DELETE FROM fieldpost.queues WHERE number = $1 RETURNING number)
         INSERT INTO fieldpost.emptying (queue, deleted_at) SELECT number, $2 FROM gone`,
};

/** The queues that a transaction has to do with. A queue whose row is locked gets messages from nobody else. */
export class QueueRows {
  readonly #transaction: Transaction;
  readonly #rows: KeptRows<QueueColumns>;
  readonly #locked = new Set<string>();
  /** Numbers given to queues that are not stored yet. */
  readonly #given: number[] = [];
  /** When queues were deleted: in Unix milliseconds, of the last one. */
  #deletedAt = 0;

  constructor(transaction: Transaction, undo: UndoLog) {
    this.#transaction = transaction;
    this.#rows = new KeptRows(undo);
  }

  /** Reads queues with those that their subqueues belong to, unless they are known already. */
  async read(names: Iterable<string>): Promise<void> {
    const missing = withParents(names).filter((name) => !this.#rows.isLoaded(name));
    if (missing.length > 0) await this.#load(READ, missing);
  }

  /**
   * The same, and keeps others from adding to them, changing or deleting them until the transaction ends. The queue of a
   * subqueue is only read.
   */
  async lock(names: Iterable<string>): Promise<void> {
    const missing = [...new Set(names)].filter((name) => !this.#locked.has(name));
    if (missing.length === 0) return;
    for (const name of missing) this.#locked.add(name);
    const parents = missing.filter(isSubqueue).map(parentOf);
    await Promise.all([
      this.#load(LOCK, missing),
      this.read(parents.filter((name) => !this.#locked.has(name))),
    ]);
  }

  /** What is known of a queue may be wrong. */
  forget(name: string): void {
    this.#rows.load(name, undefined);
    this.#locked.delete(name);
  }

  /** Queues by their numbers; those that are no more are absent. */
  async withNumbers(numbers: Iterable<number>): Promise<ReadonlyMap<number, QueueState>> {
    const asked = [...new Set(numbers)];
    if (asked.length === 0) return new Map();
    const names = (await this.#transaction.rows<{ name: string }>(NAMES, [asked])).map(({ name }) => name);
    await this.read(names);
    const found = names.map((name) => this.find(name)).filter((queue) => queue !== undefined);
    return new Map(found.map((queue) => [queue.number, queue]));
  }

  isLocked(name: string): boolean {
    return this.#locked.has(name);
  }

  /** A queue that was read. */
  find(name: string): QueueState | undefined {
    const found = this.#rows.get(name);
    if (found === undefined) return undefined;
    const settings = isSubqueue(name) ? this.#rows.get(parentOf(name))?.settings : found.settings;
    if (settings === undefined) return undefined;
    const { number, created_at: createdAt, arrivals, messages, bytes } = found;
    return { number, row: { ...readSettings(settings), name, createdAt }, arrivals, messages, bytes };
  }

  /** Fails with `queue-not-found`. */
  get(name: string): QueueState {
    const state = this.find(name);
    if (state === undefined) throw new StoreError('queue-not-found', `no queue is named "${name}"`);
    return state;
  }

  /**
   * The queue of this name; undefined for a subqueue that is not there now, which is one without messages. Fails with
   * `queue-not-found` when there is no such queue.
   */
  findOrEmpty(name: string): QueueState | undefined {
    if (!isSubqueue(name)) return this.get(name);
    this.get(parentOf(name));
    return this.find(name);
  }

  /** What the database has of what came into a queue. */
  stored(
    name: string,
  ): { readonly number: number; readonly messages: number; readonly bytes: number } | undefined {
    return this.#rows.stored(name);
  }

  /** Creates a queue that is locked, or changes its settings. */
  async put(row: QueueRow): Promise<void> {
    invariant(this.#locked.has(row.name), `queue "${row.name}" is to be locked first`);
    const known = this.#rows.get(row.name);
    const settings = { settings: settingsText(row), created_at: row.createdAt };
    const none = { name: row.name, arrivals: 0, messages: 0, bytes: 0 };
    if (known !== undefined) this.#rows.set(row.name, { ...known, ...settings });
    else this.#rows.set(row.name, { ...none, ...settings, number: await this.#freeNumber(row.name) });
  }

  /** Its messages are left to be removed bit by bit. */
  delete(name: string, at: number): void {
    this.#rows.set(name, undefined);
    this.#deletedAt = at;
  }

  /** Counts messages that come in. Returns the arrival number before the first of them. */
  arrive(name: string, before: number, messages: number, bytes: number): void {
    const known = this.#rows.get(name);
    invariant(known !== undefined && this.#locked.has(name), `queue "${name}" is to be locked first`);
    this.#rows.set(name, {
      ...known,
      arrivals: before + messages,
      messages: known.messages + messages,
      bytes: known.bytes + bytes,
    });
  }

  /** What a queue and its subqueues hold, as the database has it. */
  async held(name: string): Promise<readonly (QueueUsage & { readonly name: string })[]> {
    return this.#transaction.rows<QueueUsage & { readonly name: string }>(HELD, [name]);
  }

  /** Sends what has changed. */
  flush(): readonly Promise<unknown>[] {
    const changes = this.#rows.takeChanges();
    const sent: Promise<unknown>[] = [];
    // First those that go: another queue may have got the name since.
    for (const { stored, row } of changes) {
      if (stored !== undefined && stored.number !== row?.number)
        sent.push(this.#transaction.run(DELETE, [stored.number, this.#deletedAt]));
    }
    for (const { stored, row } of changes) {
      if (row === undefined) continue;
      const { number, name, settings, created_at: createdAt, arrivals, messages, bytes } = row;
      const statement = stored?.number === number ? UPDATE : INSERT;
      sent.push(
        this.#transaction.run(statement, [number, name, settings, createdAt, arrivals, messages, bytes]),
      );
    }
    return sent;
  }

  async #load(statement: Statement, names: readonly string[]): Promise<void> {
    const rows = await this.#transaction.rows<QueueColumns>(statement, [names]);
    for (const name of names) this.#rows.load(name, undefined);
    for (const row of rows) this.#rows.load(row.name, row);
  }

  async #freeNumber(name: string): Promise<number> {
    await this.#transaction.run(LOCK_NUMBERS);
    const [free] = await this.#transaction.rows<{ number: number }>(FREE_NUMBER, [this.#given]);
    if (free === undefined) {
      throw new StoreError(
        'quota-exceeded',
        `queue "${name}": the store holds ${QUEUES_MAX} queues already; delete one first`,
      );
    }
    this.#given.push(free.number);
    return free.number;
  }
}

/** What counts against a quota: everything but the journal. */
export function usageOf(held: readonly (QueueUsage & { readonly name: string })[]): QueueUsage {
  const usage = { messages: 0, bytes: 0 };
  for (const { name, messages, bytes } of held) {
    if (isJournal(name)) continue;
    usage.messages += messages;
    usage.bytes += bytes;
  }
  return usage;
}

function withParents(names: Iterable<string>): string[] {
  const all = new Set<string>();
  for (const name of names) all.add(parentOf(name)).add(name);
  return [...all];
}
