import { type BenchContext, inFolder } from '../bench-context.ts';
import { type DeviceRun, startDeviceRun } from '../browser/device-run.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { perSecond } from '../measure/sample.ts';

export const sendAwaited = 'save, each awaited';

/**
 * Orders saved one by one on a device without a network. All contestants stand ready at once and take turns in short
 * blocks, so that what else the machine does meets all of them.
 */
export async function runSendAwaited(
  context: BenchContext,
  contestants: readonly Contestant[],
): Promise<void> {
  const { sendBlock, sendBlocks } = context.sizes;
  context.say(`${sendAwaited}: ${sendBlocks} blocks of ${sendBlock}`);
  await inFolder(context, async (folder) => {
    const runs: DeviceRun[] = [];
    try {
      for (const [index, contestant] of contestants.entries())
        runs.push(await startDeviceRun(contestant, { folder: `${folder}/${index}`, seed: context.seed }));
      for (const run of runs) await run.saveOneByOne(0, sendBlock);
      for (let block = 1; block <= sendBlocks; block++) {
        for (const run of runs) {
          const durationMs = await run.saveOneByOne(block * sendBlock, sendBlock);
          context.book.add(
            { scenario: sendAwaited, messages: sendBlock * sendBlocks, unit: 'messages/s' },
            run.contestant,
            perSecond(sendBlock, durationMs),
          );
        }
      }
    } finally {
      for (const run of runs) await run.stop();
    }
  });
}
