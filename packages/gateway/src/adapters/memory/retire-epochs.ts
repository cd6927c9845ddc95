import type { EpochId } from '@fieldpost/protocol';
import type { RetireRequest, RetireResult } from '../../ports/gateway-store.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** Here an epoch's rows go at once; how many of them there may be, `rowsMax` says all the same. */
export function retireEpochs(disk: MemoryDisk, { closedBefore, rowsMax }: RetireRequest): RetireResult {
  const due = [...disk.epochs.values()].filter(({ closedAt }) => (closedAt ?? closedBefore) < closedBefore);
  const chosen: EpochId[] = [];
  let rows = 0;
  for (const { epoch } of due) {
    if (rows >= rowsMax) break;
    chosen.push(epoch);
    rows += 1;
    for (const [text, stream] of disk.streams) {
      if (stream.key.epoch !== epoch) continue;
      rows += 1 + stream.refusals.size + stream.skips.size + stream.lost.size;
      disk.streams.delete(text);
    }
    disk.epochs.delete(epoch);
    disk.retired.add(epoch);
  }
  return { epochs: chosen.length, isDone: chosen.length === due.length };
}
