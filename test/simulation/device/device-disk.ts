import {
  type EpochId,
  type MessageId,
  type Rng,
  splitMessage,
  type StreamKey,
  streamKeyText,
  unpackEntries,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { FieldpostError } from '@fieldpost/sdk';
import {
  createMemoryOutboxStore,
  type DrainLease,
  type EpochTail,
  MemoryDatabase,
  type OutboxStore,
  type SaveDecision,
  type SavedSegments,
  type SegmentKey,
  type Settlement,
} from '@fieldpost/sdk/testing';
import type { FaultBook } from '../faults/fault-book.ts';
import { type History, hashBody, type SavedMessage } from '../history.ts';
import type { SimProcess } from '../time/sim-process.ts';
import type { Timeline } from '../time/timeline.ts';
import type { Trace } from '../trace.ts';

/** What a disk held at some moment. */
export interface DiskImage {
  readonly database: MemoryDatabase;
  /** Every message ever saved on this line of its history, in log order. */
  readonly log: readonly SavedMessage[];
}

/** `relaxed`: writes are confirmed before they are on disk, as IndexedDB does unless told otherwise. */
export type Durability = 'strict' | 'relaxed';

export interface DeviceDiskOptions {
  readonly name: string;
  readonly durability: Durability;
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly book: FaultBook;
  readonly history: History;
  readonly trace: Trace;
  readonly image?: DiskImage;
}

/** How much a relaxed disk can lose. */
const FLUSH_EVERY_MS = 2_000;
/** Writes that the real adapter makes with relaxed durability as well: losing them does no harm. */
const RELAXED_OPERATIONS: ReadonlySet<string> = new Set(['lease', 'trim']);

/**
 * The disk of one device with its one database. Operations of all tabs are done in the order of asking. Between asking and
 * hearing an operation is done or not done: a crash decides which, and every one behind a lost one is lost as well.
 */
export class DeviceDisk {
  readonly #options: DeviceDiskOptions;
  #database: MemoryDatabase;
  #log: Set<SavedMessage>;
  #pending: Operation[] = [];
  #lastMs = 0;
  #fullUntilMs = 0;
  /** What a power loss goes back to, where that is not the present. */
  #lastFlush: DiskImage | undefined;
  /** The lease was written since the last flush; what it was then. */
  #isLeaseAhead = false;
  #flushedLease: DrainLease | undefined;

  constructor(options: DeviceDiskOptions) {
    this.#options = options;
    this.#database = options.image?.database.copy() ?? new MemoryDatabase();
    this.#log = new Set(options.image?.log);
    if (options.durability === 'relaxed') this.#flushNowAndThen();
  }

  get database(): MemoryDatabase {
    return this.#database;
  }

  /** What the log of this device should hold, in order, trimmed or not. */
  get log(): ReadonlySet<SavedMessage> {
    return this.#log;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  image(): DiskImage {
    return { database: this.#database.copy(), log: [...this.#log] };
  }

  heal(): void {
    this.#fullUntilMs = 0;
  }

  /** What was begun is done up to some moment; what a relaxed disk had not written is gone. */
  losePower(): void {
    this.#decidePending(() => true);
    // In a step of its own: what is still done is done first.
    this.#options.timeline.schedule(0, () => {
      if (this.#isLeaseAhead) this.#database.lease = this.#flushedLease;
      this.#isLeaseAhead = false;
      if (this.#lastFlush === undefined) return;
      this.#replace(this.#lastFlush);
      this.#lastFlush = this.#options.durability === 'relaxed' ? this.image() : undefined;
    });
  }

  /** The disk is an older one from here on. What only the newer one held is lost, and nobody is to blame for that. */
  goBackTo(image: DiskImage): void {
    this.#pending = [];
    const kept = new Set(image.log);
    for (const message of this.#log) if (!kept.has(message)) message.isExcused = true;
    this.#lastFlush = undefined;
    this.#replace({ database: image.database.copy(), log: image.log });
  }

  /** Makes one of the stored segments unreadable. False when there is none. */
  damageOne(): boolean {
    const readable = [...this.#database.segments.values()].filter(
      ({ key, messages }) => messages !== undefined && !isRefusedQueue(key.stream.queue),
    );
    if (readable.length === 0) return false;
    const { key } = this.#options.rng.pick(readable);
    this.#database.damage(key.position);
    for (let number = key.first; number < key.first + key.count; number++) {
      const message = this.#options.history.savedUnder(key.stream, number);
      if (message !== undefined) message.isDamaged = true;
    }
    return true;
  }

  /** The store as one tab uses it. */
  open(process: SimProcess): OutboxStore {
    const store = createMemoryOutboxStore(this.#database);
    process.onDeath(() => this.#decidePending((operation) => operation.process === process));
    const perform = <Result>(name: string, writes: boolean, run: () => Promise<Result>): Promise<Result> =>
      this.#perform(process, name, writes, run);
    return {
      open: (request) => perform('open', true, () => store.open(request)),
      save: (epoch, decide) => perform('save', true, () => this.#save(store, epoch, decide)),
      readLog: () => perform('readLog', false, () => store.readLog()),
      loadSegments: (request) => perform('loadSegments', false, () => store.loadSegments(request)),
      listSegments: (request) => perform('listSegments', false, () => store.listSegments(request)),
      settle: (holder, settlement) => perform('settle', true, () => this.#settle(store, holder, settlement)),
      offer: (holder, offering) => perform('offer', true, () => store.offer(holder, offering)),
      cancel: (place) => perform('cancel', true, () => store.cancel(place)),
      listFates: (ranges) => perform('listFates', false, () => store.listFates(ranges)),
      reopen: (holder, reopening) => perform('reopen', true, () => store.reopen(holder, reopening)),
      renewDevice: (request) => perform('renewDevice', true, () => store.renewDevice(request)),
      trim: (request) => perform('trim', true, () => store.trim(request)),
      lease: (request) => perform('lease', true, () => store.lease(request)),
      find: (id) => perform('find', false, () => store.find(id)),
      listDeadLetters: () => perform('listDeadLetters', false, () => store.listDeadLetters()),
      discardDeadLetter: (id) => perform('discardDeadLetter', true, () => store.discardDeadLetter(id)),
      close: () => store.close(),
    };
  }

  #perform<Result>(
    process: SimProcess,
    name: string,
    writes: boolean,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const { timeline, rng } = this.#options;
    return new Promise((resolve, reject) => {
      if (process.isDead) return;
      const work = async (): Promise<void> => {
        try {
          const result = await this.#underFaults(process, name, writes, run);
          process.reach(() => resolve(result));
        } catch (error) {
          process.reach(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      };
      const operation: Operation = { process, work };
      this.#pending.push(operation);
      this.#lastMs = Math.max(this.#lastMs, timeline.nowMs + rng.below(writes ? 12 : 4));
      timeline.schedule(this.#lastMs - timeline.nowMs, () => {
        const index = this.#pending.indexOf(operation);
        if (index === -1) return;
        this.#pending.splice(index, 1);
        work().catch(() => undefined);
      });
    });
  }

  async #underFaults<Result>(
    process: SimProcess,
    name: string,
    writes: boolean,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const { book, timeline, trace, name: device } = this.#options;
    const isTransaction = name !== 'open';
    if (writes && isTransaction && book.takes('quota-full', device))
      this.#fullUntilMs = timeline.nowMs + 1_000 + this.#options.rng.below(20_000);
    if (writes && isTransaction && timeline.nowMs < this.#fullUntilMs) {
      throw new FieldpostError('storage-full', `${name}: the quota is used up`);
    }
    if (isTransaction && book.takes('storage-call-failed', device))
      throw new FieldpostError('storage-failed', `${name}: the handle is dead`);
    if (name === 'save' && book.takes('crash-before-save', device)) {
      this.#pending = this.#pending.filter((operation) => operation.process !== process);
      process.kill();
      return new Promise(() => undefined);
    }
    if (name === 'trim') this.#lastFlush ??= this.image();
    else if (name === 'lease' && !this.#isLeaseAhead) {
      this.#isLeaseAhead = true;
      this.#flushedLease = this.#database.lease;
    }
    const result = await run();
    if (writes && !RELAXED_OPERATIONS.has(name) && this.#options.durability === 'strict') {
      this.#lastFlush = undefined;
      this.#isLeaseAhead = false;
    }
    trace.note(timeline.nowMs, name, device);
    if (name === 'save' && book.takes('crash-after-save', device)) {
      process.kill();
      return new Promise(() => undefined);
    }
    if (writes && isTransaction && book.takes('commit-unheard', device))
      throw new FieldpostError('storage-failed', `${name}: no answer after the commit`, {
        outcome: 'unknown',
      });
    return result;
  }

  /** Of what is under way, as much is done as a crash at some moment leaves done. */
  #decidePending(isConcerned: (operation: Operation) => boolean): void {
    const concerned = this.#pending.filter(isConcerned);
    this.#pending = this.#pending.filter((operation) => !isConcerned(operation));
    if (concerned.length === 0) return;
    const done = this.#options.rng.below(concerned.length + 1);
    for (const { work } of concerned.slice(0, done)) work().catch(() => undefined);
  }

  async #save(
    store: OutboxStore,
    epoch: EpochId,
    decide: (tail: EpochTail | undefined) => SaveDecision,
  ): Promise<SavedSegments> {
    const saved = await store.save(epoch, decide);
    if (saved.outcome === 'written') for (const key of saved.segments) this.#record(key);
    return saved;
  }

  #record(key: SegmentKey): void {
    const { history, name } = this.#options;
    const { device, segments } = this.#database;
    const packed = segments.get(key.position)?.messages;
    if (packed === undefined || device === undefined) throw new Error('a segment was saved and is not there');
    for (const [index, message] of unpackEntries(packed, key.count).entries()) {
      const { id, body } = splitMessage(message);
      const saved: SavedMessage = {
        id: uuidFromBytes(id) as MessageId,
        device: name,
        deviceId: device,
        stream: key.stream,
        number: key.first + index,
        bodyBytes: body.length,
        bodyHash: hashBody(body),
        sequence: history.next(),
        isDamaged: false,
        isExcused: false,
      };
      history.save(saved);
      this.#log.add(saved);
    }
  }

  async #settle(store: OutboxStore, holder: string, settlement: Settlement): Promise<boolean> {
    const before = new Map<string, number>();
    // Of what waits again, because the gateways' store went back, the fate was written down the first time.
    const fates = new Map(this.#database.fates);
    for (const { stream } of settlement.marks ?? []) {
      const text = streamKeyText(stream);
      before.set(text, this.#database.marks.get(text)?.acknowledged ?? 0);
    }
    const isHeld = await store.settle(holder, settlement);
    if (!isHeld) return false;
    const codes = new Map((settlement.deadLetters ?? []).map((letter) => [placeOf(letter), letter.code]));
    for (const { stream, acknowledged } of settlement.marks ?? []) {
      const from = before.get(streamKeyText(stream)) ?? 0;
      for (let number = from + 1; number <= acknowledged; number++) {
        const message = this.#options.history.savedUnder(stream, number);
        const place = placeOf({ stream, number });
        const code = codes.get(place) ?? fates.get(place)?.code;
        if (message !== undefined && this.#log.has(message)) this.#options.history.claim(message, code);
      }
    }
    return true;
  }

  #replace({ database, log }: DiskImage): void {
    this.#database = database;
    this.#log = new Set(log);
  }

  #flushNowAndThen(): void {
    this.#lastFlush = this.image();
    this.#options.timeline.schedule(FLUSH_EVERY_MS, () => this.#flushNowAndThen());
  }
}

/** What is refused has its fate there; unreadable it would have either of two. */
function isRefusedQueue(queue: string): boolean {
  return ['missing', 'tiny', 'private'].includes(queue);
}

interface Operation {
  readonly process: SimProcess;
  readonly work: () => Promise<void>;
}

function placeOf({ stream, number }: { readonly stream: StreamKey; readonly number: number }): string {
  return `${streamKeyText(stream)} ${number}`;
}
