import { invariant, streamKeyText, unreachable } from '@fieldpost/protocol';
import { addRuleTargets } from '../../core/rule-targets.ts';
import { leaseLost, requireEachOnce } from '../../core/settle-all.ts';
import { leaseKeyText, sendKeyText } from '../../core/snapshot-keys.ts';
import { StoreError } from '../../core/store-error.ts';
import type {
  Change,
  DeviceNotices,
  LiveLease,
  QueueRow,
  QueueUsage,
  Scope,
  SendRow,
  SettleRequest,
  Snapshot,
  StreamRow,
} from '../../ports/gateway-store.ts';
import { DeviceRows, EpochRows } from './device-rows.ts';
import { changedIdentity, type GenerationChange, type Identity, writeGenerationChange } from './identity.ts';
import { UndoLog } from './kept-rows.ts';
import { insertedMessage, MessageInserts } from './message-inserts.ts';
import { confirmNotices, loadNotices } from './notices.ts';
import { lockLive, settle } from './operations/settle.ts';
import { QueueRows, usageOf } from './queue-rows.ts';
import { QueueWork } from './queue-work.ts';
import { SendRows } from './send-rows.ts';
import { ALL, type AskedStream, StreamRows } from './stream-rows.ts';
import { inOrder, type Transaction } from './transaction.ts';

/**
 * What the calls of one transaction look at and change, in memory between one read of it all and one write of it all: later
 * calls see what earlier ones decided, and a call that fails takes back its own part only.
 *
 * Rows are locked in one order: devices, epochs, streams, queues, producers' ids; of each kind by key.
 */
export class DecisionRows {
  /** What settled leases bring about. */
  readonly work: QueueWork;
  readonly #transaction: Transaction;
  readonly #undo = new UndoLog();
  readonly #devices: DeviceRows;
  readonly #epochs: EpochRows;
  readonly #streams: StreamRows;
  readonly #queues: QueueRows;
  readonly #sends: SendRows;
  readonly #inserts: MessageInserts;
  /** What a queue with a quota held when it was locked, with what had come in by then. */
  readonly #usage = new Map<string, QueueUsage>();
  #identity: Identity;
  /** Of the calls that ask for them, by scope: read when their turn comes. */
  readonly #notices = new Map<Scope, DeviceNotices>();
  readonly #leases = new Map<string, LiveLease>();
  /** Writes that nobody looks at before they are done. */
  #later: ((transaction: Transaction) => readonly Promise<unknown>[])[] = [];
  #isDirty = false;

  constructor(transaction: Transaction, identity: Identity, slice: number) {
    this.#transaction = transaction;
    this.#identity = identity;
    this.#devices = new DeviceRows(transaction, this.#undo);
    this.#epochs = new EpochRows(transaction, this.#undo);
    this.#streams = new StreamRows(transaction, this.#undo);
    this.#queues = new QueueRows(transaction, this.#undo);
    this.#sends = new SendRows(transaction, this.#queues, this.#undo);
    this.#inserts = new MessageInserts(transaction, this.#queues, this.#undo);
    this.work = new QueueWork(transaction, slice, this.#queues);
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Bytes of messages that are to be written. */
  get bytes(): number {
    return this.#inserts.bytes;
  }

  /** Locks and reads what scopes name, as far as it is not here yet. */
  async load(scopes: readonly Scope[]): Promise<void> {
    const streams = scopes.flatMap(streamsOf);
    if (this.#isDirty && streams.some((stream) => !this.#streams.covers(stream))) await this.flush();
    const queues = new Set<string>();
    for (const scope of scopes) {
      for (const queue of scope.queues ?? []) queues.add(queue);
      for (const { queue } of scope.sends ?? []) queues.add(queue);
    }
    await inOrder([
      this.#devices.lock(scopes.flatMap(({ device }) => (device === undefined ? [] : [device]))),
      this.#epochs.lock(scopes.flatMap(({ epochs = [] }) => epochs)),
      this.#streams.lock(streams),
    ]);
    for (const { leases } of scopes) if (leases !== undefined) await this.#loadLeases(leases);
    await this.#queues.lock(queues);
    const rows = await this.#loadRuleTargets(queues);
    await inOrder([this.#loadUsage(rows), this.#sends.lock(scopes.flatMap(({ sends = [] }) => sends))]);
  }

  /** The same for the call whose turn it is. */
  async loadNow(scope: Scope): Promise<void> {
    await this.load([scope]);
    const { device, notices } = scope;
    if (device === undefined || notices === undefined) return;
    if (this.#isDirty) await this.flush();
    this.#notices.set(scope, await loadNotices(this.#transaction, device, notices));
  }

  /** What a call looks at; its scope has been loaded. */
  snapshot(scope: Scope): Snapshot {
    const { generation: current, former, mintedIn, opening } = this.#identity;
    const notices = this.#notices.get(scope);
    const epochs = scope.epochs ?? [];
    const streams = new Map<string, StreamRow>();
    for (const stream of streamsOf(scope))
      setIfFound(streams, streamKeyText(stream.key), this.#streams.get(stream));
    const queues = new Map<string, QueueRow>();
    for (const name of scope.queues ?? []) setIfFound(queues, name, this.#queues.find(name)?.row);
    addRuleTargets(queues, (name) => this.#queues.find(name)?.row);
    const usage = new Map<string, QueueUsage>();
    for (const [name, row] of queues) setIfFound(usage, name, this.#usageOf(row));
    const sends = new Map<string, SendRow>();
    for (const send of scope.sends ?? [])
      setIfFound(sends, sendKeyText(send.queue, send.id), this.#sends.get(send));
    const leases = new Map<string, LiveLease>();
    for (const { queue, receipt } of scope.leases?.receipts ?? []) {
      const key = leaseKeyText(queue, receipt);
      setIfFound(leases, key, this.#leases.get(key));
    }
    return {
      generations: { current, former, opening, ...(mintedIn === undefined ? {} : { mintedIn }) },
      device: scope.device === undefined ? undefined : this.#devices.get(scope.device),
      epochs: new Map(
        epochs.flatMap((epoch) => {
          const row = this.#epochs.get(epoch);
          return row === undefined ? [] : [[epoch, row] as const];
        }),
      ),
      retired: new Set(epochs.filter((epoch) => this.#epochs.isRetired(epoch))),
      streams,
      queues,
      usage,
      sends,
      leases,
      ...(notices === undefined ? {} : { notices }),
    };
  }

  /** Notes changes; all of them, or none when one fails. */
  async apply(changes: readonly Change[]): Promise<void> {
    const identity = this.#identity;
    const later = this.#later.length;
    const mark = this.#undo.mark();
    const settling = changes.flatMap((change) => (change.type === 'settle' ? change.requests : []));
    try {
      await this.#requireLive(settling);
      // Mostly everything is here, since the scope named it.
      await this.#loadChanged(changes);
      for (const change of changes) await this.#applyOne(change);
      this.#isDirty ||= changes.length > 0;
    } catch (error) {
      this.#undo.takeBack(mark);
      this.#identity = identity;
      this.#later.length = later;
      throw error;
    }
    if (settling.length > 0) await this.#settle(settling);
  }

  /** Writes what was noted. */
  async flush(): Promise<void> {
    const later = this.#later;
    this.#later = [];
    const sent = [
      ...later.flatMap((write) => write(this.#transaction)),
      ...this.#devices.flush(),
      ...this.#epochs.flush(),
      ...this.#streams.flush(),
      ...this.#queues.flush(),
      ...this.#inserts.flush(),
      ...this.#sends.flush(),
    ];
    this.#isDirty = false;
    await inOrder(sent);
  }

  async #applyOne(change: Change): Promise<void> {
    switch (change.type) {
      case 'append':
        return this.#inserts.add(change.queue, change.messages.map(insertedMessage));
      case 'advance':
        return this.#streams.advance(change);
      case 'refuse':
      case 'skip':
        return this.#streams.addFate(change);
      case 'put-device':
        return this.#devices.put(change.row);
      case 'put-epoch':
        return this.#epochs.put(change.row);
      case 'put-lost':
        return this.#streams.putLost(change);
      case 'remove-lost':
        return this.#streams.removeLost(change);
      case 'change-generation':
      case 'put-former':
      case 'remove-former':
        return this.#changeGeneration(change);
      case 'put-queue':
        return this.#queues.put(change.row);
      case 'delete-queue':
        return this.#deleteQueue(change);
      case 'put-send':
        return this.#sends.put(change.queue, change.row);
      case 'confirm-notices':
        this.#later.push((transaction) => [confirmNotices(transaction, change.device, change.upTo)]);
        return;
      case 'settle':
        // When all else has been noted: see `apply`.
        return;
      default:
        return unreachable(change);
    }
  }

  #changeGeneration(change: GenerationChange): void {
    const before = this.#identity;
    this.#identity = changedIdentity(before, change);
    this.#later.push((transaction) => writeGenerationChange(transaction, before, change));
  }

  async #loadLeases({ now, receipts }: NonNullable<Scope['leases']>): Promise<void> {
    const byQueue = new Map<string, string[]>();
    for (const { queue, receipt } of receipts) byQueue.set(queue, [...(byQueue.get(queue) ?? []), receipt]);
    await this.#queues.read(byQueue.keys());
    for (const [name, asked] of byQueue) {
      const queue = this.#queues.find(name);
      if (queue === undefined) continue;
      const live = await lockLive(this.#transaction, queue, asked, now);
      for (const receipt of asked) {
        const lease = live.get(receipt);
        if (lease === undefined) this.#leases.delete(leaseKeyText(name, receipt));
        else this.#leases.set(leaseKeyText(name, receipt), lease);
      }
    }
  }

  /** Fails with `lease-lost`. What is locked and live now still is when it is settled. */
  async #requireLive(requests: readonly SettleRequest[]): Promise<void> {
    requireEachOnce(requests);
    for (const { queue: name, settlements, now } of requests) {
      await this.#queues.read([name]);
      const queue = this.#queues.find(name);
      const receipts = settlements.map(({ receipt }) => receipt);
      const live = queue === undefined ? undefined : await lockLive(this.#transaction, queue, receipts, now);
      const lost = receipts.find((receipt) => live?.has(receipt) !== true);
      if (lost !== undefined) throw leaseLost(name, lost);
    }
  }

  async #settle(requests: readonly SettleRequest[]): Promise<void> {
    await this.flush();
    for (const request of requests) {
      const lost = (await settle(this.work, request)).find(({ code }) => code !== undefined);
      invariant(lost === undefined, 'a lease that is locked and live can be settled');
    }
    // Queues hold less now.
    this.#usage.clear();
  }

  async #deleteQueue({ name, ifEmpty, at }: Extract<Change, { type: 'delete-queue' }>): Promise<void> {
    const state = this.#queues.get(name);
    const stored = this.#queues.stored(name);
    const isStored = stored?.number === state.number;
    const held = isStored ? await this.#queues.held(name) : [];
    const subqueues = held.map((queue) => queue.name).filter((other) => other !== name);
    await this.#queues.lock(subqueues);
    const messages =
      held.reduce((sum, queue) => sum + queue.messages, 0) +
      state.messages -
      (isStored ? stored.messages : 0);
    if (ifEmpty === true && messages > 0) {
      throw new StoreError('queue-not-empty', `queue "${name}" and its subqueues hold ${messages} messages`);
    }
    for (const queue of [name, ...subqueues]) this.#queues.delete(queue, at);
  }

  /** What changes write over: it has to be known what stands there. Mostly it is, since the call's scope named it. */
  async #loadChanged(changes: readonly Change[]): Promise<void> {
    const devices = changes.flatMap((change) => (change.type === 'put-device' ? [change.row.device] : []));
    const epochs = changes.flatMap((change) => (change.type === 'put-epoch' ? [change.row.epoch] : []));
    const streams = changes.flatMap((change) => (change.type === 'advance' ? [change.stream] : []));
    const queues = changes.flatMap(queuesOfChange);
    const sends = changes.flatMap((change) =>
      change.type === 'put-send' ? [{ queue: change.queue, id: change.row.id }] : [],
    );
    await inOrder([
      this.#devices.lock(devices),
      this.#epochs.lock(epochs),
      this.#streams.lockMarks(streams),
      this.#queues.lock(queues),
    ]);
    await this.#sends.lock(sends);
  }

  /** Rules may lead on and on: each round asks for what the one before found. */
  async #loadRuleTargets(names: ReadonlySet<string>): Promise<readonly QueueRow[]> {
    for (;;) {
      const rows = new Map<string, QueueRow>();
      const missing = new Set<string>();
      for (const name of names) setIfFound(rows, name, this.#queues.find(name)?.row);
      addRuleTargets(rows, (name) => {
        if (!this.#queues.isLocked(name)) missing.add(name);
        return this.#queues.find(name)?.row;
      });
      if (missing.size === 0) return [...rows.values()];
      await this.#queues.lock(missing);
    }
  }

  async #loadUsage(rows: readonly QueueRow[]): Promise<void> {
    const limited = rows.filter(
      (row) => hasQuota(row) && !this.#usage.has(usageKey(this.#queues.get(row.name))),
    );
    await inOrder(
      limited.map(async ({ name }) => {
        const state = this.#queues.get(name);
        const stored = this.#queues.stored(name);
        const { messages, bytes } = usageOf(await this.#queues.held(name));
        this.#usage.set(usageKey(state), {
          messages: messages - (stored?.messages ?? 0),
          bytes: bytes - (stored?.bytes ?? 0),
        });
      }),
    );
  }

  #usageOf(row: QueueRow): QueueUsage | undefined {
    if (!hasQuota(row)) return undefined;
    const state = this.#queues.get(row.name);
    // What a queue made by an earlier call of this transaction holds has all come in by now.
    const others = this.#usage.get(usageKey(state)) ?? { messages: 0, bytes: 0 };
    return { messages: others.messages + state.messages, bytes: others.bytes + state.bytes };
  }
}

/** A queue's number is given again to another one; its name is not enough either. */
function usageKey({ number, row }: { readonly number: number; readonly row: QueueRow }): string {
  return `${number} ${row.name}`;
}

function hasQuota({ quotaMessages, quotaBytes }: QueueRow): boolean {
  return quotaMessages !== undefined || quotaBytes !== undefined;
}

function streamsOf({ streams = [], fatesMax = ALL }: Scope): readonly AskedStream[] {
  return streams.map(({ key, since }) => ({ key, since, fatesMax: Math.min(fatesMax, ALL) }));
}

function queuesOfChange(change: Change): readonly string[] {
  if (change.type === 'append' || change.type === 'put-send') return [change.queue];
  if (change.type === 'delete-queue') return [change.name];
  return change.type === 'put-queue' ? [change.row.name] : [];
}

function setIfFound<Key, Row>(rows: Map<Key, Row>, key: Key, row: Row | undefined): void {
  if (row !== undefined) rows.set(key, row);
}
