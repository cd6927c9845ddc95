import { type BenchContext, inFolder } from '../bench-context.ts';
import { startDeviceRun } from '../browser/device-run.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { orderBytes } from './wire-bytes.ts';

export const slowLink = 'drain over a slow link';

/** A round trip of 200 ms and 1 Mbit/s in each direction. */
export const link = { delayMs: 100, bytesPerSecond: 125_000 };

/**
 * The least and the most that a drain over the link should take, in seconds: the orders' own bytes at the link's bandwidth,
 * and 1.2 times that with three round trips.
 */
export function slowLinkBounds(seed: number, messages: number): { least: number; most: number } {
  const least = orderBytes(seed, messages) / link.bytesPerSecond;
  return { least, most: 1.2 * least + 3 * ((2 * link.delayMs) / 1000) };
}

/** The drain, with a proxy that is as slow as a bad mobile network. */
export async function runSlowLink(context: BenchContext, contestant: Contestant): Promise<void> {
  const { slowLink: messages, repetitions } = context.sizes;
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    context.say(`${slowLink} ${repetition}/${repetitions}: ${contestant.name}, ${messages} orders`);
    await inFolder(context, async (folder) => {
      const run = await startDeviceRun(contestant, { folder, seed: context.seed, proxy: link });
      try {
        await run.saveAll(0, messages);
        await run.comeOnline();
        const durationMs = await run.drain();
        await run.checkDelivered(messages);
        context.book.add({ scenario: slowLink, messages, unit: 's' }, contestant, durationMs / 1000);
      } finally {
        await run.stop();
      }
    });
  }
}
