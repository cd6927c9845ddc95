import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '@fieldpost/gateway/testing';
import { CodedError, createRng } from '@fieldpost/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { PowerLossDisk } from '../support/power-loss/power-loss-disk.ts';
import { startWriter } from './crash-cycles.ts';
import { damageFile } from './damage/damage-file.ts';
import { readState } from './sqlite-writer/read-state.ts';
import { StoreLedger } from './store-ledger.ts';

// Bits of the gateway's files turn, sectors are emptied, ends are cut off, while nobody has them open. Whatever a store
// still gives then is what was stored; or it says that it is damaged. It may have gone back to an older state, as a whole:
// devices notice that by what they were told.
//
//   DAMAGE_CYCLES=1000 CHAOS_SEED=… vitest run --project chaos test/chaos/damaged-store.test.ts

const CYCLES = Number(process.env['DAMAGE_CYCLES'] ?? 80);
const EPOCHS = 4;
const NAMES = ['gateway.db', 'gateway.db-wal'] as const;

let disk: PowerLossDisk;
let folder: string;
/** The same store with everything in the file, as after a stop in order: the log's own checksums guard nothing there. */
let carriedOver: string;
/** Names that were being removed at some time: these may be there or not. */
const removing: (readonly string[])[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-damage-'));
  disk = new PowerLossDisk();
  await writeFiles();
  carriedOver = join(folder, 'carried-over');
  mkdirSync(carriedOver);
  for (const name of NAMES) copyFileSync(join(disk.folder, name), join(carriedOver, name));
  const store = await openSqliteStore({ file: join(carriedOver, NAMES[0]) });
  await store.close();
});

afterAll(() => {
  disk.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test(
  `${CYCLES} times damaged: refused, or nothing wrong is given out`,
  { timeout: 60_000 + CYCLES * 1000 },
  async () => {
    const seed = `damaged store/${CHAOS_SEED}`;
    const rng = createRng(seed);
    const outcomes = { refused: 0, 'went back': 0, harmless: 0, wrong: 0 };
    const wrong: unknown[] = [];
    const whole = await examine(disk.folder, () => undefined);
    expect(whole.outcome).toBe('went back');
    const from = performance.now();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      let damage = '';
      const found = await examine(rng.chance(0.5) ? disk.folder : carriedOver, (files) => {
        damage = damageFile(files, rng);
      });
      const outcome =
        found.outcome === 'went back' && found.state === whole.state ? 'harmless' : found.outcome;
      outcomes[outcome] += 1;
      if (outcome === 'wrong') wrong.push({ cycle, damage, problems: found.problems.slice(0, 3) });
    }
    recordRun({
      type: 'cycles',
      fault: 'files-gateway',
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
    expect(outcomes.refused).toBeGreaterThan(0);
  },
);

interface Examination {
  readonly outcome: 'refused' | 'went back' | 'wrong';
  readonly problems: readonly string[];
  readonly state: string;
}

/** Opens copies of the files, harmed, and reads everything. */
async function examine(source: string, harm: (files: readonly string[]) => void): Promise<Examination> {
  const files: string[] = [];
  for (const name of NAMES) {
    const copy = join(folder, name);
    rmSync(copy, { force: true });
    if (!existsSync(join(source, name))) continue;
    copyFileSync(join(source, name), copy);
    files.push(copy);
  }
  harm(files);
  const ledger = new StoreLedger();
  for (const names of removing) ledger.note({ type: 'removing', names });
  try {
    const store = await openSqliteStore({ file: join(folder, NAMES[0]), lockWaitMs: 0 });
    try {
      const state = await readState(store, EPOCHS);
      ledger.note({ type: 'state', ...state });
      const isWrong = ledger.problems.length > 0;
      return {
        outcome: isWrong ? 'wrong' : 'went back',
        problems: ledger.problems,
        state: JSON.stringify(state),
      };
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof CodedError)) return { outcome: 'wrong', problems: [String(error)], state: '' };
    return { outcome: 'refused', problems: [], state: error.code };
  }
}

/** A store as a process leaves it that is killed in its work: messages in the file, and some in the log. */
async function writeFiles(): Promise<void> {
  const writer = startWriter(disk);
  writer.start({
    file: join(disk.folder, NAMES[0]),
    seed: 'damage',
    epochs: EPOCHS,
    logBytesMax: 256 * 1024,
  });
  let accepted = 0;
  for await (const report of writer.reports()) {
    if (report.type === 'removing') removing.push(report.names);
    if (report.type === 'accepted' && ++accepted === 400) break;
  }
  for (const report of await writer.kill()) if (report.type === 'removing') removing.push(report.names);
}
