import { createRng } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { CHAOS_SEED } from '../reliability/record-run.ts';
import { FLEET_FAULTS, type FleetFaultName } from './fleet/fleet-faults.ts';
import { Fleet } from './fleet/fleet.ts';
import { runCycles } from './run-cycles.ts';

// The real gateway process, the real SDK and the real consumer library, under load, with one kind of fault again and again.
// Each cycle: load, the fault at an instant of chance, the fault is off, everything drains, everything is compared.
//
//   FLEET_CYCLES=200 CHAOS_SEED=… vitest run --project chaos test/chaos/fleet.test.ts -t gateway-kill

const CYCLES = Number(process.env['FLEET_CYCLES'] ?? 1);
const FAULTS = Object.keys(FLEET_FAULTS) as FleetFaultName[];

describe.concurrent('a fleet under load', { timeout: 120_000 + CYCLES * 60_000 }, () => {
  test.each(FAULTS)(`${CYCLES} times %s: all arrives once, in order, unchanged`, async (fault) => {
    const seed = `${fault}/${CHAOS_SEED}`;
    const fleet = await Fleet.start(createRng(seed));
    await runCycles({
      fault,
      seed,
      count: CYCLES,
      cause: async () => {
        await fleet.untilBusy();
        return FLEET_FAULTS[fault](fleet);
      },
      check: () => fleet.drainAndCheck(),
      end: () => fleet.dispose(),
      detail: () =>
        `${fleet.book.checked} messages compared, ${fleet.book.unknown} settlements with an unknown outcome`,
    });
    expect(fleet.book.checked).toBeGreaterThan(CYCLES * 10);
  });
});
