import {
  type DeviceId,
  type EpochId,
  type MessageId,
  type StreamKey,
  streamKeyText,
} from '@fieldpost/protocol';
import { FieldpostError } from '../../core/fieldpost-error.ts';
import { laneText } from '../../core/lane.ts';
import { countEntries, entryAt, messageIdOf } from '../../core/outbox/entry-walk.ts';
import { isHollow } from '../../core/outbox/hollow.ts';
import { planReopening } from '../../core/outbox/plan-reopening.ts';
import type {
  CancelResult,
  DeadLetter,
  DrainLease,
  EpochTail,
  FoundMessage,
  LogState,
  MessagePlace,
  NumberRange,
  Offering,
  OfferResult,
  OpenedOutbox,
  OpenRequest,
  OutboxStore,
  RecentWrite,
  Reopening,
  ReopenResult,
  SaveDecision,
  SavedSegments,
  SegmentKey,
  SettledFate,
  Settlement,
  StoredSegment,
} from '../../ports/outbox-store.ts';
import { MemoryDatabase } from './memory-database.ts';
import { cancel, listFates, offer, placeText, settle } from './settle.ts';

/** As many as the IndexedDB adapter remembers: a save is repeated at once or never. */
const RECENT_WRITES = 8;

/**
 * An outbox store that forgets everything with the process: for tests, and for Node programs that can do without a disk.
 *
 * @param database what it keeps its data in; several stores on one are several tabs
 * @since 0.1.0
 */
export function createMemoryOutboxStore(database: MemoryDatabase = new MemoryDatabase()): OutboxStore {
  return new MemoryOutboxStore(database);
}

class MemoryOutboxStore implements OutboxStore {
  readonly #database: MemoryDatabase;
  #isOpen = false;
  #isClosed = false;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  open(request: OpenRequest): Promise<OpenedOutbox> {
    this.#isOpen = !this.#isClosed;
    return this.#perform('open', true, (database): OpenedOutbox => {
      const isNew = database.device === undefined;
      const device = database.device ?? request.device;
      database.device = device;
      const { marker } = request;
      const isKnown = marker === undefined || marker === device || database.renewed.includes(marker);
      const isLost = marker !== undefined && (isNew || !isKnown);
      return { device, condition: isLost ? 'lost' : isNew ? 'created' : 'opened' };
    });
  }

  save(epoch: EpochId, decide: (tail: EpochTail | undefined) => SaveDecision): Promise<SavedSegments> {
    return this.#perform('save', true, (database) => save(database, epoch, decide));
  }

  readLog(): Promise<LogState> {
    return this.#perform('readLog', false, logOf);
  }

  loadSegments(request: {
    readonly after: number;
    readonly bytesMax: number;
  }): Promise<readonly StoredSegment[]> {
    return this.#perform('loadSegments', false, ({ segments }) => {
      const loaded: StoredSegment[] = [];
      let bytes = 0;
      for (const { key, messages } of segments.values()) {
        if (key.position <= request.after) continue;
        bytes += key.bytes;
        if (loaded.length > 0 && bytes > request.bytesMax) break;
        loaded.push({ ...key, messages });
      }
      return loaded;
    });
  }

  listSegments(request: { readonly after: number }): Promise<readonly SegmentKey[]> {
    return this.#perform('listSegments', false, ({ segments }) =>
      [...segments.values()].map(({ key }) => key).filter(({ position }) => position > request.after),
    );
  }

  settle(holder: string, settlement: Settlement): Promise<boolean> {
    return this.#perform('settle', true, (database) => settle(database, holder, settlement));
  }

  offer(holder: string, offering: Offering): Promise<OfferResult> {
    return this.#perform('offer', true, (database) => offer(database, holder, offering));
  }

  cancel(place: MessagePlace): Promise<CancelResult> {
    return this.#perform('cancel', true, (database) => cancel(database, place));
  }

  listFates(ranges: readonly NumberRange[]): Promise<readonly SettledFate[]> {
    return this.#perform('listFates', false, (database) => listFates(database, ranges));
  }

  reopen(holder: string, reopening: Reopening): Promise<ReopenResult> {
    return this.#perform('reopen', true, (database) => {
      if (database.lease?.holder !== holder) return { held: false, reopened: 0 };
      const { settledUpTo, generation } = database;
      const keys = [...database.segments.values()].map(({ key }) => key);
      const stored = { marks: [...database.marks.values()], settledUpTo, generation };
      const plan = planReopening(reopening.streams, stored, keys);
      for (const mark of plan.marks) database.marks.set(streamKeyText(mark.stream), mark);
      database.settledUpTo = plan.settledUpTo;
      database.session = reopening.session;
      database.generation = reopening.generation;
      if (plan.marks.length > 0) database.reopenings++;
      return { held: true, reopened: plan.marks.length };
    });
  }

  renewDevice({ from, to }: { readonly from: DeviceId; readonly to: DeviceId }): Promise<DeviceId> {
    return this.#perform('renewDevice', true, (database) => {
      if (database.device !== from) return database.device ?? from;
      database.renewed = [...database.renewed, from];
      database.device = to;
      database.session = undefined;
      return to;
    });
  }

  trim(request: { readonly savedBefore: number; readonly keepBytes: number }): Promise<number> {
    return this.#perform('trim', true, (database) => trim(database, request));
  }

  lease(request: {
    readonly holder: string;
    readonly until: number;
    readonly now: number;
  }): Promise<DrainLease | undefined> {
    return this.#perform('lease', true, (database) => takeLease(database, request));
  }

  find(id: MessageId): Promise<FoundMessage | undefined> {
    return this.#perform('find', false, (database) => find(database, id));
  }

  listDeadLetters(): Promise<readonly DeadLetter[]> {
    return this.#perform('listDeadLetters', false, ({ deadLetters }) => deadLetters);
  }

  discardDeadLetter(id: MessageId): Promise<boolean> {
    return this.#perform('discardDeadLetter', true, (database) => {
      const kept = database.deadLetters.filter((letter) => letter.id !== id);
      const wasThere = kept.length < database.deadLetters.length;
      database.deadLetters = kept;
      return wasThere;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isOpen = false;
  }

  /** One operation, whole or not at all, and never in the caller's own turn. */
  async #perform<Result>(
    name: string,
    writes: boolean,
    run: (database: MemoryDatabase) => Result,
  ): Promise<Result> {
    if (!this.#isOpen) throw new FieldpostError('closed', `${name}: this store is closed`);
    await Promise.resolve();
    let fault = this.#database.fault(name, writes);
    if (fault === 'dead') fault = this.#database.fault(name, writes);
    if (fault === 'dead') throw new FieldpostError('storage-failed', `${name}: the handle is dead`);
    if (fault === 'full') throw new FieldpostError('storage-full', `${name}: the quota is used up`);
    const result = run(this.#database);
    if (fault === 'unheard' && writes) {
      throw new FieldpostError('storage-failed', `${name}: no answer after the commit`, {
        outcome: 'unknown',
      });
    }
    return result;
  }
}

function save(
  database: MemoryDatabase,
  epoch: EpochId,
  decide: (tail: EpochTail | undefined) => SaveDecision,
): SavedSegments {
  const tail = database.tails.get(epoch);
  const decision = decide(tail);
  if (decision.type !== 'write') {
    return { outcome: decision.type, segments: decision.type === 'found' ? decision.segments : [] };
  }
  const supplied = decision.segments.flatMap((segment) => segment.suppliedIds ?? []);
  const repeated = supplied.filter(
    (id) => database.suppliedIds.has(id) || database.deadLetters.some((letter) => letter.id === id),
  );
  if (repeated.length > 0) return { outcome: 'repeated', segments: [], repeated };
  const lanes: Record<string, number> = { ...tail?.lanes };
  const segments = decision.segments.map((segment): SegmentKey => {
    const { suppliedIds: _, messages, ...rest } = segment;
    const { stream, first, count } = rest;
    const position = ++database.lastPosition;
    const key: SegmentKey = { position, ...rest, bytes: messages.length };
    database.segments.set(position, { key, messages: messages.slice() });
    for (const id of segment.suppliedIds ?? []) database.suppliedIds.set(id, position);
    lanes[laneText(stream)] = first + count - 1;
    return key;
  });
  const writes: readonly RecentWrite[] = [...(tail?.writes ?? []), { write: decision.write, segments }];
  database.tails.set(epoch, { epoch, lanes, writes: writes.slice(-RECENT_WRITES) });
  return { outcome: 'written', segments };
}

function takeLease(
  database: MemoryDatabase,
  request: { readonly holder: string; readonly until: number; readonly now: number },
): DrainLease | undefined {
  const { holder, until, now } = request;
  const { lease } = database;
  // One that lasts implausibly long was taken before the clock was set back.
  const isImplausible = until > now && lease !== undefined && lease.until > now + 2 * (until - now);
  const isFree = lease === undefined || lease.holder === holder || lease.until <= now || isImplausible;
  if (!isFree) return lease;
  database.lease = until === 0 ? undefined : { holder, until };
  return database.lease;
}

function trim(
  database: MemoryDatabase,
  request: { readonly savedBefore: number; readonly keepBytes: number },
): number {
  const settled = [...database.segments.values()].filter(({ key }) => key.position <= database.settledUpTo);
  let kept = settled.reduce((bytes, { key }) => bytes + key.bytes, 0);
  let removed = 0;
  for (const { key } of settled) {
    if (key.savedAt >= request.savedBefore && kept <= request.keepBytes) break;
    kept -= key.bytes;
    removed++;
    database.segments.delete(key.position);
  }
  const last = settled[removed - 1]?.key.position ?? 0;
  forgetFates(database, settled.slice(0, removed));
  for (const [id, position] of database.suppliedIds) if (position <= last) database.suppliedIds.delete(id);
  const left = new Set([...database.segments.values()].map(({ key }) => key.stream.epoch));
  for (const { epoch, writes } of database.tails.values()) {
    const isYoung = writes.some(({ segments }) =>
      segments.some(({ savedAt }) => savedAt >= request.savedBefore),
    );
    if (isYoung) left.add(epoch);
  }
  if (removed > 0) forgetEpochs(database, left);
  return removed;
}

function forgetFates(database: MemoryDatabase, removed: readonly { readonly key: SegmentKey }[]): void {
  for (const { key } of removed) {
    for (let number = key.first; number < key.first + key.count; number++)
      database.fates.delete(placeText({ stream: key.stream, number }));
  }
}

/** A tab that still numbers in a forgotten epoch finds no tail, and mints a new one. */
function forgetEpochs(database: MemoryDatabase, left: ReadonlySet<EpochId>): void {
  for (const epoch of database.tails.keys()) if (!left.has(epoch)) database.tails.delete(epoch);
  for (const [text, mark] of database.marks)
    if (!left.has(mark.stream.epoch) && mark.reopened === undefined) database.marks.delete(text);
}

function find(database: MemoryDatabase, id: MessageId): FoundMessage | undefined {
  const deadLetter = database.deadLetters.find((letter) => letter.id === id);
  if (deadLetter !== undefined) {
    const { stream, number, savedAt, message } = deadLetter;
    return {
      stream,
      number,
      savedAt,
      message,
      acknowledged: isAcknowledged(database, stream, number),
      deadLetter,
    };
  }
  const supplied = database.segments.get(database.suppliedIds.get(id) ?? 0);
  if (supplied?.key.count === 1 && supplied.messages === undefined) {
    const { stream, first: number, savedAt } = supplied.key;
    const acknowledged = isAcknowledged(database, stream, number);
    return { stream, number, savedAt, message: undefined, acknowledged, deadLetter };
  }
  for (const { key, messages } of database.segments.values()) {
    if (messages === undefined || countEntries(messages) !== key.count) continue;
    for (let index = 0; index < key.count; index++) {
      const message = entryAt(messages, index);
      if (messageIdOf(message) !== id) continue;
      const number = key.first + index;
      const acknowledged = isAcknowledged(database, key.stream, number);
      return {
        stream: key.stream,
        number,
        savedAt: key.savedAt,
        message: isHollow(message) ? undefined : message.slice(),
        acknowledged,
        deadLetter,
        code: database.fates.get(placeText({ stream: key.stream, number }))?.code,
      };
    }
  }
  return undefined;
}

function isAcknowledged(database: MemoryDatabase, stream: StreamKey, number: number): boolean {
  return number <= (database.marks.get(streamKeyText(stream))?.acknowledged ?? 0);
}

/** What the log's records say. */
export function logOf(database: MemoryDatabase): LogState {
  return {
    device: database.device,
    streams: [...database.marks.values()],
    fates: [...database.fates.values()].filter(
      ({ stream }) => database.marks.get(streamKeyText(stream))?.reopened !== undefined,
    ),
    settledUpTo: database.settledUpTo,
    offered: database.offered,
    skips: [...database.skips.values()],
    session: database.session,
    generation: database.generation,
    reopenings: database.reopenings,
    contacts: database.contacts,
  };
}
