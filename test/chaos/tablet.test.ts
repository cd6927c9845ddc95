import { createRng } from '@fieldpost/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { TABLET_FAULTS, type TabletFault, type TabletFaultName } from './tablet/tablet-faults.ts';
import { TabletStage } from './tablet/tablet-stage.ts';

// A real Chromium with the SDK, and a real gateway, with one kind of fault again and again on the same profile. Each cycle:
// tabs that send, the fault at an instant of chance, the fault is off, everything drains, everything is compared.
//
//   TABLET_CYCLES=100 CHAOS_SEED=… vitest run --project chaos test/chaos/tablet.test.ts -t tablet-kill

const CYCLES = Number(process.env['TABLET_CYCLES'] ?? 1);
/** The planted bug has to be found within this many. */
const CANARY_CYCLES = 6;
const FAULTS = Object.keys(TABLET_FAULTS) as TabletFaultName[];

let stage: TabletStage;
beforeAll(async () => {
  stage = await TabletStage.start();
});
afterAll(() => stage.stop());

describe.concurrent('a tablet', { timeout: 180_000 + CYCLES * 60_000 }, () => {
  test.each(FAULTS)(`${CYCLES} times %s: all arrives once, in order, unchanged`, async (fault) => {
    const seed = `${fault}/${CHAOS_SEED}`;
    const from = performance.now();
    let cycles = 0;
    let fired = 0;
    let problems: readonly string[] = [];
    const tablet = await stage.tablet(createRng(seed));
    try {
      while (cycles < CYCLES && problems.length === 0) {
        const queue = `${fault}-${cycles}`;
        const cause: TabletFault = TABLET_FAULTS[fault];
        const outcome = await cause(tablet, queue);
        expect(outcome.fired, `cycle ${cycles + 1} of ${seed}: ${fault} met nothing`).toBeGreaterThan(0);
        problems = await tablet
          .drainAndCheck(queue, outcome.mayLack)
          .catch((error: unknown) => [String(error)]);
        fired += outcome.fired;
        cycles += 1;
      }
    } finally {
      await tablet.dispose();
    }
    const { checked } = tablet.book;
    recordRun({
      type: 'cycles',
      fault,
      cycles,
      fired,
      failures: problems.length > 0 ? 1 : 0,
      seed,
      seconds: Math.round((performance.now() - from) / 1000),
      detail: `${checked} messages compared`,
    });
    expect(problems, `cycle ${cycles} of ${seed}`).toEqual([]);
    expect(checked).toBeGreaterThan(cycles * 20);
  });

  test('the check finds a database that is not strict, when the power goes', async () => {
    const tablet = await stage.tablet(createRng('canary'), { durability: 'relaxed' });
    let problems: readonly string[] = [];
    try {
      for (let cycle = 0; cycle < CANARY_CYCLES && problems.length === 0; cycle++) {
        const queue = `canary-${cycle}`;
        await TABLET_FAULTS['tablet-power-drop'](tablet, queue);
        problems = await tablet.drainAndCheck(queue);
      }
    } finally {
      await tablet.dispose();
    }
    expect(problems.join('\n')).toMatch(/is lost/);
  });
});
