import { type GatewayStore, StoreError } from '@fieldpost/gateway';
import {
  type Change,
  createMemoryDisk,
  type Decision,
  type DeviceRow,
  type MemoryDisk,
  type MemoryStore,
  openMemoryStore,
  type PeekPage,
  type PeekRequest,
  type QueueInfo,
  type ReceiveRequest,
  type JobRow,
  type JobStep,
  type JobStepRequest,
  type LeasedMessage,
  type NewJob,
  type LostPage,
  type LostRequest,
  type RetireRequest,
  type RetireResult,
  type Scope,
  type SettleRequest,
  type SettleResult,
  type Snapshot,
  type SweepResult,
} from '@fieldpost/gateway/testing';
import {
  type DeviceId,
  type GenerationId,
  type MessageId,
  type Rng,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { FaultBook } from '../faults/fault-book.ts';
import { type History, hashBody } from '../history.ts';
import type { SimProcess } from '../time/sim-process.ts';
import type { Timeline } from '../time/timeline.ts';
import { INVOICES } from './tokens.ts';

/** The store that all gateways share: one disk, and a handle on it for each gateway. */
export class SimStore {
  #disk: MemoryDisk;
  #store: MemoryStore;
  readonly #timeline: Timeline;
  readonly #rng: Rng;
  readonly #history: History;
  readonly #book: FaultBook;
  #slowUntilMs = 0;
  readonly #handles = new Set<StoreHandle>();
  readonly #backups: { readonly file: string; readonly disk: MemoryDisk; readonly atMs: number }[] = [];
  #backupsMade = 0;

  constructor(options: {
    readonly timeline: Timeline;
    readonly rng: Rng;
    readonly history: History;
    readonly book: FaultBook;
  }) {
    this.#timeline = options.timeline;
    this.#rng = options.rng;
    this.#history = options.history;
    this.#book = options.book;
    this.#disk = createMemoryDisk('8d1f6f0e-0000-4000-8000-000000000001' as GenerationId);
    this.#store = openMemoryStore(this.#disk);
  }

  get disk(): MemoryDisk {
    return this.#disk;
  }

  get store(): MemoryStore {
    return this.#store;
  }

  get history(): History {
    return this.#history;
  }

  get book(): FaultBook {
    return this.#book;
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  get rng(): Rng {
    return this.#rng;
  }

  /** The store as one gateway holds it. */
  open(process: SimProcess): GatewayStore {
    const handle = new StoreHandle(this, process);
    this.#handles.add(handle);
    process.onDeath(() => {
      handle.die();
      this.#handles.delete(handle);
    });
    return handle;
  }

  get hasBackup(): boolean {
    return this.#backups.length > 0;
  }

  /** Whether a backup is older than this. */
  hasBackupOlderThan(ageMs: number): boolean {
    return this.#backups.some(({ atMs }) => this.#timeline.nowMs - atMs > ageMs);
  }

  /** Makes a backup, as the running gateway does. */
  backUp(): void {
    const file = `backup ${++this.#backupsMade}`;
    const disk = this.#disk;
    this.#store.backup(file).then(
      () => {
        const copy = disk.files.get(file);
        if (copy === undefined || disk !== this.#disk) return;
        this.#backups.push({ file, disk: copy, atMs: this.#timeline.nowMs });
        this.#history.storeBackedUp(file);
      },
      () => undefined,
    );
  }

  /** The store is its oldest copy from here on; whoever had it open is gone. */
  restore(): void {
    const [backup] = this.#backups;
    if (backup === undefined) return;
    // In a step of its own: what a dying gateway still does is done first, and to the older disk.
    this.#timeline.schedule(0, () => {
      this.#store.kill();
      this.#backups.length = 0;
      this.#disk = backup.disk;
      this.#store = openMemoryStore(backup.disk);
      this.#history.storeWentBack(backup.file);
    });
  }

  /** How long a commit takes now. */
  commitMs(): number {
    return (this.#timeline.nowMs < this.#slowUntilMs ? 2_000 : 1) + this.#rng.below(4);
  }

  slowDown(forMs: number): void {
    this.#slowUntilMs = this.#timeline.nowMs + forMs;
  }

  heal(): void {
    this.#slowUntilMs = 0;
  }

  /** Messages in all queues. */
  get messages(): number {
    let count = 0;
    for (const queue of this.disk.queues.values())
      for (const messages of queue.priorities) count += messages.size;
    return count;
  }
}

interface PendingCall {
  /** Does it and resolves with how the asker is to be told. */
  readonly run: () => Promise<() => void>;
  readonly fail: (error: Error) => void;
  readonly writes: boolean;
}

/**
 * One gateway's calls: what comes while a commit is under way shares the next. A gateway that dies between asking and
 * hearing leaves its calls done or not done, and never done in part; the one after a lost one is lost as well.
 */
class StoreHandle implements GatewayStore {
  readonly #owner: SimStore;
  readonly #process: SimProcess;
  #waiting: PendingCall[] = [];
  #isCommitting = false;
  #isDead = false;
  #isClosed = false;

  constructor(owner: SimStore, process: SimProcess) {
    this.#owner = owner;
    this.#process = process;
  }

  get generation(): GenerationId {
    return this.#owner.disk.generation;
  }

  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result> {
    let changes: readonly Change[] = [];
    return this.#call(true, async () => {
      const result = await this.#owner.store.transact(scope, (snapshot) => {
        const decision = decide(snapshot);
        // A failpoint inside the transaction may have ended the process.
        if (this.#isDead) throw new StoreError('shutting-down', 'the process died in its transaction');
        changes = decision.changes;
        return decision;
      });
      for (const change of changes) this.#observe(change);
      return result;
    });
  }

  receive(request: ReceiveRequest): Promise<readonly LeasedMessage[]> {
    return this.#call(true, async () => {
      const leased = await this.#owner.store.receive(request);
      const { history } = this.#owner;
      const batch = history.next();
      for (const { id, receipt, leasedUntil } of leased) {
        const { queue, now } = request;
        const sequence = history.next();
        history.handOuts.push({ id, queue, receipt, now, until: leasedUntil, batch, sequence });
      }
      return leased;
    });
  }

  settle(request: SettleRequest): Promise<readonly SettleResult[]> {
    return this.#call(true, async () => {
      const results = await this.#owner.store.settle(request);
      const { history } = this.#owner;
      for (const [index, { type, receipt }] of request.settlements.entries()) {
        const { queue, now } = request;
        const { code, leasedUntil: until } = results[index] ?? {};
        history.settlements.push({ queue, receipt, type, now, code, until, sequence: history.next() });
      }
      return results;
    });
  }

  sweep(now: number): Promise<SweepResult> {
    return this.#call(true, async () => {
      const { history } = this.#owner;
      const result = await this.#owner.store.sweep(now);
      history.sweeps.push({ now, sequence: history.next() });
      return result;
    });
  }

  startJob(job: NewJob): Promise<JobRow> {
    return this.#call(true, () => this.#owner.store.startJob(job));
  }

  stepJob(request: JobStepRequest): Promise<JobStep | undefined> {
    return this.#call(true, () => this.#owner.store.stepJob(request));
  }

  cancelJob(id: string, now: number): Promise<JobRow | undefined> {
    return this.#call(true, () => this.#owner.store.cancelJob(id, now));
  }

  listJobs(): Promise<readonly JobRow[]> {
    return this.#call(false, () => this.#owner.store.listJobs());
  }

  peek(request: PeekRequest): Promise<PeekPage> {
    return this.#call(false, () => this.#owner.store.peek(request));
  }

  listQueues(now: number): Promise<readonly QueueInfo[]> {
    return this.#call(false, () => this.#owner.store.listQueues(now));
  }

  getQueue(name: string, now: number): Promise<QueueInfo | undefined> {
    return this.#call(false, () => this.#owner.store.getQueue(name, now));
  }

  pruneSends(before: number, max: number): Promise<number> {
    return this.#call(true, () => this.#owner.store.pruneSends(before, max));
  }

  pruneNotices(before: number, max: number): Promise<number> {
    return this.#call(true, () => this.#owner.store.pruneNotices(before, max));
  }

  watchNotices(listener: (devices: ReadonlySet<DeviceId>) => void): () => void {
    return this.#owner.store.watchNotices((devices) => {
      if (!this.#isDead) listener(devices);
    });
  }

  nextVisibleAt(queue: string, now: number): Promise<number | undefined> {
    return this.#call(false, () => this.#owner.store.nextVisibleAt(queue, now));
  }

  listLost(request: LostRequest): Promise<LostPage> {
    return this.#call(false, () => this.#owner.store.listLost(request));
  }

  listDevices(request: Parameters<GatewayStore['listDevices']>[0]): Promise<readonly DeviceRow[]> {
    return this.#call(false, () => this.#owner.store.listDevices(request));
  }

  retireEpochs(request: RetireRequest): Promise<RetireResult> {
    return this.#call(true, () => this.#owner.store.retireEpochs(request));
  }

  backup(): Promise<void> {
    return Promise.reject(new StoreError('internal', 'the simulated store makes its backups by itself'));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** The process is gone: of the calls that it had begun, those up to some moment are done all the same. */
  die(): void {
    this.#isDead = true;
    const begun = this.#waiting.splice(0);
    const done = begun.length === 0 ? 0 : this.#owner.rng.below(begun.length + 1);
    for (const { run } of begun.slice(0, done)) {
      run().catch(() => undefined);
    }
  }

  #call<Result>(writes: boolean, work: () => Promise<Result>): Promise<Result> {
    if (this.#isDead) return new Promise(() => undefined);
    if (this.#isClosed) return Promise.reject(new StoreError('shutting-down', 'the store is closed'));
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void =>
        this.#process.reach(() => reject(error instanceof Error ? error : new Error(String(error))));
      const run = (): Promise<() => void> =>
        work().then(
          (result) => () => this.#process.reach(() => resolve(result)),
          (error: unknown) => () => fail(error),
        );
      this.#waiting.push({ run, fail, writes });
      this.#commitLater();
    });
  }

  #commitLater(): void {
    if (this.#isCommitting || this.#waiting.length === 0) return;
    this.#isCommitting = true;
    const { timeline } = this.#owner;
    timeline.schedule(this.#owner.commitMs(), () => {
      if (this.#isDead) return;
      const group = this.#waiting.splice(0);
      Promise.all(group.map((call) => this.#perform(call))).then(
        (answers) =>
          // Done and durable; the news is still on its way through the process.
          timeline.schedule(this.#owner.rng.below(2), () => {
            this.#isCommitting = false;
            if (this.#isDead) return;
            for (const answer of answers) answer();
            this.#commitLater();
          }),
        () => undefined,
      );
    });
  }

  #perform({ run, fail, writes }: PendingCall): Promise<() => void> {
    const { book } = this.#owner;
    if (writes && book.takes('store-full', 'store')) {
      return Promise.resolve(() => fail(new StoreError('store-full', 'the disk is full')));
    }
    if (writes && book.takes('store-call-failed', 'store')) {
      return Promise.resolve(() => fail(new StoreError('store-failed', 'an I/O error before the commit')));
    }
    if (writes && book.takes('store-answer-lost', 'store')) {
      return run().then(() => () => fail(new StoreError('store-failed', 'an I/O error after the commit')));
    }
    return run();
  }

  #observe(change: Change): void {
    if (change.type === 'settle') for (const request of change.requests) this.#observeSettled(request);
    if (change.type !== 'append') return;
    const { history } = this.#owner;
    for (const { id, body, priority, origin } of change.messages) {
      const common = {
        id: uuidFromBytes(id) as MessageId,
        sequence: history.next(),
        undoneAt: undefined,
      };
      if (origin !== undefined) {
        const { device, epoch, number } = origin;
        const bodyHash = hashBody(body);
        history.arrivals.push({ ...common, queue: change.queue, priority, device, epoch, number, bodyHash });
      } else if (change.queue === INVOICES) history.invoices.push({ ...common, visit: visitOf(body) });
    }
  }

  /** Of a transaction, all of whose receipts were of live leases. */
  #observeSettled({ queue, settlements, now }: SettleRequest): void {
    const { history } = this.#owner;
    for (const { type, receipt } of settlements) {
      const done = { code: undefined, until: undefined, sequence: history.next() };
      history.settlements.push({ queue, receipt, type, now, ...done });
    }
  }
}

function visitOf(body: Uint8Array): string {
  const invoice: unknown = JSON.parse(new TextDecoder().decode(body));
  const visit =
    typeof invoice === 'object' && invoice !== null && 'visit' in invoice ? invoice.visit : undefined;
  return typeof visit === 'string' ? visit : '';
}
