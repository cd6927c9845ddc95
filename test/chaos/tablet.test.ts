import { createRng } from '@fieldpost/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHAOS_SEED } from '../reliability/record-run.ts';
import { runCycles } from './run-cycles.ts';
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
    const tablet = await stage.tablet(createRng(seed));
    const cause: TabletFault = TABLET_FAULTS[fault];
    const queueOf = (cycle: number): string => `${fault}-${cycle}`;
    let mayLack: Awaited<ReturnType<TabletFault>>['mayLack'];
    await runCycles({
      fault,
      seed,
      count: CYCLES,
      cause: async (cycle) => {
        const outcome = await cause(tablet, queueOf(cycle));
        mayLack = outcome.mayLack;
        return outcome.fired;
      },
      check: (cycle) => tablet.drainAndCheck(queueOf(cycle), mayLack),
      end: () => tablet.dispose(),
      detail: () => `${tablet.book.checked} messages compared`,
    });
    expect(tablet.book.checked).toBeGreaterThan(CYCLES * 20);
  });

  test('the check finds a database that is not strict, when the power goes', async () => {
    const tablet = await stage.tablet(createRng('canary'), { durability: 'relaxed' });
    let problems: readonly string[] = [];
    try {
      for (let cycle = 0; cycle < CANARY_CYCLES && problems.length === 0; cycle++) {
        const queue = `canary-${cycle}`;
        // What is delivered before the power goes is not lost with it.
        tablet.goOffline();
        await TABLET_FAULTS['tablet-power-drop'](tablet, queue);
        problems = await tablet.drainAndCheck(queue);
      }
    } finally {
      await tablet.dispose();
    }
    expect(problems.join('\n')).toMatch(/is lost/);
  });
});
