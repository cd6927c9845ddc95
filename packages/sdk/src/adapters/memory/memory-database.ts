import type { DeviceId, EpochId, GenerationId, MessageId, Session } from '@fieldpost/protocol';
import type {
  Contact,
  DeadLetter,
  DrainLease,
  EpochTail,
  SegmentKey,
  SettledFate,
  Skip,
  StreamMark,
} from '../../ports/outbox-store.ts';

/**
 * What a memory outbox holds. Handles on one database are like tabs on one origin; a copy of it is a profile that was
 * cloned or restored.
 *
 * @since 0.1.0
 */
export class MemoryDatabase {
  device: DeviceId | undefined;
  /** Ids that the device had before. */
  renewed: readonly DeviceId[] = [];
  /** By position, in log order. */
  readonly segments: Map<number, MemorySegment>;
  lastPosition = 0;
  readonly tails: Map<EpochId, EpochTail>;
  readonly suppliedIds: Map<MessageId, number>;
  /** By `streamKeyText`. */
  readonly marks: Map<string, StreamMark>;
  /** By stream and number: what was refused or skipped, for as long as its segment is kept. */
  readonly fates: Map<string, SettledFate>;
  /** By stream and number: what goes as a skip, until its answer is settled. */
  readonly skips: Map<string, Skip>;
  deadLetters: readonly DeadLetter[] = [];
  settledUpTo = 0;
  offered = 0;
  session: Session | undefined;
  generation: GenerationId | undefined;
  reopenings = 0;
  contacts: readonly Contact[] = [];
  lease: DrainLease | undefined;
  /** Asked before each operation, and told whether it writes: what it returns happens. */
  fault: (operation: string, writes: boolean) => MemoryFault = () => 'none';

  constructor() {
    this.segments = new Map();
    this.tails = new Map();
    this.suppliedIds = new Map();
    this.marks = new Map();
    this.fates = new Map();
    this.skips = new Map();
  }

  /** The data as it is now, in a database of its own. */
  copy(): MemoryDatabase {
    const copy = new MemoryDatabase();
    copy.device = this.device;
    copy.renewed = this.renewed;
    for (const [position, segment] of this.segments) copy.segments.set(position, segment);
    copy.lastPosition = this.lastPosition;
    for (const [epoch, tail] of this.tails) copy.tails.set(epoch, tail);
    for (const [id, position] of this.suppliedIds) copy.suppliedIds.set(id, position);
    for (const [stream, mark] of this.marks) copy.marks.set(stream, mark);
    for (const [place, fate] of this.fates) copy.fates.set(place, fate);
    for (const [place, skip] of this.skips) copy.skips.set(place, skip);
    copy.deadLetters = this.deadLetters;
    copy.settledUpTo = this.settledUpTo;
    copy.offered = this.offered;
    copy.session = this.session;
    copy.generation = this.generation;
    copy.reopenings = this.reopenings;
    copy.contacts = this.contacts;
    copy.lease = this.lease;
    return copy;
  }

  /** Makes what is stored of a segment unreadable, but not its key. */
  damage(position: number): void {
    const segment = this.segments.get(position);
    if (segment !== undefined) this.segments.set(position, { ...segment, messages: undefined });
  }
}

/**
 * - `dead`: the handle is dead; the operation is done once more.
 * - `full`: the quota is used up; nothing is done.
 * - `unheard`: it is done, and the caller is told that this is not known.
 */
export type MemoryFault = 'none' | 'dead' | 'full' | 'unheard';

export interface MemorySegment {
  readonly key: SegmentKey;
  readonly messages: Uint8Array | undefined;
}
