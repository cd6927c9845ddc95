import type { DeviceId, EpochId, StreamKey } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { StoreError } from '../../../core/store-error.ts';
import type { LostPage, LostRange, LostRequest } from '../../../ports/gateway-store.ts';
import type { Symbols } from '../symbols.ts';

/** Ranges that no device had any more when the store had gone back in time. */
export class LostRanges {
  readonly #symbols: Symbols;
  readonly #any: Database.Statement<[], unknown>;
  readonly #select: Database.Statement<[number, number, number], LostColumns>;
  readonly #list: Database.Statement<[...Place, number], LostColumns & PlaceColumns>;
  readonly #insert: Database.Statement;
  readonly #delete: Database.Statement;
  /** Whether there is any at all, remembered: nearly always there is none, and every push would ask. */
  #isAny: boolean | undefined;

  constructor(database: Database.Database, symbols: Symbols) {
    this.#symbols = symbols;
    this.#any = database.prepare('SELECT 1 FROM lost WHERE epoch > 0 LIMIT 1');
    this.#select = database.prepare(
      `SELECT first, last, device, recorded_at FROM lost
       WHERE epoch = ? AND queue = ? AND priority = ? ORDER BY first`,
    );
    this.#list = database.prepare(
      `SELECT first, last, device, recorded_at, epochs.name AS epoch, queues.name AS queue, priority,
              lost.epoch AS epoch_number, lost.queue AS queue_number
       FROM lost JOIN symbols AS epochs ON epochs.number = lost.epoch
                 JOIN symbols AS queues ON queues.number = lost.queue
       WHERE (lost.epoch, lost.queue, lost.priority, lost.first) > (?, ?, ?, ?)
       ORDER BY lost.epoch, lost.queue, lost.priority, lost.first LIMIT ?`,
    );
    this.#insert = database.prepare(
      `INSERT INTO lost (epoch, queue, priority, first, last, device, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (epoch, queue, priority, first) DO UPDATE SET
         last = excluded.last, device = excluded.device, recorded_at = excluded.recorded_at`,
    );
    this.#delete = database.prepare(
      'DELETE FROM lost WHERE epoch = ? AND queue = ? AND priority = ? AND first = ?',
    );
  }

  /** Of a stream, by the numbers of its epoch's and queue's symbols. */
  of(epoch: number, queue: number, priority: number): LostRange[] {
    this.#isAny ??= this.#any.get() !== undefined;
    return this.#isAny ? this.#select.all(epoch, queue, priority).map(toRange) : [];
  }

  list({ cursor, limit }: LostRequest): LostPage {
    const rows = this.#list.all(...(cursor === undefined ? BEFORE_ALL : parsePlace(cursor)), limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      ranges: page.map((row) => ({
        ...toRange(row),
        stream: { epoch: row.epoch as EpochId, queue: row.queue, priority: row.priority },
      })),
      ...(last === undefined || page.length === rows.length ? {} : { cursor: formatPlace(last) }),
    };
  }

  put(stream: StreamKey, { first, last, device, recordedAt }: LostRange): void {
    this.#insert.run(...this.#place(stream), first, last, device, recordedAt);
    this.#isAny = true;
  }

  remove(stream: StreamKey, first: number): void {
    this.#delete.run(...this.#place(stream), first);
  }

  /** To be called when writes were taken back. */
  forget(): void {
    this.#isAny = undefined;
  }

  #place({ epoch, queue, priority }: StreamKey): [number, number, number] {
    return [this.#symbols.intern('epoch', epoch), this.#symbols.intern('queue', queue), priority];
  }
}

function toRange({ first, last, device, recorded_at }: LostColumns): LostRange {
  return { first, last, device: device as DeviceId, recordedAt: recorded_at };
}

/** Epoch and queue as symbols, priority, first number: what the table is sorted by. */
type Place = [epoch: number, queue: number, priority: number, first: number];

const BEFORE_ALL: Place = [0, 0, 0, 0];

function formatPlace(row: LostColumns & PlaceColumns): string {
  const place: Place = [row.epoch_number, row.queue_number, row.priority, row.first];
  return place.map((number) => number.toString(36)).join('.');
}

function parsePlace(cursor: string): Place {
  const [epoch, queue, priority, first] = cursor.split('.').map((part) => Number.parseInt(part, 36));
  if (
    !/^[0-9a-z]{1,11}(?:\.[0-9a-z]{1,11}){3}$/.test(cursor) ||
    epoch === undefined ||
    queue === undefined ||
    priority === undefined ||
    first === undefined ||
    ![epoch, queue, priority, first].every(Number.isSafeInteger)
  )
    throw new StoreError('invalid-request', `no page of lost ranges ended with the cursor "${cursor}"`);
  return [epoch, queue, priority, first];
}

interface LostColumns {
  readonly first: number;
  readonly last: number;
  readonly device: string;
  readonly recorded_at: number;
}

interface PlaceColumns {
  readonly epoch: string;
  readonly queue: string;
  readonly priority: number;
  readonly epoch_number: number;
  readonly queue_number: number;
}
