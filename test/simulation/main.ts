import { argumentsOrExplain } from '../support/arguments-or-explain.ts';
import { readArguments, type SimulateArguments, USAGE } from './arguments.ts';
import { describeFindings, describeSeed, Tally } from './report.ts';
import { simulateSeeds } from './seed-pool.ts';

// Prints nothing that differs between two runs of the same seeds: two outputs can be compared.
// Exit codes: 0 all is well, 1 something is wrong, 2 not understood.

const given = argumentsOrExplain(() => readArguments(process.argv.slice(2)), USAGE);
if (given !== undefined) process.exitCode = await simulate(given);

async function simulate(wanted: SimulateArguments): Promise<number> {
  const { seed, seeds, asked, runs, workers } = wanted;
  const isAlone = seeds === 1;
  const tally = new Tally();
  const numbers = Array.from({ length: seeds }, (_, index) => seed + index);
  const answers = simulateSeeds(numbers, {
    simulation: { ...asked, keepsTrace: isAlone && wanted.showsTrace },
    runs,
    ...(isAlone ? { workers: 1 } : workers === undefined ? {} : { workers }),
  });
  for await (const answer of answers) {
    tally.add(answer);
    const { report } = answer;
    for (const line of report.trace) console.log(line);
    for (const line of isAlone ? describeSeed(report, asked) : describeFindings(report, asked))
      console.log(line);
  }
  for (const line of tally.describe(wanted)) console.log(line);
  return tally.failed > 0 ? 1 : 0;
}
