import { type BenchContext, inFolder } from '../bench-context.ts';
import { startDeviceRun } from '../browser/device-run.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { perSecond } from '../measure/sample.ts';

export const saveAll = 'save, all at once';
export const drain = 'drain';

/** A contestant and how many orders it gets: the slow ones fewer, which flatters those that slow down as they grow. */
export interface DrainEntry {
  readonly contestant: Contestant;
  readonly messages: number;
}

/**
 * Orders saved while there is no server; the page is closed; the server comes; the page is opened and sends. Each run has a
 * new profile and an empty server, and counts only when the server holds every order once.
 */
export async function runDrain(context: BenchContext, entries: readonly DrainEntry[]): Promise<void> {
  for (let repetition = 1; repetition <= context.sizes.repetitions; repetition++) {
    for (const { contestant, messages } of entries) {
      context.say(
        `${drain} ${repetition}/${context.sizes.repetitions}: ${contestant.name}, ${messages} orders`,
      );
      await drainOnce(context, contestant, messages);
    }
  }
}

async function drainOnce(context: BenchContext, contestant: Contestant, messages: number): Promise<void> {
  await inFolder(context, async (folder) => {
    const run = await startDeviceRun(contestant, { folder, seed: context.seed });
    try {
      const saveMs = await run.saveAll(0, messages);
      await run.comeOnline();
      const drainMs = await run.drain();
      await run.checkDelivered(messages);
      context.book.add({ scenario: saveAll, messages, unit: 'ms' }, contestant, saveMs);
      context.book.add({ scenario: drain, messages, unit: 'ms' }, contestant, drainMs);
      context.book.add(
        { scenario: drain, messages, unit: 'messages/s' },
        contestant,
        perSecond(messages, drainMs),
      );
    } finally {
      await run.stop();
    }
  });
}
