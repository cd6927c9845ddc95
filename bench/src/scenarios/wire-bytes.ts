import { type BenchContext, inFolder } from '../bench-context.ts';
import { startDeviceRun } from '../browser/device-run.ts';
import { makeOrders } from '../orders.ts';
import type { DrainEntry } from './drain.ts';

export const wireBytes = 'bytes on the wire';

/** TCP payload in both directions from the first byte of a drain to its last, counted by a proxy. One run each. */
export async function runWireBytes(context: BenchContext, entries: readonly DrainEntry[]): Promise<void> {
  for (const { contestant, messages } of entries) {
    context.say(`${wireBytes}: ${contestant.name}, ${messages} orders`);
    await inFolder(context, async (folder) => {
      const run = await startDeviceRun(contestant, { folder, seed: context.seed, proxy: {} });
      try {
        await run.saveAll(0, messages);
        await run.comeOnline();
        const before = run.bytes();
        await run.drain();
        const after = run.bytes();
        await run.checkDelivered(messages);
        for (const direction of ['up', 'down'] as const) {
          const bytes = (after[direction] - before[direction]) / messages;
          const key = { scenario: wireBytes, messages, unit: 'bytes/message', variant: direction } as const;
          context.book.add(key, contestant, bytes);
        }
      } finally {
        await run.stop();
      }
    });
  }
}

/** The size of the orders themselves, as JSON. */
export function orderBytes(seed: number, count: number): number {
  return makeOrders(seed, count).reduce((sum, order) => sum + Buffer.byteLength(JSON.stringify(order)), 0);
}
