import type { DeviceId } from '@fieldpost/protocol';
import type {
  OpenedOutbox,
  OpenRequest,
  OutboxStore,
  SavedSegments,
  SegmentKey,
} from '../../ports/outbox-store.ts';
import { cancel, listFates, offer } from './cancel.ts';
import { Connection } from './connection.ts';
import { findMessage, listDeadLetters, listSegments, loadSegments, readLog, type Report } from './read.ts';
import { parseDevice, parseDevices } from './record.ts';
import { renewDevice, reopen } from './reopen.ts';
import { freeAllUnneeded, freeReserve, keepReserve } from './reserve.ts';
import { type LogView, saveSegments } from './save.ts';
import type { Db, SchemaStep } from './schema.ts';
import { discardDeadLetter, settle, takeLease } from './settle.ts';
import { together, unheard, writeIn } from './transact.ts';
import { trim } from './trim.ts';

/** How to keep an outbox in IndexedDB. */
export interface IndexedDbOutboxOptions {
  /** The database's name on this origin. */
  readonly name: string;
  /** Hears of records that cannot be read; the rest goes on without them. Default: nobody. */
  readonly report?: Report;
  /** How long opening may take before it fails with `storage-blocked`. Milliseconds. Default 10,000. */
  readonly openTimeoutMs?: number;
  /**
   * How long a save may rely on the last look into the log; see `save.ts`. 0: each save looks. Milliseconds. Default 1,000.
   */
  readonly lookEveryMs?: number;
  /** The steps of the schema, for tests of an upgrade. Default: those of this release. */
  readonly steps?: readonly SchemaStep[];
}

/** Long enough that a loop of sends pays for few looks, short enough that nobody saves for long on what is gone. */
const LOOK_EVERY_MS = 1_000;

/**
 * An outbox store in IndexedDB. Any number of tabs and workers may use one database at once.
 *
 * A save is one record for each segment and nothing else: the segment's key tells its numbers, so there is no counter to
 * read or write beside it. See `segment-key.ts` and `save.ts`.
 *
 * @since 0.1.0
 */
export function createIndexedDbOutboxStore(options: IndexedDbOutboxOptions): OutboxStore {
  const report = options.report ?? (() => undefined);
  const connection = new Connection({ openTimeoutMs: 10_000, ...options, report });
  const save = inTurn(connection, options.lookEveryMs ?? LOOK_EVERY_MS);
  const full = { makeRoom: freeAllUnneeded };
  return {
    open: (request) => open(connection, request),
    save,
    readLog: () =>
      connection.use('reading the log', async (db) => {
        const log = await readLog(db, report);
        // Another tab may have renewed it.
        if (log.device !== undefined) connection.device = log.device;
        return log;
      }),
    loadSegments: (request) =>
      connection.use('loading segments', async (db) =>
        seen(connection, await loadSegments(db, request, report)),
      ),
    listSegments: ({ after }) =>
      connection.use('listing segments', async (db) =>
        seen(connection, await listSegments(db, after, report)),
      ),
    settle: (holder, settlement) =>
      connection.use('writing down answers', (db) => settle(db, holder, settlement), full),
    offer: (holder, offering) =>
      connection.use('noting what is offered', (db) => offer(db, holder, offering), full),
    cancel: (place) => connection.use('taking a message back', (db) => cancel(db, place), full),
    listFates: (ranges) => connection.use('listing fates', (db) => listFates(db, ranges)),
    reopen: (holder, reopening) =>
      // Trimming would remove the very messages that are to be sent again.
      connection.use('taking back what was settled', (db) => reopen(db, holder, reopening), {
        makeRoom: freeReserve,
      }),
    renewDevice: (request) =>
      connection.use(
        'renewing the device',
        async (db) => {
          const device = await renewDevice(db, request);
          connection.device = device;
          return device;
        },
        full,
      ),
    trim: (request) =>
      connection.use(
        'trimming the log',
        async (db) => {
          const removed = await trim(db, request);
          if (removed > 0) await keepReserve(db);
          return removed;
        },
        full,
      ),
    lease: (request) => connection.use('taking the lease', (db) => takeLease(db, request), full),
    find: (id) => connection.use('finding a message', (db) => findMessage(db, id, report)),
    listDeadLetters: () => connection.use('listing dead letters', (db) => listDeadLetters(db, report)),
    discardDeadLetter: (id) =>
      connection.use('discarding a dead letter', (db) => discardDeadLetter(db, id), full),
    close: () => connection.close(),
  };
}

function seen<Segments extends readonly SegmentKey[]>(connection: Connection, segments: Segments): Segments {
  connection.seen(segments);
  return segments;
}

async function open(connection: Connection, request: OpenRequest): Promise<OpenedOutbox> {
  connection.forgetDevice();
  const { device, isNew, renewed } = await connection.use('opening the outbox', (db) =>
    identify(db, request),
  );
  connection.device = device;
  await connection.use('opening the outbox', keepReserve);
  const { marker } = request;
  // A marker of an id that this database had: the page ended between the renewal and the marker.
  const isKnown = marker === undefined || marker === device || renewed.includes(marker);
  return {
    device,
    condition: marker !== undefined && (isNew || !isKnown) ? 'lost' : isNew ? 'created' : 'opened',
  };
}

interface Identity {
  readonly device: DeviceId;
  readonly isNew: boolean;
  /** Ids that the device had before. */
  readonly renewed: readonly DeviceId[];
}

/** Whose database it is; the caller's, if it is nobody's. */
async function identify(db: Db, { device }: OpenRequest): Promise<Identity> {
  return writeIn<Identity>(db, ['state'], 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const [stored, before] = await together(
      () => state.get('device'),
      () => state.get('renewed'),
    );
    const found = parseDevice(stored);
    const renewed = parseDevices(before);
    if (found !== undefined) return { abort: { device: found, isNew: false, renewed } };
    unheard(state.put(device, 'device'));
    return { device, isNew: true, renewed };
  });
}

/**
 * Saves one after the other, in the order of the calls, each on what the one before left. Two at once would only wait for
 * each other inside the database.
 */
function inTurn(connection: Connection, lookEveryMs: number): OutboxStore['save'] {
  let view: LogView | undefined;
  let previous: Promise<unknown> = Promise.resolve();
  return (epoch, decide) => {
    const before = previous;
    const saving = connection.use('saving', async (db): Promise<SavedSegments> => {
      await before;
      const { saved, view: after } = await saveSegments(db, epoch, decide, view, lookEveryMs);
      view = after ?? view;
      connection.seen(saved.segments);
      return saved;
    });
    previous = saving.catch(() => undefined);
    return saving;
  };
}
