import { invariant } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { queueEnd, queueStart } from '../../core/message-key.ts';
import { isSubqueue, parentOf } from '../../core/queue-address.ts';
import { readSettings } from '../../core/queue-settings.ts';
import { StoreError } from '../../core/store-error.ts';
import type { QueueRow } from '../../ports/gateway-store.ts';

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
  /** Whether any of its messages may have rows in these tables: most queues never have. */
  readonly has: { dues: boolean; members: boolean; stories: boolean; asks: boolean };
}

/**
 * A stretch at the head of the queue that is known to be held: every message below `end` stays invisible while
 * `now < until`. A receive begins behind it, so that a thousand leased messages are not looked at each time.
 */
interface HeldPrefix {
  end: number;
  until: number;
}

/** True from `at` until `changesAt`. */
export interface HeldCounts {
  readonly at: number;
  readonly changesAt: number;
  readonly leased: number;
  readonly delayed: number;
  readonly blocked: number;
  /** When the first of the held messages becomes visible; undefined when time alone makes none visible. */
  readonly nextVisibleAt: number | undefined;
}

/** The queues' rows by name, remembered until writes are taken back. */
export class QueueStates {
  readonly #select: Database.Statement<[string], Row>;
  readonly #selectNames: Database.Statement<[], { name: string }>;
  readonly #selectSubqueues: Database.Statement<[string, string], { name: string }>;
  readonly #selectNumber: Database.Statement<[number], { name: string }>;
  readonly #selectHas: Database.Statement<number[], HasColumns>;
  readonly #states = new Map<string, QueueState>();

  constructor(database: Database.Database) {
    this.#select = database.prepare(
      'SELECT number, max_body_bytes, created_at, arrivals, messages, bytes, settings FROM queues WHERE name = ?',
    );
    this.#selectNames = database.prepare('SELECT name FROM queues ORDER BY name');
    this.#selectSubqueues = database.prepare(
      'SELECT name FROM queues WHERE name > ? AND name < ? ORDER BY name',
    );
    this.#selectNumber = database.prepare('SELECT name FROM queues WHERE number = ?');
    const isThere = (table: string): string =>
      `EXISTS (SELECT 1 FROM ${table} WHERE key >= ? AND key < ?) AS ${table}`;
    this.#selectHas = database.prepare(
      `SELECT ${isThere('dues')}, ${isThere('members')}, ${isThere('stories')}, ${isThere('asks')}`,
    );
  }

  find(name: string): QueueState | undefined {
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const row = this.#select.get(name);
    if (row === undefined) return undefined;
    const settings = isSubqueue(name)
      ? this.find(parentOf(name))?.row
      : { ...readSettings(row.settings), maxBodyBytes: row.max_body_bytes };
    invariant(settings !== undefined, `subqueue "${name}" has no queue`);
    const range = [queueStart(row.number), queueEnd(row.number)];
    const has = this.#selectHas.get(...range, ...range, ...range, ...range);
    const state: QueueState = {
      number: row.number,
      row: { ...settings, name, createdAt: row.created_at },
      arrivals: row.arrivals,
      messages: row.messages,
      bytes: row.bytes,
      prefix: { end: queueStart(row.number), until: 0 },
      held: undefined,
      has: {
        dues: has?.dues === 1,
        members: has?.members === 1,
        stories: has?.stories === 1,
        asks: has?.asks === 1,
      },
    };
    this.#states.set(name, state);
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

  /** The queue with this number. */
  withNumber(number: number): QueueState | undefined {
    const name = this.#selectNumber.get(number)?.name;
    return name === undefined ? undefined : this.find(name);
  }

  /** The subqueues of a queue that exist now, by name. */
  subqueuesOf(name: string): readonly QueueState[] {
    // What follows the semicolon in the alphabet bounds the names that begin with it.
    return this.#selectSubqueues.all(`${name};`, `${name}<`).map((row) => this.get(row.name));
  }

  /** The queue's row was written or deleted: read it and its subqueues' again when they are asked for. */
  forget(name: string): void {
    this.#states.delete(name);
    for (const known of this.#states.keys()) if (known.startsWith(`${name};`)) this.#states.delete(known);
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

interface HasColumns {
  readonly dues: number;
  readonly members: number;
  readonly stories: number;
  readonly asks: number;
}

interface Row {
  readonly number: number;
  readonly max_body_bytes: number;
  readonly created_at: number;
  readonly arrivals: number;
  readonly messages: number;
  readonly bytes: number;
  readonly settings: string;
}
