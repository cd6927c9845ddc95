import { type BenchContext, inFolder } from '../bench-context.ts';
import type { IntakeContestant } from '../contestants/intake-contestant.ts';
import { startLoadProcess } from '../load/load-process.ts';
import { perSecond } from '../measure/sample.ts';

export const intake = 'intake';

/** Messages in one batch: about 150 KB, as a draining device sends them. */
const batchMessages = 512;
const inFlight = 4;
const warmUpMessages = 4096;

/** How a number of devices is written in the table. */
export function devicesVariant(devices: number): string {
  return devices === 1 ? '1 device' : `${devices} devices`;
}

/** Node devices in a process of their own send batches to a server that must make them durable before it answers. */
export async function runIntake(
  context: BenchContext,
  contestants: readonly IntakeContestant[],
): Promise<void> {
  const { repetitions, intake: steps } = context.sizes;
  for (const step of steps) {
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const contestant of contestants) {
        context.say(
          `${intake} ${repetition}/${repetitions}: ${contestant.name}, ${devicesVariant(step.devices)}`,
        );
        await intakeOnce(context, contestant, step);
      }
    }
  }
}

async function intakeOnce(
  context: BenchContext,
  contestant: IntakeContestant,
  { devices, messages }: { readonly devices: number; readonly messages: number },
): Promise<void> {
  await inFolder(context, async (folder) => {
    const server = await contestant.start(folder);
    const load = startLoadProcess();
    try {
      const { target } = server;
      const request = { target, seed: context.seed, devices, messages, batchMessages, inFlight };
      // The first round lets both sides compile what they run.
      const warmUp = await load.load({
        ...request,
        devices: 1,
        messages: Math.min(warmUpMessages, messages),
      });
      const outcome = await load.load(request);
      const stored = await server.stored();
      if (stored !== warmUp.messages + outcome.messages)
        throw new Error(
          `${contestant.name}: ${stored} messages stored of ${warmUp.messages + outcome.messages}`,
        );
      context.book.add(
        {
          scenario: intake,
          messages: outcome.messages,
          unit: 'messages/s',
          variant: devicesVariant(devices),
        },
        contestant,
        perSecond(outcome.messages, outcome.durationMs),
      );
    } finally {
      await load.stop();
      await server.stop();
    }
  });
}
