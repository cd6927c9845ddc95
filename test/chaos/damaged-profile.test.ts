import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Rng } from '@fieldpost/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { until } from '../support/until.ts';
import { damageFile } from './damage/damage-file.ts';
import { TabletStage } from './tablet/tablet-stage.ts';
import type { Tablet } from './tablet/tablet.ts';

// Bits of Chromium's database turn, sectors are emptied, ends are cut off, while the browser is closed and messages wait.
// Whatever arrives afterwards is what was sent, once and in order, and new messages flow. What is missing was reported,
// unless the database went back as a whole: with its newest writes gone, it is what it was before them.
//
//   DAMAGE_CYCLES=100 CHAOS_SEED=… vitest run --project chaos test/chaos/damaged-profile.test.ts

const CYCLES = Number(process.env['DAMAGE_CYCLES'] ?? 2);
const WITHIN_MS = 60_000;

type Outcome = 'harmless' | 'reported' | 'went back' | 'wrong';

let stage: TabletStage;
beforeAll(async () => {
  stage = await TabletStage.start();
});
afterAll(() => stage.stop());

test(
  `${CYCLES} times damaged: nothing wrong arrives, and what is lost is reported`,
  { timeout: 60_000 + CYCLES * 60_000 },
  async () => {
    const seed = `damaged profile/${CHAOS_SEED}`;
    const rng = createRng(seed);
    const from = performance.now();
    const outcomes: Record<Outcome, number> = { harmless: 0, reported: 0, 'went back': 0, wrong: 0 };
    const wrong: unknown[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const { damage, outcome, problems } = await runCycle(rng.fork(String(cycle)), `damaged-${cycle}`);
      outcomes[outcome] += 1;
      if (outcome === 'wrong') wrong.push({ cycle, damage, problems });
    }
    recordRun({
      type: 'cycles',
      fault: 'files-tablet',
      cycles: CYCLES,
      fired: CYCLES,
      failures: wrong.length,
      seed,
      seconds: Math.round((performance.now() - from) / 1000),
      detail: Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    });
    expect(wrong).toEqual([]);
  },
);

interface Cycle {
  readonly damage: string;
  readonly outcome: Outcome;
  readonly problems: readonly string[];
}

async function runCycle(rng: Rng, queue: string): Promise<Cycle> {
  const tablet = await stage.tablet(rng);
  try {
    await saveSome(tablet, queue);
    const wasSaved = tablet.book.savedSoFar(queue);
    await tablet.profile.close();
    const damage = damageFile(databaseFiles(tablet), rng);
    tablet.goOnline();
    const missing: string[] = [];
    let problems: readonly string[];
    try {
      const page = await tablet.startAgain();
      await tablet.load(page, queue);
      await tablet.untilSaved(queue, 20);
      // A key that was saved before may lack for now; whether that was said is asked below.
      problems = await tablet.drainAndCheck(queue, (key) => {
        if (wasSaved(key)) missing.push(key);
        return wasSaved(key);
      });
    } catch (error) {
      return { damage, outcome: isRefusal(error) ? 'reported' : 'wrong', problems: [String(error)] };
    }
    if (problems.length > 0) return { damage, outcome: 'wrong', problems };
    if (missing.length === 0) return { damage, outcome: 'harmless', problems };
    return { damage, outcome: await verdictOf(tablet, missing), problems: missing.slice(0, 5) };
  } finally {
    await tablet.dispose();
  }
}

/** Something delivered, and something that waits: in the log of the database and in its tables. */
async function saveSome(tablet: Tablet, queue: string): Promise<void> {
  const page = await tablet.openTab();
  await tablet.load(page, queue);
  await tablet.untilSaved(queue, 100);
  await tablet.stopLoad();
  await until(async () => (await tablet.statusOf(page)).pending === 0, { withinMs: WITHIN_MS });
  tablet.goOffline();
  await tablet.load(page, queue);
  await tablet.untilSaved(queue, 60);
  await tablet.stopLoad();
}

/** How the loss of saved messages was told: by the SDK, or not at all, which is right only for a loss of the newest. */
async function verdictOf(tablet: Tablet, missing: readonly string[]): Promise<Outcome> {
  const [page] = tablet.pages;
  if (page === undefined) return 'wrong';
  const { problems, deadLetters } = await tablet.statusOf(page);
  if (problems.some(({ code }) => code.startsWith('storage')) || deadLetters > 0) return 'reported';
  return tablet.book.areNewest(missing) ? 'went back' : 'wrong';
}

/** The SDK said that the database does not work. */
function isRefusal(error: unknown): boolean {
  return /storage-(?:failed|blocked|lost)|FieldpostError/.test(String(error));
}

function databaseFiles(tablet: Tablet): readonly string[] {
  return readdirSync(tablet.disk.folder)
    .filter((name) => !/^(?:LOCK|LOG)/.test(name))
    .map((name) => join(tablet.disk.folder, name));
}
