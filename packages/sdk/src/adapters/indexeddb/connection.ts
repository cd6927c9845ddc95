import type { DeviceId } from '@fieldpost/protocol';
import { openDB, unwrap } from 'idb';
import { FieldpostError } from '../../core/fieldpost-error.ts';
import { errorName, failureKind, isCommitError, toFieldpostError } from './failure.ts';
import { parseDevice, parseDevices, parsePosition } from './record.ts';
import { type Db, type OutboxSchema, SCHEMA_STEPS, type SchemaStep } from './schema.ts';
import { readValue, unheard, writeIn } from './transact.ts';

export interface ConnectionOptions {
  readonly name: string;
  /** How long opening may take, blocked by other tabs or hanging. Milliseconds. */
  readonly openTimeoutMs: number;
  /** Hears of what was found amiss. */
  readonly report: (detail: string) => void;
  /** The schema, for tests of its upgrade. */
  readonly steps?: readonly SchemaStep[];
}

export interface UseOptions {
  /** Frees the space that is kept for it, once, when the quota is used up. */
  readonly makeRoom?: (db: Db) => Promise<void>;
}

/**
 * The handle of the database, which browsers close or break at their pleasure: one that is found dead is dropped and the
 * work done once more with a new one. So all work must bear being done twice.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #running = new Set<Promise<unknown>>();
  #db: Db | undefined;
  #opening: Promise<Db> | undefined;
  /** The device that the database belongs to, once `open` has found out. A handle opened later must find the same. */
  #device: DeviceId | undefined;
  /** The last position in the log that was ever seen. */
  #lastPosition = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  set device(device: DeviceId) {
    this.#device = device;
  }

  /** Tells of segments in the log. */
  seen(segments: readonly { readonly position: number }[]): void {
    this.#lastPosition = Math.max(this.#lastPosition, segments.at(-1)?.position ?? 0);
  }

  /** Forgets whose database it was, before it is opened anew. */
  forgetDevice(): void {
    this.#device = undefined;
  }

  /** Does some work with a handle that works. `doing` says in an error what was tried. */
  async use<Result>(
    doing: string,
    work: (db: Db) => Promise<Result>,
    options: UseOptions = {},
  ): Promise<Result> {
    if (this.#closed) throw new FieldpostError('closed', `${doing}: the outbox store was closed`);
    const running = this.#attempts(doing, options, work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#db?.close();
    this.#db = undefined;
  }

  async #attempts<Result>(
    doing: string,
    options: UseOptions,
    work: (db: Db) => Promise<Result>,
  ): Promise<Result> {
    let maybeDone = false;
    let triesLeft = 2;
    let roomLeft = options.makeRoom;
    for (;;) {
      let db: Db | undefined;
      try {
        db = await this.#handle();
        return await work(db);
      } catch (error) {
        const kind = failureKind(error);
        if (kind === 'dead' && isCommitError(error)) maybeDone = true;
        // Firefox has been seen to refuse every write after this one until the database was opened anew.
        if (kind === 'full' && db !== undefined) this.#drop(db);
        if (kind === 'full' && roomLeft !== undefined) {
          await this.#makeRoom(roomLeft);
          roomLeft = undefined;
          continue;
        }
        triesLeft--;
        if (kind !== 'dead' || triesLeft === 0) throw toFieldpostError(error, doing, maybeDone);
        if (db !== undefined) this.#drop(db);
      }
    }
  }

  /** The handle that works, as far as is known; one opening serves all that wait for it. */
  async #handle(): Promise<Db> {
    if (this.#db !== undefined) return this.#db;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Db> {
    const db = await openInTime(this.#options, (dead) => this.#drop(dead));
    try {
      await this.#recognise(db);
    } catch (error) {
      db.close();
      throw error;
    }
    this.#db = db;
    return db;
  }

  /**
   * A handle that was opened anew must find the same database. One that was deleted meanwhile (site data cleared) is empty:
   * it is taken into use, with positions that go on, and the next save finds that the epoch's tail is gone.
   */
  async #recognise(db: Db): Promise<void> {
    const device = this.#device;
    if (device === undefined) return;
    const found = parseDevice(await readValue(db, 'state', 'device'));
    if (found === device) return;
    if (found === undefined) {
      this.#options.report(`the database "${this.#options.name}" was deleted while it was in use`);
      return this.#adopt(db, device);
    }
    if (parseDevices(await readValue(db, 'state', 'renewed')).includes(device)) {
      this.#device = found;
      return;
    }
    throw new FieldpostError(
      'storage-lost',
      `the database "${this.#options.name}" was replaced while it was in use: connect anew`,
    );
  }

  #adopt(db: Db, device: DeviceId): Promise<void> {
    return writeIn<void>(db, ['state'], 'strict', async (transaction) => {
      const state = transaction.objectStore('state');
      const trimmed = parsePosition(await state.get('trimmed')) ?? 0;
      unheard(state.put(device, 'device'));
      unheard(state.put(Math.max(trimmed, this.#lastPosition), 'trimmed'));
    });
  }

  async #makeRoom(free: (db: Db) => Promise<void>): Promise<void> {
    try {
      await free(await this.#handle());
    } catch {
      // Then the second try fails for want of space, and says so.
    }
  }

  /** The next work opens a new handle. Running transactions of the old one end first. */
  #drop(db: Db): void {
    db.close();
    if (this.#db === db) this.#db = undefined;
  }
}

/** Opens the database, or gives up after a while: browsers can leave an open pending for ever, without an event. */
function openInTime(options: ConnectionOptions, died: (db: Db) => void): Promise<Db> {
  const steps = options.steps ?? SCHEMA_STEPS;
  return new Promise((resolve, reject) => {
    let blockedBy = '';
    let late = false;
    let handle: Db | undefined;
    const opening = openDB<OutboxSchema>(options.name, steps.length, {
      upgrade: (db, oldVersion, _newVersion, transaction) => {
        for (const step of steps.slice(oldVersion)) step(unwrap(db), unwrap(transaction));
      },
      blocked: (version) => {
        blockedBy = `: another tab holds its version ${version} open`;
      },
      blocking: () => handle !== undefined && died(handle),
      terminated: () => handle !== undefined && died(handle),
    });
    const timer = setTimeout(() => {
      late = true;
      const what = `the database "${options.name}" did not open within ${options.openTimeoutMs} ms${blockedBy}`;
      const message = `${what}. Close other tabs of this app, or restart the browser.`;
      reject(new FieldpostError('storage-blocked', message));
    }, options.openTimeoutMs);
    opening
      .then(
        (db) => {
          handle = db;
          if (late) db.close();
          else resolve(db);
        },
        (error: unknown) => reject(explainOpen(error, options.name)),
      )
      .finally(() => clearTimeout(timer));
  });
}

function explainOpen(error: unknown, name: string): unknown {
  if (errorName(error) !== 'VersionError') return error;
  const message = `the database "${name}" was written by a newer release of this app: reload the page to get that release`;
  return new FieldpostError('storage-failed', message, { cause: error });
}
