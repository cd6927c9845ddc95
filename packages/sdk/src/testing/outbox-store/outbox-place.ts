import {
  type DeviceId,
  encodeMessage,
  type EpochId,
  hexFromBytes,
  type Message,
  type MessageId,
  messageIdFrom,
  packEntries,
  type Rng,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { type Draft, planSave, type SeenNumbers } from '../../core/save/plan-save.ts';
import type { OutboxStore, SavedSegments, SegmentKey } from '../../ports/outbox-store.ts';

/** Where the stores of one test keep their data. */
export interface OutboxPlace {
  /** A further handle on the same data, not yet open, as another tab has one. */
  handle(): OutboxStore;
  /** Makes storage operations fail. Absent when the adapter has none that can. */
  readonly faults?: StorageFaults;
  /** Damages what is stored of the segment at this position, but not its key. Absent when nothing can. */
  damage?(position: number): Promise<void>;
  /** Removes the data. Handles are closed by the suite. */
  remove(): Promise<void>;
}

/**
 * - `dead`: the handle is dead: the operation throws, or its transaction is aborted without a reason.
 * - `full`: the transaction is aborted because the quota is used up.
 * - `unheard`: the transaction is committed, and its caller is told that it was aborted. Counts transactions that write.
 */
export type StorageFault = 'dead' | 'full' | 'unheard';

export interface StorageFaults {
  /** Makes the n-th operation from now on fail (1 is the next one), and with `for-good` every one after it. */
  failAt(n: number, fault: StorageFault, lasting: 'once' | 'for-good'): void;
  /** Ends all faults. Returns whether one has struck. */
  clear(): boolean;
}

/** One place, with helpers to write to it. */
export class OutboxBench {
  readonly place: OutboxPlace;
  readonly #rng: Rng;
  readonly #stores: OutboxStore[] = [];

  constructor(place: OutboxPlace, rng: Rng) {
    this.place = place;
    this.#rng = rng;
  }

  /** An open handle. */
  async open(): Promise<OutboxStore> {
    const store = this.handle();
    await store.open({ device: this.device(), marker: undefined });
    return store;
  }

  handle(): OutboxStore {
    const store = this.place.handle();
    this.#stores.push(store);
    return store;
  }

  async end(): Promise<void> {
    this.place.faults?.clear();
    for (const store of this.#stores) await store.close();
    await this.place.remove();
  }

  epoch(): EpochId {
    return hexFromBytes(this.#rng.bytes(16)) as EpochId;
  }

  device(): DeviceId {
    return this.uuid() as DeviceId;
  }

  uuid(): string {
    return uuidFromBytes(this.#rng.bytes(16));
  }

  message(bodyBytes = 20): Message {
    const id = messageIdFrom(1_700_000_000_000, this.#rng.bytes(10));
    return { id, properties: {}, body: this.#rng.bytes(bodyBytes) };
  }
}

/** What a test puts into one lane. */
export interface DraftOptions {
  readonly queue?: string;
  readonly priority?: number;
  readonly savedAt?: number;
  readonly suppliedIds?: readonly MessageId[];
}

export function draftOf(messages: readonly Message[], options: DraftOptions = {}): Draft {
  const { queue = 'orders', priority = 3, savedAt = 1_700_000_000_000, suppliedIds } = options;
  return {
    lane: { queue, priority },
    count: messages.length,
    messages: packEntries(messages.map(encodeMessage)),
    savedAt,
    ...(suppliedIds === undefined ? {} : { suppliedIds }),
  };
}

/** Saves as the SDK does. */
export function saveDrafts(
  store: OutboxStore,
  epoch: EpochId,
  write: string,
  drafts: readonly Draft[],
  seen: SeenNumbers = {},
): Promise<SavedSegments> {
  return store.save(epoch, (tail) => planSave(epoch, tail, drafts, seen, write));
}

/** The first and the last number of each segment, such as `1-3`. */
export function numbersOf(segments: readonly SegmentKey[]): readonly string[] {
  return segments.map(({ first, count }) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`));
}
