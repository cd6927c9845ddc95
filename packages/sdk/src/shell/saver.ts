import { bytesFromUuid, type EpochId, type MessageId, type StreamKey } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { laneText } from '../core/lane.ts';
import { type Draft, planSave } from '../core/save/plan-save.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lane, OutboxStore, SavedSegments, SegmentKey } from '../ports/outbox-store.ts';
import { MessagePacker } from './message-packer.ts';
import type { Mint } from './mint.ts';

/** One save holds at most so much: a transaction that grows without end would keep every other one waiting. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** A save whose outcome stays unknown is repeated so often before its callers hear of it. */
const REPEATS_MAX = 3;

/** Where a message was saved. */
export interface SavedMessage {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  /** The supplied id was known: this is the message that was saved before. */
  readonly isRepeated: boolean;
}

export interface MessageToSave {
  readonly lane: Lane;
  readonly properties: Uint8Array;
  readonly body: string | Uint8Array;
  readonly suppliedId: MessageId | undefined;
}

export interface SaverListener {
  /** Segments are on disk. */
  saved(keys: readonly SegmentKey[], contents: readonly Uint8Array[]): void;
  /** This tab numbers in another epoch from now on. */
  epochMinted(epoch: EpochId): void;
  /** The disk has gone back behind what this tab saw committed. */
  rolledBack(): void;
  /** Undefined after a save that worked. */
  storageChanged(error: unknown): void;
  /** The message of a supplied id that was known; fails with `conflict` when it is another one. */
  findRepeated(id: MessageId, entry: Uint8Array, lane: Lane): Promise<SavedMessage>;
}

/**
 * Saves what is sent, in groups: sends made while a save runs become the next one, so a burst costs one transaction and
 * a lone send waits for nobody. Order is the order of the calls.
 */
export class Saver {
  readonly #store: OutboxStore;
  readonly #clock: Clock;
  readonly #mint: Mint;
  readonly #listener: SaverListener;
  readonly #batches: Batch[] = [];
  #epoch: EpochId;
  /** By lane text: the last numbers seen committed in the epoch. */
  #seen: Record<string, number> = {};
  #running: Promise<void> | undefined;

  constructor(options: {
    readonly store: OutboxStore;
    readonly clock: Clock;
    readonly mint: Mint;
    readonly epoch: EpochId;
    readonly listener: SaverListener;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#mint = options.mint;
    this.#epoch = options.epoch;
    this.#listener = options.listener;
  }

  /** Resolves when the message is on disk. Throws at once, with nothing taken, when it cannot be packed. */
  save(message: MessageToSave): Promise<SavedMessage> {
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.isSealed || batch.bytes >= BATCH_BYTES) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    const saving = batch.add(message, this.#mint, this.#clock);
    // In a microtask, so that all sends of this turn share the first save.
    this.#running ??= Promise.resolve().then(() => this.#run());
    return saving;
  }

  /** From the next save on, numbers are drawn in another epoch. */
  endEpoch(epoch: EpochId): void {
    if (epoch !== this.#epoch) return;
    this.#epoch = this.#mint.epoch();
    this.#seen = {};
    this.#listener.epochMinted(this.#epoch);
  }

  /** Resolves when nothing is being saved. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const batch = this.#batches[0];
      if (batch === undefined) break;
      batch.isSealed = true;
      await this.#saveBatch(batch);
      this.#batches.shift();
    }
    this.#running = undefined;
  }

  async #saveBatch(batch: Batch): Promise<void> {
    let members = batch.toMembers();
    try {
      while (members.length > 0) {
        const repeated = await this.#saveMembers(members);
        if (repeated === undefined) return;
        await this.#resolveRepeated(members, repeated);
        members = members.filter(({ suppliedId }) => suppliedId === undefined || !repeated.has(suppliedId));
      }
    } catch (error) {
      this.#listener.storageChanged(error);
      for (const member of members) for (const waiter of member.waiters) waiter.reject(error);
    }
  }

  /** Returns the supplied ids that were known: nothing was saved then. */
  async #saveMembers(members: readonly Member[]): Promise<ReadonlySet<MessageId> | undefined> {
    const drafts = members.map(({ draft }) => draft);
    for (;;) {
      const epoch = this.#epoch;
      const saved = await this.#saveDrafts(epoch, drafts);
      this.#listener.storageChanged(undefined);
      switch (saved.outcome) {
        case 'rolled-back':
          this.#listener.rolledBack();
          this.endEpoch(epoch);
          continue;
        case 'repeated':
          return new Set(saved.repeated);
        case 'written':
        case 'found':
          this.#finish(epoch, members, saved.segments);
          return undefined;
      }
    }
  }

  async #saveDrafts(epoch: EpochId, drafts: readonly Draft[]): Promise<SavedSegments> {
    const write = this.#mint.uuid();
    for (let repeats = 0; ; repeats++) {
      try {
        return await this.#store.save(epoch, (tail) => planSave(epoch, tail, drafts, this.#seen, write));
      } catch (error) {
        // The same write again finds itself, if it was done after all.
        const isUnknown = error instanceof FieldpostError && error.outcome === 'unknown';
        if (!isUnknown || repeats === REPEATS_MAX) throw error;
      }
    }
  }

  #finish(epoch: EpochId, members: readonly Member[], keys: readonly SegmentKey[]): void {
    for (const { stream, first, count } of keys) {
      if (epoch === this.#epoch) this.#seen[laneText(stream)] = first + count - 1;
    }
    this.#listener.saved(
      keys,
      members.map(({ draft }) => draft.messages),
    );
    for (const [index, { waiters }] of members.entries()) {
      const key = keys[index];
      if (key === undefined)
        throw new FieldpostError('storage-failed', 'the store named fewer segments than were saved');
      for (let offset = 0; offset < waiters.length; offset++) {
        waiters[offset]?.resolve({ stream: key.stream, number: key.first + offset, isRepeated: false });
      }
    }
  }

  async #resolveRepeated(members: readonly Member[], repeated: ReadonlySet<MessageId>): Promise<void> {
    for (const { suppliedId, draft, waiters } of members) {
      if (suppliedId === undefined || !repeated.has(suppliedId)) continue;
      try {
        const found = await this.#listener.findRepeated(suppliedId, draft.messages, draft.lane);
        for (const waiter of waiters) waiter.resolve({ ...found, isRepeated: true });
      } catch (error) {
        for (const waiter of waiters) waiter.reject(error);
      }
    }
  }
}

interface Waiter {
  resolve(saved: Omit<SavedMessage, 'id'>): void;
  reject(error: unknown): void;
}

interface Member {
  readonly draft: Draft;
  readonly suppliedId: MessageId | undefined;
  readonly waiters: readonly Waiter[];
}

/** What one save will hold: packed lanes in the order in which they were begun. */
class Batch {
  isSealed = false;
  bytes = 0;
  readonly #packers: { readonly packer: MessagePacker; readonly waiters: Waiter[] }[] = [];
  readonly #open = new Map<string, { readonly packer: MessagePacker; readonly waiters: Waiter[] }>();
  readonly #supplied = new Map<
    MessageId,
    { readonly packer: MessagePacker; readonly saving: Promise<SavedMessage> }
  >();
  readonly #id = new Uint8Array(16);

  add(message: MessageToSave, mint: Mint, clock: Clock): Promise<SavedMessage> {
    const { suppliedId } = message;
    if (suppliedId !== undefined) return this.#addSupplied(message, suppliedId, clock);
    const { lane } = message;
    const text = laneText(lane);
    let open = this.#open.get(text);
    if (open === undefined || open.packer.isFull) {
      open = { packer: new MessagePacker(lane, clock.wallMs(), undefined), waiters: [] };
      const id = mint.messageId(this.#id);
      this.#pack(open.packer, message);
      this.#open.set(text, open);
      this.#packers.push(open);
      return wait(open.waiters, id);
    }
    const id = mint.messageId(this.#id);
    this.#pack(open.packer, message);
    return wait(open.waiters, id);
  }

  toMembers(): Member[] {
    return this.#packers.map(({ packer, waiters }) => ({
      draft: packer.toDraft(),
      suppliedId: packer.suppliedId,
      waiters,
    }));
  }

  /** A segment of its own, so that the others are saved when this one turns out to be known. */
  #addSupplied(message: MessageToSave, id: MessageId, clock: Clock): Promise<SavedMessage> {
    const packer = new MessagePacker(message.lane, clock.wallMs(), id);
    this.#id.set(bytesFromUuid(id));
    this.#pack(packer, message);
    const known = this.#supplied.get(id);
    if (known !== undefined) {
      if (isSame(known.packer, packer)) return known.saving.then((saved) => ({ ...saved, isRepeated: true }));
      return Promise.reject(conflict(id));
    }
    const opened = { packer, waiters: [] };
    this.#packers.push(opened);
    // What follows in this lane comes behind it.
    this.#open.delete(laneText(message.lane));
    const saving = wait(opened.waiters, id);
    this.#supplied.set(id, { packer, saving });
    return saving;
  }

  #pack(packer: MessagePacker, { properties, body }: MessageToSave): void {
    const before = packer.length;
    packer.add({ id: this.#id, properties, body });
    this.bytes += packer.length - before;
  }
}

/** Another message was sent under this id before. */
export function conflict(id: MessageId): FieldpostError {
  return new FieldpostError(
    'conflict',
    `id ${id} was used for another message: a new message needs a new id`,
  );
}

function isSame(one: MessagePacker, other: MessagePacker): boolean {
  return laneText(one.lane) === laneText(other.lane) && areBytesEqual(one.packed, other.packed);
}

export function areBytesEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function wait(waiters: Waiter[], id: MessageId): Promise<SavedMessage> {
  return new Promise((resolve, reject) => {
    waiters.push({ resolve: (saved) => resolve({ ...saved, id }), reject });
  });
}
