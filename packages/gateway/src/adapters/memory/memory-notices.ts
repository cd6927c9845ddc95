import type { DeviceId } from '@fieldpost/protocol';
import type { DeviceNotices, FateNotice, Scope } from '../../ports/gateway-store.ts';
import type { MemoryDisk, MemoryMessage } from './memory-disk.ts';

/** Tells the device that sent this message what becomes of it, if it asked. Returns the way to take it back. */
export function tellFate(
  disk: MemoryDisk,
  { id, origin, tellsFate }: MemoryMessage,
  { code, reason }: { readonly code: string; readonly reason?: string },
  endedAt: number,
): () => void {
  if (!tellsFate || origin === undefined) return () => undefined;
  const { device } = origin;
  const notices = disk.notices.get(device) ?? { last: 0, kept: new Map<number, FateNotice>() };
  disk.notices.set(device, notices);
  notices.last += 1;
  const number = notices.last;
  notices.kept.set(number, {
    number,
    id,
    code,
    ...(reason === undefined ? {} : { reason }),
    endedAt,
  });
  disk.noticed.add(device);
  return () => {
    notices.kept.delete(number);
    notices.last = number - 1;
  };
}

/** What a transaction sees of a device's notices. */
export function loadNotices(
  disk: MemoryDisk,
  device: DeviceId,
  { after, max }: NonNullable<Scope['notices']>,
): DeviceNotices {
  const kept = disk.notices.get(device)?.kept ?? new Map<number, FateNotice>();
  const isKnown = after !== undefined && kept.get(after.number)?.id === after.id;
  const from = isKnown ? after.number : 0;
  const rows = [...kept.values()].filter(({ number }) => number > from);
  return { isKnown, rows: rows.slice(0, max), hasMore: rows.length > max };
}

/** Forgets the notices of a device up to a number. Returns the way to take it back. */
export function confirmNotices(disk: MemoryDisk, device: DeviceId, upTo: number): () => void {
  const notices = disk.notices.get(device);
  if (notices === undefined) return () => undefined;
  const before = new Map(notices.kept);
  for (const number of before.keys()) if (number <= upTo) notices.kept.delete(number);
  return () => {
    notices.kept.clear();
    for (const [number, notice] of before) notices.kept.set(number, notice);
  };
}

/** Forgets the oldest notices from before a time. */
export function pruneNotices(disk: MemoryDisk, before: number, max: number): number {
  const old = [...disk.notices.values()]
    .flatMap(({ kept }) => [...kept.values()].map((notice) => ({ kept, notice })))
    .filter(({ notice }) => notice.endedAt < before)
    .toSorted((left, right) => left.notice.endedAt - right.notice.endedAt)
    .slice(0, max);
  for (const { kept, notice } of old) kept.delete(notice.number);
  return old.length;
}
