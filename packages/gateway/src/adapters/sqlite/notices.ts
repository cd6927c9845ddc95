import { type DeviceId, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { DeviceNotices, FateNotice, Scope } from '../../ports/gateway-store.ts';
import { bytesView } from './bytes-view.ts';
import { keyRanges } from './operations/key-ranges.ts';
import type { Symbols } from './symbols.ts';

/** Why a message left its queue. */
interface Ending {
  readonly code: string;
  readonly reason?: string;
}

/**
 * Notices of the fates of messages whose senders asked: written in the transaction that ends the message, numbered by a
 * counter of the device in the same transaction, and so in the order of the commits.
 */
export class Notices {
  readonly #symbols: Symbols;
  readonly #statements: Statements;
  /** Devices that got notices in the transaction under way. */
  #written = new Set<DeviceId>();
  readonly #listeners = new Set<(devices: ReadonlySet<DeviceId>) => void>();

  constructor(database: Database.Database, symbols: Symbols) {
    this.#symbols = symbols;
    this.#statements = prepare(database);
  }

  /** Writes down that the sender of a message wants to hear of its fate. */
  ask(key: number, source: number, id: Uint8Array): void {
    this.#statements.ask.run(key, source, id);
  }

  /** Nobody is told what becomes of these messages: they go on elsewhere, or were told of. */
  withdraw(first: number, last: number): void {
    this.#statements.withdraw.run(first, last);
  }

  /** These messages end: tells those who asked. */
  tell(keys: Iterable<number>, endingOf: (key: number) => Ending, now: number): void {
    for (const [first, last] of keyRanges(keys)) this.tellRange(first, last, endingOf, now);
  }

  /** The same for all messages from `first` to `last`. */
  tellRange(first: number, last: number, endingOf: (key: number) => Ending, now: number): void {
    const asked = this.#statements.take.all(first, last);
    for (const { key, source, id } of asked.toSorted((left, right) => left.key - right.key)) {
      const device = this.#symbols.name(source).split(' ')[1] as DeviceId;
      const { code, reason = null } = endingOf(key);
      const number = this.#symbols.intern('device', device);
      const { last: counted } = this.#statements.count.get(number) ?? { last: 1 };
      this.#statements.insert.run(number, counted, id, code, reason, now);
      this.#written.add(device);
    }
  }

  load(device: DeviceId, { after, max }: NonNullable<Scope['notices']>): DeviceNotices {
    const number = this.#symbols.find('device', device);
    if (number === undefined) return { isKnown: false, rows: [], hasMore: false };
    const known = after === undefined ? undefined : this.#statements.find.get(number, after.number);
    const isKnown = known !== undefined && after !== undefined && uuidOf(known.id) === after.id;
    const rows = this.#statements.list.all(number, isKnown ? after.number : 0, max + 1);
    return { isKnown, rows: rows.slice(0, max).map(noticeOf), hasMore: rows.length > max };
  }

  /** Forgets what the device has heard of. */
  confirm(device: DeviceId, upTo: number): void {
    const number = this.#symbols.find('device', device);
    if (number !== undefined) this.#statements.confirm.run(number, upTo);
  }

  isPruneDue(before: number): boolean {
    return this.#statements.isDue.get(before) !== undefined;
  }

  prune(before: number, max: number): number {
    return this.#statements.prune.run(before, max).changes;
  }

  /** See the port. */
  watch(listener: (devices: ReadonlySet<DeviceId>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The transaction is over, one way or the other: whoever looks now sees what there is. */
  announce(): void {
    if (this.#written.size === 0) return;
    const devices = this.#written;
    this.#written = new Set();
    for (const listener of this.#listeners) listener(devices);
  }
}

interface NoticeColumns {
  readonly number: number;
  readonly id: Uint8Array;
  readonly code: string;
  readonly reason: string | null;
  readonly ended_at: number;
}

function noticeOf({ number, id, code, reason, ended_at: endedAt }: NoticeColumns): FateNotice {
  return { number, id: uuidOf(id), code, ...(reason === null ? {} : { reason }), endedAt };
}

function uuidOf(id: Uint8Array): MessageId {
  return uuidFromBytes(bytesView(id)) as MessageId;
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: Database.Database) {
  return {
    ask: database.prepare<[number, number, Uint8Array]>(
      'INSERT INTO asks (key, source, id) VALUES (?, ?, ?)',
    ),
    withdraw: database.prepare<[number, number]>('DELETE FROM asks WHERE key BETWEEN ? AND ?'),
    take: database.prepare<[number, number], { key: number; source: number; id: Uint8Array }>(
      'DELETE FROM asks WHERE key BETWEEN ? AND ? RETURNING key, source, id',
    ),
    count: database.prepare<[number], { last: number }>(
      `INSERT INTO notice_counters (device, last) VALUES (?, 1)
       ON CONFLICT (device) DO UPDATE SET last = last + 1 RETURNING last`,
    ),
    insert: database.prepare(
      'INSERT INTO notices (device, number, id, code, reason, ended_at) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    find: database.prepare<[number, number], { id: Uint8Array }>(
      'SELECT id FROM notices WHERE device = ? AND number = ?',
    ),
    list: database.prepare<[number, number, number], NoticeColumns>(
      `SELECT number, id, code, reason, ended_at FROM notices
       WHERE device = ? AND number > ? ORDER BY number LIMIT ?`,
    ),
    confirm: database.prepare<[number, number]>('DELETE FROM notices WHERE device = ? AND number <= ?'),
    isDue: database.prepare<[number]>('SELECT 1 FROM notices WHERE ended_at < ? LIMIT 1'),
    prune: database.prepare<[number, number]>(
      `DELETE FROM notices WHERE (device, number) IN
         (SELECT device, number FROM notices WHERE ended_at < ? ORDER BY ended_at LIMIT ?)`,
    ),
  };
}
