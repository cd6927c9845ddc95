import { bytesFromUuid, type EpochId, LIMITS, type MessageId, type StreamKey } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { laneText } from '../core/lane.ts';
import { type Draft, planSave } from '../core/save/plan-save.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lane, OutboxStore, SavedSegments, SegmentKey, TransactionPart } from '../ports/outbox-store.ts';
import { type IdToPack, MessagePacker } from './message-packer.ts';
import type { Mint, MintedId } from './mint.ts';

/** One save holds at most so much: a transaction that grows without end would keep every other one waiting. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** A save whose outcome stays unknown is repeated so often before its callers hear of it. */
const REPEATS_MAX = 3;

/** Where a message was saved. */
export interface SavedMessage {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
}

export interface MessageToSave {
  readonly lane: Lane;
  readonly properties: Uint8Array;
  readonly body: string | Uint8Array;
  readonly suppliedId: MessageId | undefined;
  /** Undefined: it never expires. */
  readonly expiresInMs: number | undefined;
  readonly caller: SaveCaller;
}

/** Who hears, once, of what became of a save. Callbacks, because a promise for each step of each message adds up. */
export interface SaveCaller {
  /**
   * The message is on disk. The id of one that was minted is bytes until somebody reads it. `isRepeated`: a supplied id
   * was known, and this is the message that was saved before.
   */
  saved(id: MintedId | MessageId, stream: StreamKey, number: number, isRepeated: boolean): void;
  failed(error: unknown): void;
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
  /**
   * The message of a supplied id that was known; undefined when it is gone. Fails with `conflict` when it is another one, and
   * with `unreadable` when it will not arrive, because its saved copy is damaged.
   */
  findRepeated(id: MessageId, entry: Uint8Array, lane: Lane): Promise<SavedMessage | undefined>;
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

  /** Calls back when the message is on disk. Throws at once, with nothing taken, when it cannot be packed. */
  save(message: MessageToSave): void {
    this.#openBatch().add(message, this.#mint, this.#clock);
    this.#runSoon();
  }

  /** The same for several that are saved and sent together or not at all. */
  saveTransaction(messages: readonly MessageToSave[]): void {
    this.#openBatch().addTransaction(messages, this.#mint, this.#clock);
    this.#runSoon();
  }

  #openBatch(): Batch {
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.isSealed || batch.bytes >= BATCH_BYTES) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    return batch;
  }

  #runSoon(): void {
    // In a microtask, so that all sends of this turn share the first save.
    this.#running ??= Promise.resolve().then(() => this.#run());
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
      const gone = new Set<MessageId>();
      while (members.length > 0) {
        const repeated = await this.#saveMembers(members);
        if (repeated === undefined) return;
        await this.#resolveRepeated(members, repeated, gone);
        // What is gone may have been removed a moment ago, in the fullness of time: then its id is free, and it is saved anew.
        members = members.filter(
          ({ suppliedId: id }) => id === undefined || !repeated.has(id) || gone.has(id),
        );
      }
    } catch (error) {
      this.#listener.storageChanged(error);
      for (const member of members) for (const caller of member.callers) caller.failed(error);
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
    for (const [index, { callers, ids, draft, suppliedId }] of members.entries()) {
      const key = keys[index];
      if (key === undefined)
        throw new FieldpostError('storage-failed', 'the store named fewer segments than were saved');
      for (let offset = 0; offset < callers.length; offset++) {
        const id = suppliedId ?? ids[offset];
        if (id === undefined) continue;
        const number = key.first + Math.min(offset, draft.count - 1);
        callers[offset]?.saved(id, key.stream, number, offset >= draft.count);
      }
    }
  }

  /** `gone` gets the ids of which nothing was found, and loses those of which nothing is found once more. */
  async #resolveRepeated(
    members: readonly Member[],
    repeated: ReadonlySet<MessageId>,
    gone: Set<MessageId>,
  ): Promise<void> {
    for (const { suppliedId, draft, callers } of members) {
      if (suppliedId === undefined || !repeated.has(suppliedId)) continue;
      try {
        const found = await this.#listener.findRepeated(suppliedId, draft.messages, draft.lane);
        if (found === undefined && !gone.has(suppliedId)) {
          gone.add(suppliedId);
          continue;
        }
        gone.delete(suppliedId);
        if (found === undefined) throw unreadable(suppliedId, 'is gone from the local database');
        const { id, stream, number } = found;
        for (const caller of callers) caller.saved(id, stream, number, true);
      } catch (error) {
        for (const caller of callers) caller.failed(error);
      }
    }
  }
}

/** Who waits for the messages of a draft, in their order; behind them those who sent the same id once more. */
interface Member {
  readonly draft: Draft;
  readonly suppliedId: MessageId | undefined;
  /** By message. One that was supplied is `suppliedId`. */
  readonly ids: readonly MintedId[];
  readonly callers: readonly SaveCaller[];
}

interface OpenMember {
  readonly packer: MessagePacker;
  readonly ids: MintedId[];
  readonly callers: SaveCaller[];
  part?: TransactionPart;
}

/** What one save will hold: packed lanes in the order in which they were begun. */
class Batch {
  isSealed = false;
  bytes = 0;
  readonly #members: OpenMember[] = [];
  readonly #open = new Map<string, OpenMember>();
  readonly #supplied = new Map<MessageId, OpenMember>();
  /** The lane of the message before, which is most often that of the next. */
  #lane: Lane | undefined;
  #member: OpenMember | undefined;

  add(message: MessageToSave, mint: Mint, clock: Clock): void {
    const { lane, suppliedId, caller } = message;
    if (suppliedId !== undefined) return this.#addSupplied(message, suppliedId, clock);
    const id = mint.messageId();
    let member = lane === this.#lane ? this.#member : this.#open.get(laneText(lane));
    if (member === undefined || member.packer.isFull) {
      member = { packer: new MessagePacker(lane, clock.wallMs(), undefined), ids: [], callers: [] };
      this.#pack(member.packer, id, message);
      this.#open.set(laneText(lane), member);
      this.#members.push(member);
    } else {
      this.#pack(member.packer, id, message);
    }
    member.ids.push(id);
    member.callers.push(caller);
    this.#lane = lane;
    this.#member = member;
  }

  toMembers(): Member[] {
    return this.#members.map(({ packer, ids, callers, part }) => ({
      draft: packer.toDraft(part),
      suppliedId: packer.suppliedId,
      ids,
      callers,
    }));
  }

  /** A segment for each lane, one after the other in the log; nothing is taken when one message cannot be packed. */
  addTransaction(messages: readonly MessageToSave[], mint: Mint, clock: Clock): void {
    const parts = new Map<string, OpenMember>();
    for (const message of messages) {
      const { lane, properties, body, expiresInMs, caller } = message;
      const text = laneText(lane);
      const part = parts.get(text) ?? {
        packer: new MessagePacker(lane, clock.wallMs(), undefined),
        ids: [],
        callers: [],
      };
      parts.set(text, part);
      const id = mint.messageId();
      part.packer.add(id, properties, body);
      if (expiresInMs !== undefined) part.packer.expireIn(expiresInMs);
      part.ids.push(id);
      part.callers.push(caller);
    }
    const bytes = [...parts.values()].reduce((sum, { packer }) => sum + packer.packed.length, 0);
    checkTransactionSize(messages.length, bytes);
    let index = 0;
    for (const [text, part] of parts) {
      part.part = { index: index++, parts: parts.size };
      this.#members.push(part);
      // What follows in this lane comes behind it.
      this.#open.delete(text);
    }
    this.bytes += bytes;
    this.#lane = undefined;
  }

  /** A segment of its own, so that the others are saved when this one turns out to be known. */
  #addSupplied(message: MessageToSave, id: MessageId, clock: Clock): void {
    const { lane, caller } = message;
    const packer = new MessagePacker(lane, clock.wallMs(), id);
    this.#pack(packer, { copyTo: (target, at) => target.set(bytesFromUuid(id), at) }, message);
    const known = this.#supplied.get(id);
    if (known !== undefined) {
      if (!isSame(known.packer, packer)) throw conflict(id);
      known.callers.push(caller);
      return;
    }
    const member: OpenMember = { packer, ids: [], callers: [caller] };
    this.#members.push(member);
    this.#supplied.set(id, member);
    // What follows in this lane comes behind it.
    this.#open.delete(laneText(lane));
    this.#lane = undefined;
  }

  #pack(packer: MessagePacker, id: IdToPack, { properties, body, expiresInMs }: MessageToSave): void {
    const before = packer.length;
    packer.add(id, properties, body);
    if (expiresInMs !== undefined) packer.expireIn(expiresInMs);
    this.bytes += packer.length - before;
  }
}

function checkTransactionSize(messages: number, bytes: number): void {
  const { transactionMessages, transactionBytes } = LIMITS;
  if (messages <= transactionMessages && bytes <= transactionBytes) return;
  throw new FieldpostError(
    'too-large',
    `a transaction of ${messages} messages and ${bytes} bytes; it carries at most ${transactionMessages} and ${transactionBytes}, because it travels in one piece`,
  );
}

/** Another message was sent under this id before. */
export function conflict(id: MessageId): FieldpostError {
  return new FieldpostError(
    'conflict',
    `id ${id} was used for another message: a new message needs a new id`,
  );
}

/** The message of this id was saved before, and will not arrive. */
export function unreadable(id: MessageId, why: string): FieldpostError {
  const advice = 'see outbox.list() for what was set aside, and send it again under a new id';
  return new FieldpostError('unreadable', `message ${id} was saved before, and its copy ${why}: ${advice}`);
}

function isSame(one: MessagePacker, other: MessagePacker): boolean {
  return laneText(one.lane) === laneText(other.lane) && areBytesEqual(one.packed, other.packed);
}

export function areBytesEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
