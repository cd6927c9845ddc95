import {
  type DeviceId,
  type EpochId,
  type GenerationId,
  type MessageId,
  type StreamKey,
  streamKeyText,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { newQueueRow } from '../core/queue-settings.ts';
import { leaseKeyText, sendKeyText } from '../core/snapshot-keys.ts';
import { firstFates } from '../core/told-fates.ts';
import type {
  Change,
  DeviceRow,
  EpochRow,
  FateNotice,
  Generations,
  LiveLease,
  LostRange,
  NewMessage,
  QueueRow,
  QueueUsage,
  SendRow,
  Snapshot,
  StreamRow,
} from '../ports/gateway-store.ts';
import { deviceId, generationId, session } from './sample-frames.ts';

const OPENING = 'opening';

/** Rows of a store held in maps, for tests of what decides on them: nothing is durable, nothing is checked twice. */
export class SampleRows implements Snapshot {
  device: DeviceRow | undefined = sampleDevice();
  generations: Generations = { current: generationId(1), former: new Set(), opening: OPENING };
  readonly epochs = new Map<EpochId, EpochRow>();
  readonly retired = new Set<EpochId>();
  readonly streams = new Map<string, StreamRow>();
  readonly queues = new Map<string, QueueRow>([['orders', newQueueRow('orders', 0, { maxBodyBytes: 1000 })]]);
  readonly usage = new Map<string, QueueUsage>();
  readonly sends = new Map<string, SendRow>();
  readonly leases = new Map<string, LiveLease>();
  /** What a scope that asks for notices gets, behind its cursor. */
  kept: readonly FateNotice[] = [];
  /** Every message by queue, in its order. */
  readonly messages = new Map<string, NewMessage[]>();

  /** The snapshot of a scope whose streams are wanted above `since`, each with at most `fatesMax` refusals and skips. */
  above(since: number, fatesMax = Number.POSITIVE_INFINITY): Snapshot {
    const streams = [...this.streams].map(([key, row]): [string, StreamRow] => [
      key,
      {
        ...row,
        ...firstFates(
          row.refusals.filter(({ number }) => number > since),
          row.skips.filter(({ number }) => number > since),
          fatesMax,
        ),
      },
    ]);
    const { generations, device, epochs, retired, queues, usage, sends, leases } = this;
    return { generations, device, epochs, retired, queues, usage, sends, leases, streams: new Map(streams) };
  }

  /** Writes changes as a store would. Fails where a compare-and-set would. */
  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#applyOne(change);
  }

  /** The ids of a queue's messages, in order. */
  ids(queue = 'orders'): string[] {
    return (this.messages.get(queue) ?? []).map(({ id }) => uuidFromBytes(id));
  }

  /** How far a stream is. */
  accepted(key: StreamKey): number {
    return this.streams.get(streamKeyText(key))?.accepted ?? 0;
  }

  #applyOne(change: Change): void {
    switch (change.type) {
      case 'put-device':
        this.device = change.row;
        return;
      case 'put-epoch':
        this.epochs.set(change.row.epoch, change.row);
        return;
      case 'put-queue':
        this.queues.set(change.row.name, change.row);
        return;
      case 'delete-queue':
        this.queues.delete(change.name);
        this.messages.delete(change.name);
        return;
      case 'put-send':
        this.sends.set(sendKeyText(change.queue, change.row.id), change.row);
        return;
      case 'settle':
        for (const { queue, settlements } of change.requests) {
          for (const { receipt } of settlements) {
            if (!this.leases.delete(leaseKeyText(queue, receipt)))
              throw new RangeError(`no lease ${receipt}`);
          }
        }
        return;
      case 'append':
        if (!this.queues.has(change.queue)) throw new RangeError(`no queue ${change.queue}`);
        this.messages.set(change.queue, [...(this.messages.get(change.queue) ?? []), ...change.messages]);
        return;
      case 'advance': {
        if (this.accepted(change.stream) !== change.from)
          throw new RangeError(`the mark is not at ${change.from}`);
        this.#changeStream(change.stream, { accepted: change.to, acceptedId: change.id });
        return;
      }
      case 'refuse':
        this.#changeStream(change.stream, { refusals: [...this.#row(change.stream).refusals, change.fate] });
        return;
      case 'skip':
        this.#changeStream(change.stream, { skips: [...this.#row(change.stream).skips, change.fate] });
        return;
      case 'put-lost':
        this.#changeStream(change.stream, {
          lost: [...this.#lostWithout(change.stream, change.range.first), change.range],
        });
        return;
      case 'remove-lost':
        this.#changeStream(change.stream, { lost: this.#lostWithout(change.stream, change.first) });
        return;
      case 'confirm-notices':
        this.kept = this.kept.filter(({ number }) => number > change.upTo);
        return;
      case 'change-generation':
        this.generations = {
          opening: OPENING,
          current: change.generation,
          former: new Set([...this.generations.former, this.generations.current]),
          mintedIn: OPENING,
        };
        return;
      case 'put-former':
        this.#changeFormer((former) => former.add(change.generation));
        return;
      case 'remove-former':
        this.#changeFormer((former) => former.delete(change.generation));
    }
  }

  #changeFormer(change: (former: Set<GenerationId>) => unknown): void {
    const former = new Set(this.generations.former);
    change(former);
    this.generations = { ...this.generations, former };
  }

  #lostWithout(key: StreamKey, first: number): LostRange[] {
    return (this.#row(key).lost ?? []).filter((range) => range.first !== first);
  }

  #row(key: StreamKey): StreamRow {
    const fresh: StreamRow = { accepted: 0, acceptedId: '' as MessageId, refusals: [], skips: [] };
    return this.streams.get(streamKeyText(key)) ?? fresh;
  }

  #changeStream(key: StreamKey, changed: Partial<StreamRow>): void {
    this.streams.set(streamKeyText(key), { ...this.#row(key), ...changed });
  }
}

/** Device 1, live in session 1, of the subject `rep`. */
export function sampleDevice(device: DeviceId = deviceId(1)): DeviceRow {
  return {
    device,
    subject: 'rep',
    session: session(1),
    opening: OPENING,
    revoked: false,
    client: '',
    firstSeenAt: 0,
    lastSeenAt: 0,
    waitingMessages: 0,
    forks: 0,
  };
}
