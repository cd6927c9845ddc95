import { type BenchContext, inFolder } from '../bench-context.ts';
import type { IntakeContestant } from '../contestants/intake-contestant.ts';
import { startLoadProcess } from '../load/load-process.ts';
import { perSecond } from '../measure/sample.ts';

export const receive = 'receive and acknowledge';

/** A consumer empties a queue with the consumer library; handling a message takes it no time. */
export async function runReceive(context: BenchContext, contestant: IntakeContestant): Promise<void> {
  const { repetitions, receiveAtOnce } = context.sizes;
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const concurrency of receiveAtOnce) {
      context.say(`${receive} ${repetition}/${repetitions}: ${contestant.name}, ${concurrency} at once`);
      await receiveOnce(context, contestant, concurrency);
    }
  }
}

async function receiveOnce(
  context: BenchContext,
  contestant: IntakeContestant,
  concurrency: number,
): Promise<void> {
  // One at a time waits for a commit per message, so fewer of them tell the same rate.
  const messages = concurrency === 1 ? Math.ceil(context.sizes.receive / 10) : context.sizes.receive;
  await inFolder(context, async (folder) => {
    const server = await contestant.start(folder);
    const load = startLoadProcess();
    try {
      const { target } = server;
      await load.load({ target, seed: context.seed, devices: 1, messages, batchMessages: 512, inFlight: 4 });
      const durationMs = await load.consume({ target, messages, concurrency });
      const left = await server.stored();
      if (left !== 0) throw new Error(`${contestant.name}: ${left} messages are left`);
      const key = {
        scenario: receive,
        messages,
        unit: 'messages/s',
        variant: `${concurrency} at once`,
      } as const;
      context.book.add(key, contestant, perSecond(messages, durationMs));
    } finally {
      await load.stop();
      await server.stop();
    }
  });
}
