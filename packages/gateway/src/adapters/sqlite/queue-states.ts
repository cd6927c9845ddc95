import type Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import type { QueueRow } from '../../ports/gateway-store.ts';
import { queueStart } from './message-key.ts';

/** A queue's row, and what is remembered of its messages so that calls need not scan for it. */
export interface QueueState {
  readonly number: number;
  readonly row: QueueRow;
  /** Arrival numbers given so far. */
  arrivals: number;
  messages: number;
  bytes: number;
  readonly prefix: HeldPrefix;
  /** The counts of held messages; undefined when a hold changed since they were taken. */
  held: HeldCounts | undefined;
}

/**
 * A stretch at the head of the queue that is known to be held: every message below `end` stays invisible while
 * `now < until`. A receive begins behind it, so that a thousand leased messages are not looked at each time.
 */
interface HeldPrefix {
  end: number;
  until: number;
}

/** True from `at` until the next hold ends. */
export interface HeldCounts {
  readonly at: number;
  readonly leased: number;
  readonly delayed: number;
  /** The first end of a hold after `at`; undefined when nothing is held. */
  readonly nextEndsAt: number | undefined;
}

/** The queues' rows by name, remembered until writes are taken back. */
export class QueueStates {
  readonly #select: Database.Statement<[string], Row>;
  readonly #selectNames: Database.Statement<[], { name: string }>;
  readonly #states = new Map<string, QueueState>();

  constructor(database: Database.Database) {
    this.#select = database.prepare(
      'SELECT number, max_body_bytes, created_at, arrivals, messages, bytes FROM queues WHERE name = ?',
    );
    this.#selectNames = database.prepare('SELECT name FROM queues ORDER BY name');
  }

  find(name: string): QueueState | undefined {
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const row = this.#select.get(name);
    if (row === undefined) return undefined;
    const state: QueueState = {
      number: row.number,
      row: { name, maxBodyBytes: row.max_body_bytes, createdAt: row.created_at },
      arrivals: row.arrivals,
      messages: row.messages,
      bytes: row.bytes,
      prefix: { end: queueStart(row.number), until: 0 },
      held: undefined,
    };
    this.#states.set(name, state);
    return state;
  }

  /** Fails with `queue-not-found`. */
  get(name: string): QueueState {
    const state = this.find(name);
    if (state === undefined) throw new StoreError('queue-not-found', `no queue is named "${name}"`);
    return state;
  }

  /** All names, in order. */
  names(): readonly string[] {
    return this.#selectNames.all().map((row) => row.name);
  }

  /** The queue's row was written or deleted: read it again when it is asked for. */
  forget(name: string): void {
    this.#states.delete(name);
  }

  /** Writes were taken back: nothing remembered is sure. */
  forgetAll(): void {
    this.#states.clear();
  }
}

/** A message with this key is visible from `visibleAt` on: the prefix ends before it by then. */
export function noteVisible(state: QueueState, key: number, visibleAt: number, now: number): void {
  state.held = undefined;
  if (key >= state.prefix.end) return;
  if (visibleAt <= now) state.prefix.end = key;
  else state.prefix.until = Math.min(state.prefix.until, visibleAt);
}

interface Row {
  readonly number: number;
  readonly max_body_bytes: number;
  readonly created_at: number;
  readonly arrivals: number;
  readonly messages: number;
  readonly bytes: number;
}
