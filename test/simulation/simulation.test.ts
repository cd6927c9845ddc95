import { expect, test } from 'vitest';
import { replayCommand } from './arguments.ts';
import { ALL_FAULTS } from './faults/all-faults.ts';
import { REGRESSIONS } from './regressions/regressions.ts';
import { describeFindings, Tally } from './report.ts';
import { simulateSeeds } from './seed-pool.ts';

// The worlds of every change: the same seeds each time, run once, and some of them twice. More: `npm run simulate`.

const SEEDS = 40;
const TIMEOUT_MS = 600_000;

test('worlds of random faults lose, double and swap nothing', { timeout: TIMEOUT_MS }, async () => {
  const tally = new Tally();
  const failed: string[] = [];
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
  for await (const answer of simulateSeeds(seeds, { runs: 1 })) {
    tally.add(answer);
    failed.push(...describeFindings(answer.report, {}));
  }
  expect(failed).toEqual([]);
  // A kind of fault that never struck in any of them has proven nothing.
  const drawn = ALL_FAULTS.filter(({ isDrawn }) => isDrawn !== false).map(({ name }) => name);
  expect([...tally.faults.keys()]).toEqual(expect.arrayContaining(drawn));
});

test(
  'a world repeats itself: its seed is enough to find a fault again',
  { timeout: TIMEOUT_MS },
  async () => {
    for await (const { report } of simulateSeeds([7, 8, 9, 10], { runs: 2 })) {
      expect(describeFindings(report, {})).toEqual([]);
    }
  },
);

test('worlds that once showed a fault do not show it again', { timeout: TIMEOUT_MS }, async () => {
  for (const { asked, seed, found } of REGRESSIONS) {
    for await (const { report } of simulateSeeds([seed], { runs: 1, workers: 1, simulation: asked })) {
      expect(describeFindings(report, asked), `${found}: ${replayCommand(String(seed), asked)}`).toEqual([]);
    }
  }
});

test('disks that confirm what they have not written are noticed', { timeout: TIMEOUT_MS }, async () => {
  const simulation = { deviceDurability: 'relaxed', faults: ['power-loss'] } as const;
  const found = new Set<string>();
  for await (const { report } of simulateSeeds([1, 2, 3], { runs: 1, simulation }))
    for (const { checker } of report.findings) found.add(checker);
  expect([...found]).toContain('saving');
});

test(
  'a patch that does not fit fails the run instead of planting nothing',
  { timeout: TIMEOUT_MS },
  async () => {
    const patches = [{ module: 'packages/gateway/src/core/accept.ts', find: 'not in there', replace: '' }];
    const answers = simulateSeeds([1], { runs: 1, workers: 1, patches });
    await expect(answers.next()).rejects.toThrow('finds its place 0 times');
  },
);

test('a planted bug is found', { timeout: TIMEOUT_MS }, async () => {
  // A gap is passed over: the mark moves behind messages that never came.
  const patches = [
    {
      module: 'packages/gateway/src/core/accept.ts',
      find: 'const start = lane.accepted + 1 - run.first;',
      replace: 'const start = Math.max(0, lane.accepted + 1 - run.first);',
    },
  ];
  const found = new Set<string>();
  const seeds = Array.from({ length: 40 }, (_, index) => index + 1);
  const goesOn = (): boolean => !found.has('intake');
  const answers = simulateSeeds(seeds, { runs: 1, patches, goesOn });
  for await (const { report } of answers) for (const { checker } of report.findings) found.add(checker);
  expect([...found]).toContain('intake');
});
