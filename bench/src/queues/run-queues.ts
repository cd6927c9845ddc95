import { type BenchContext, inFolder } from '../bench-context.ts';
import { ours, type QueueContestant } from './queue-contestant.ts';
import { type QueueLoadProcess, startQueueLoad } from './queue-load-process.ts';
import { whyAbsent } from './servers/find-program.ts';

export const enqueueing = 'enqueue';
export const consuming = 'lease and acknowledge';
export const wholeJob = 'enqueue, lease and acknowledge';
export const byDepth = `${wholeJob}, by depth`;
export const sweepOf = (scenario: string): string => `${scenario}: the choice of a batch`;
export const emptyQueue = 'empty';
export const deepQueue = 'deep';

/** What a run found besides rows. */
export interface QueueFacts {
  /** Who took part, what its server says of itself, and how it was used. */
  readonly contestants: readonly {
    readonly name: string;
    readonly description: string;
    readonly how: string;
  }[];
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

/** What suits a contestant best. */
interface Choice {
  readonly batch: number;
  /** By number of consumers. */
  readonly atOnce: ReadonlyMap<number, number>;
}

const inFlight = 4;
/** Below this many messages under way, each waits for the disk nearly alone. */
const fewUnderWay = 10;
const depthConsumers = 8;
/** More messages than otherwise: what consumers have taken in advance when the clock stops should not count for much. */
const depthFactor = 4;
/** How deep queues are filled: in batches that suit everyone. */
const fillBatch = 500;

/** What is enough to warm up, and to see which batch is best. */
function partOf(messages: number): number {
  return Math.ceil(messages / 2);
}

/** How a number of consumers is written in the table. */
export function consumersVariant(consumers: number): string {
  return consumers === 1 ? '1 consumer' : `${consumers} consumers`;
}

/** Puts queue servers beside each other: the batch that suits each, then rounds in which they take turns, then a deep queue. */
export async function runQueues(
  context: BenchContext,
  contestants: readonly QueueContestant[],
): Promise<QueueFacts> {
  const absent = contestants.flatMap((contestant) => {
    const why = whyAbsent(contestant);
    return why === undefined ? [] : [{ name: contestant.name, why }];
  });
  const present = contestants.filter(({ name }) => absent.every((other) => other.name !== name));
  const choices = new Map<QueueContestant, Choice>();
  const described: QueueFacts['contestants'][number][] = [];
  for (const contestant of present) {
    context.say(`queues: the batch that suits ${contestant.name}`);
    await withServer(context, contestant, async (load) => {
      described.push({ name: contestant.name, description: load.description, how: contestant.how });
      choices.set(contestant, await choose(context, contestant, load));
    });
  }
  const { repetitions } = context.sizes;
  for (let round = 1; round <= repetitions; round++) {
    for (const [contestant, choice] of rotated([...choices], round)) {
      context.say(`queues ${round}/${repetitions}: ${contestant.name}`);
      await withServer(context, contestant, async (load) => measureJob(context, contestant, choice, load));
    }
  }
  for (const [contestant, choice] of choices) {
    const counts = contestant.name === ours || context.sizes.queues.deepForAll;
    if (counts && contestant.durability === 'flushed') await measureDepth(context, contestant, choice);
  }
  return { contestants: described, absent };
}

/** Everyone begins once: whoever is first finds the machine as the one before left it. */
function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, index) => items[(index + by) % items.length]).filter((item) => item !== undefined);
}

/** Starts a server on an empty folder, and producers and consumers, and lets both sides compile what they run. */
async function withServer(
  context: BenchContext,
  contestant: QueueContestant,
  work: (load: QueueLoadProcess) => Promise<void>,
): Promise<void> {
  await inFolder(context, async (folder) => {
    const server = await contestant.start(folder);
    try {
      const load = await startQueueLoad(server.target, context.seed);
      try {
        const messages = partOf(context.sizes.queues.messages);
        await load.enqueue({ messages, batch: fillBatch, inFlight });
        await load.consume({ messages, consumers: depthConsumers, atOnce: 32, isAll: true });
        await work(load);
      } finally {
        await load.stop();
      }
    } finally {
      await server.stop();
    }
  });
}

/** Tries each batch once, as short as says which is best. */
async function choose(
  context: BenchContext,
  contestant: QueueContestant,
  load: QueueLoadProcess,
): Promise<Choice> {
  const { consumers: counts, atOnce: sizes, batches, messagesOneByOne } = context.sizes.queues;
  const messages = partOf(context.sizes.queues.messages);
  const note = (scenario: string, variant: string, count: number, rate: number): void =>
    context.book.add(
      { scenario: sweepOf(scenario), messages: count, unit: 'messages/s', variant },
      { name: contestant.name, server: contestant.durability },
      rate,
    );
  const enqueued = new Map<number, number>();
  const tryBatch = async (batch: number, count: number): Promise<void> => {
    const rate = await load.enqueue({ messages: count, batch, inFlight });
    enqueued.set(batch, rate);
    note(enqueueing, `${batch} together`, count, rate);
  };
  for (const batch of batches) {
    await tryBatch(batch, messages);
    await load.consume({ messages, consumers: depthConsumers, atOnce: 64, isAll: true });
  }
  const batch = best(enqueued);
  const atOnce = new Map<number, number>();
  for (const consumers of counts) {
    const rates = new Map<number, number>();
    for (const size of sizes) {
      const count = consumers * size < fewUnderWay ? messagesOneByOne : messages;
      await load.enqueue({ messages: count, batch, inFlight });
      const rate = await load.consume({ messages: count, consumers, atOnce: size, isAll: true });
      rates.set(size, rate);
      note(consuming, `${consumersVariant(consumers)}, ${size} at once`, count, rate);
    }
    atOnce.set(consumers, best(rates));
  }
  return { batch, atOnce };
}

function best(rates: ReadonlyMap<number, number>): number {
  const [first] = [...rates].toSorted(([, a], [, b]) => b - a);
  if (first === undefined) throw new RangeError('no batch was tried');
  return first[0];
}

async function measureJob(
  context: BenchContext,
  contestant: QueueContestant,
  { batch, atOnce }: Choice,
  load: QueueLoadProcess,
): Promise<void> {
  const { consumers: counts, messages } = context.sizes.queues;
  const of = { name: contestant.name, server: contestant.durability };
  for (const consumers of counts) {
    const size = atOnce.get(consumers) ?? 1;
    const enqueued = await load.enqueue({ messages, batch, inFlight });
    const consumed = await load.consume({ messages, consumers, atOnce: size, isAll: true });
    const variant = consumersVariant(consumers);
    const unit = 'messages/s';
    const both = `${batch} together, ${size} at once`;
    context.book.add(
      { scenario: wholeJob, messages, unit, variant, note: both },
      of,
      together(enqueued, consumed),
    );
    context.book.add({ scenario: enqueueing, messages, unit, note: `${batch} together` }, of, enqueued);
    context.book.add({ scenario: consuming, messages, unit, variant, note: `${size} at once` }, of, consumed);
  }
}

/** The rate of doing both, one after the other. */
function together(first: number, second: number): number {
  return 1 / (1 / first + 1 / second);
}

/** The same job with an empty queue and with a deep one, on two servers, in turns. */
async function measureDepth(
  context: BenchContext,
  contestant: QueueContestant,
  { batch, atOnce }: Choice,
): Promise<void> {
  const { deep } = context.sizes.queues;
  const messages = depthFactor * context.sizes.queues.messages;
  const size = atOnce.get(depthConsumers) ?? [...atOnce.values()][0] ?? 1;
  const measure = async (load: QueueLoadProcess, variant: string): Promise<void> => {
    const enqueued = await load.enqueue({ messages, batch, inFlight });
    const isAll = variant === emptyQueue;
    const consumed = await load.consume({ messages, consumers: depthConsumers, atOnce: size, isAll });
    const of = { name: contestant.name, server: contestant.durability };
    const note = isAll ? 'nothing else in it' : `behind ${deep.toLocaleString('en')} others`;
    const key = { scenario: byDepth, messages, unit: 'messages/s', variant, note } as const;
    context.book.add(key, of, together(enqueued, consumed));
  };
  await withServer(context, contestant, async (empty) => {
    await withServer(context, contestant, async (full) => {
      context.say(`queues: ${contestant.name}, a queue ${deep.toLocaleString('en')} deep`);
      await full.enqueue({ messages: deep, batch: fillBatch, inFlight });
      for (let repetition = 1; repetition <= context.sizes.repetitions; repetition++) {
        await measure(empty, emptyQueue);
        await measure(full, deepQueue);
      }
    });
  });
}
