import { streamKeyText } from '@fieldpost/protocol';
import { isJournal, parentOf } from '../../core/queue-address.ts';
import { addRuleTargets } from '../../core/rule-targets.ts';
import { leaseKeyText, sendKeyText } from '../../core/snapshot-keys.ts';
import { firstFates } from '../../core/told-fates.ts';
import type {
  LiveLease,
  QueueRow,
  QueueUsage,
  Scope,
  Snapshot,
  StreamRow,
} from '../../ports/gateway-store.ts';
import { type MemoryDisk, messageBytes } from './memory-disk.ts';
import { loadNotices } from './memory-notices.ts';
import { leasedMessage } from './settle-leases.ts';

/** What a transaction looks at. */
export function loadSnapshot(disk: MemoryDisk, scope: Scope): Snapshot {
  const streams = new Map<string, StreamRow>();
  for (const { key, since } of scope.streams ?? []) {
    const text = streamKeyText(key);
    const stream = disk.streams.get(text);
    if (stream?.acceptedId === undefined) continue;
    streams.set(text, {
      accepted: stream.accepted,
      acceptedId: stream.acceptedId,
      ...firstFates(
        above(stream.refusals, since),
        above(stream.skips, since),
        scope.fatesMax ?? Number.POSITIVE_INFINITY,
      ),
      ...(stream.lost.size === 0
        ? {}
        : { lost: [...stream.lost.values()].toSorted((left, right) => left.first - right.first) }),
    });
  }
  const queues = new Map([...pick(disk.queues, scope.queues)].map(([name, { row }]) => [name, row]));
  addRuleTargets(queues, (name) => disk.queues.get(name)?.row);
  return {
    generations: {
      current: disk.generation,
      former: new Set(disk.formerGenerations),
      ...(disk.mintedIn === undefined ? {} : { mintedIn: disk.mintedIn }),
      opening: disk.opening,
    },
    device: scope.device === undefined ? undefined : disk.devices.get(scope.device),
    epochs: pick(disk.epochs, scope.epochs),
    retired: new Set((scope.epochs ?? []).filter((epoch) => disk.retired.has(epoch))),
    streams,
    queues,
    usage: new Map([...queues.values()].filter(hasQuota).map(({ name }) => [name, usageOf(disk, name)])),
    sends: new Map(
      (scope.sends ?? []).flatMap(({ queue, id }) => {
        const row = disk.queues.get(queue)?.sends.get(id);
        return row === undefined ? [] : [[sendKeyText(queue, id), row] as const];
      }),
    ),
    ...(scope.device === undefined || scope.notices === undefined
      ? {}
      : { notices: loadNotices(disk, scope.device, scope.notices) }),
    leases: leasesOf(disk, scope.leases),
  };
}

function leasesOf(disk: MemoryDisk, wanted: Scope['leases']): Map<string, LiveLease> {
  const leases = new Map<string, LiveLease>();
  if (wanted === undefined) return leases;
  for (const { queue, receipt } of wanted.receipts) {
    const message = leasedMessage(disk.queues.get(queue), receipt, wanted.now);
    if (message !== undefined) leases.set(leaseKeyText(queue, receipt), { bytes: messageBytes(message) });
  }
  return leases;
}

function hasQuota(row: QueueRow): boolean {
  return row.quotaMessages !== undefined || row.quotaBytes !== undefined;
}

/** What a queue holds with its subqueues, its journal aside. */
export function usageOf(disk: MemoryDisk, name: string): QueueUsage {
  const usage = { messages: 0, bytes: 0 };
  for (const [other, queue] of disk.queues) {
    if (parentOf(other) !== name || isJournal(other)) continue;
    usage.bytes += queue.bytes;
    for (const messages of queue.priorities) usage.messages += messages.size;
  }
  return usage;
}

function above<Fate extends { readonly number: number }>(
  fates: ReadonlyMap<number, Fate>,
  since: number,
): Fate[] {
  const found = [...fates.values()].filter((fate) => fate.number > since);
  return found.toSorted((left, right) => left.number - right.number);
}

function pick<Key, Row>(rows: ReadonlyMap<Key, Row>, keys: readonly Key[] = []): Map<Key, Row> {
  const picked = new Map<Key, Row>();
  for (const key of keys) {
    const row = rows.get(key);
    if (row !== undefined) picked.set(key, row);
  }
  return picked;
}
