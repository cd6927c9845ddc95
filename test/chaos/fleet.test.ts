import { createRng } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { FLEET_FAULTS, type FleetFaultName } from './fleet/fleet-faults.ts';
import { Fleet } from './fleet/fleet.ts';

// The real gateway process, the real SDK and the real consumer library, under load, with one kind of fault again and again.
// Each cycle: load, the fault at an instant of chance, the fault is off, everything drains, everything is compared.
//
//   FLEET_CYCLES=200 CHAOS_SEED=… vitest run --project chaos test/chaos/fleet.test.ts -t gateway-kill

const CYCLES = Number(process.env['FLEET_CYCLES'] ?? 2);
const FAULTS = Object.keys(FLEET_FAULTS) as FleetFaultName[];

describe.concurrent('a fleet under load', { timeout: 120_000 + CYCLES * 60_000 }, () => {
  test.each(FAULTS)(`${CYCLES} times %s: all arrives once, in order, unchanged`, async (fault) => {
    const seed = `${fault}/${CHAOS_SEED}`;
    const from = performance.now();
    let cycles = 0;
    let fired = 0;
    let problems: readonly string[] = [];
    const fleet = await Fleet.start(createRng(seed));
    try {
      while (cycles < CYCLES && problems.length === 0) {
        await fleet.untilBusy();
        const met = await FLEET_FAULTS[fault](fleet);
        expect(met, `cycle ${cycles + 1} of ${seed}: ${fault} met nothing`).toBeGreaterThan(0);
        problems = await fleet.drainAndCheck().catch((error: unknown) => [String(error)]);
        fired += met;
        cycles += 1;
      }
    } finally {
      await fleet.dispose();
    }
    const { checked, unknown } = fleet.book;
    recordRun({
      type: 'cycles',
      fault,
      cycles,
      fired,
      failures: problems.length > 0 ? 1 : 0,
      seed,
      seconds: Math.round((performance.now() - from) / 1000),
      detail: `${checked} messages compared, ${unknown} settlements with an unknown outcome`,
    });
    expect(problems, `cycle ${cycles} of ${seed}`).toEqual([]);
    expect(checked).toBeGreaterThan(cycles * 10);
  });
});
