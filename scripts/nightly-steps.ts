// What `npm run test:nightly` does, in order: everything of `npm test`, then each part again as often as a night has room for.

export interface NightlyStep {
  readonly name: string;
  readonly command: string;
  /** Beside those of every step. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly minutesMax: number;
}

const simulationSeeds = process.env['NIGHTLY_SEEDS'] ?? '10000';

export const nightlySteps: readonly NightlyStep[] = [
  { name: 'test', command: 'node scripts/test.ts', minutesMax: 60 },
  chaos('store-crashes', 'test/chaos/sqlite-crash.test.ts', { FIELDPOST_CRASH_CYCLES: '1000' }, 20),
  chaos('fleet', 'test/chaos/fleet.test.ts', { FLEET_CYCLES: '100' }, 40),
  chaos('tablet', 'test/chaos/tablet.test.ts', { TABLET_CYCLES: '40' }, 40),
  chaos('damaged-store', 'test/chaos/damaged-store.test.ts', { DAMAGE_CYCLES: '2000' }, 15),
  chaos('damaged-profile', 'test/chaos/damaged-profile.test.ts', { DAMAGE_CYCLES: '60' }, 30),
  chaos('storm', 'test/chaos/restart-storm.test.ts', { STORM_DEVICES: '3000' }, 10),
  {
    name: 'cuts',
    command: 'vitest run --project e2e test/e2e/cuts.test.ts',
    environment: { CUTS: '500' },
    minutesMax: 20,
  },
  {
    name: 'fuzz',
    command: 'vitest run --project unit test/fuzz',
    environment: { FUZZ_RUNS: '1000000' },
    minutesMax: 60,
  },
  {
    name: 'fuzz-frames',
    command: 'vitest run --project unit packages/protocol/src/fuzz.test.ts',
    environment: { FUZZ_RUNS: '1000000' },
    minutesMax: 40,
  },
  { name: 'simulate', command: `npm run --silent simulate -- --seeds ${simulationSeeds}`, minutesMax: 60 },
  { name: 'model', command: 'npm run --silent model -- --all', minutesMax: 20 },
  { name: 'canaries', command: 'npm run --silent canaries -- --nightly', minutesMax: 40 },
  { name: 'field-day', command: 'npm run --silent field-day -- --faults many', minutesMax: 20 },
  { name: 'soak', command: 'npm run --silent soak -- --minutes 10 --devices 200', minutesMax: 20 },
];

function chaos(
  name: string,
  file: string,
  environment: Readonly<Record<string, string>>,
  minutesMax: number,
): NightlyStep {
  return { name, command: `vitest run --project chaos ${file}`, environment, minutesMax };
}
