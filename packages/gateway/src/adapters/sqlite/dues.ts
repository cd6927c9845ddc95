import type Database from 'better-sqlite3';
import { NEVER } from '../../core/never.ts';
import type { QueueState } from './queue-states.ts';

/** Why a message ends at a certain time: its time to live, or its last lease. */
type DueKind = 'expiry' | 'last-lease';

export interface Due {
  readonly key: number;
  readonly kind: DueKind;
  readonly at: number;
}

const KINDS: readonly DueKind[] = ['expiry', 'last-lease'];

/** The messages that end at a certain time, and when the next of them does. */
export class Dues {
  readonly #put: Database.Statement<[number, number, number]>;
  readonly #remove: Database.Statement<[number, number]>;
  readonly #removeRange: Database.Statement<[number, number]>;
  readonly #first: Database.Statement<[], { at: number | null }>;
  readonly #select: Database.Statement<[number, number], { key: number; kind: number; at: number }>;
  /** No due is earlier; undefined when that is not known. */
  #next: number | undefined;

  constructor(database: Database.Database) {
    this.#put = database.prepare(
      'INSERT INTO dues (key, kind, at) VALUES (?, ?, ?) ON CONFLICT (key, kind) DO UPDATE SET at = excluded.at',
    );
    this.#remove = database.prepare('DELETE FROM dues WHERE key = ? AND kind = ?');
    this.#removeRange = database.prepare('DELETE FROM dues WHERE key BETWEEN ? AND ?');
    this.#first = database.prepare('SELECT min(at) AS at FROM dues');
    this.#select = database.prepare(
      'SELECT key, kind, at FROM dues WHERE at <= ? ORDER BY at, key, kind LIMIT ?',
    );
  }

  put(queue: QueueState, { key, kind, at }: Due): void {
    this.#put.run(key, KINDS.indexOf(kind), at);
    queue.has.dues = true;
    if (this.#next !== undefined) this.#next = Math.min(this.#next, at);
  }

  remove({ key, kind }: Due): void {
    this.#remove.run(key, KINDS.indexOf(kind));
  }

  /** Those of the messages from `first` to `last`. */
  removeRange(first: number, last: number): void {
    this.#removeRange.run(first, last);
  }

  /** Whether there is anything to end by `now`. May be wrong once: then there is nothing in {@link list}. */
  areAny(now: number): boolean {
    this.#next ??= this.#first.get()?.at ?? NEVER;
    return this.#next <= now;
  }

  /** The first `max` of what ends by `now`. To be removed by whoever asks. */
  list(now: number, max: number): readonly Due[] {
    this.#next = undefined;
    return this.#select
      .all(now, max)
      .map(({ key, kind, at }) => ({ key, kind: KINDS[kind] ?? 'expiry', at }));
  }

  /** Writes were taken back: what is remembered may be wrong. */
  forget(): void {
    this.#next = undefined;
  }
}
