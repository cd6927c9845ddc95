import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng } from '@fieldpost/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { PowerLossDisk } from '../support/power-loss/power-loss-disk.ts';
import { type CycleResult, runCrashCycles, startWriter, type Writer } from './crash-cycles.ts';
import type { WriterOrder, WriterReport } from './sqlite-writer/writer-messages.ts';
import { StoreLedger } from './store-ledger.ts';

/** More of them: `FIELDPOST_CRASH_CYCLES=1000 vitest run --project chaos test/chaos/sqlite-crash.test.ts`. */
const CYCLES = Number(process.env['FIELDPOST_CRASH_CYCLES'] ?? 25);
/** The planted bug has to be found within this many. */
const CANARY_CYCLES = 40;

describe('the SQLite store, killed at any moment', { timeout: 120_000 + CYCLES * 10_000 }, () => {
  test(`${CYCLES} times kill -9: nothing acknowledged is lost, nothing is there twice`, async ({
    annotate,
  }) => {
    const seed = `kill/${CHAOS_SEED}`;
    const result = await runCrashCycles({ cycles: CYCLES, seed, ends: ['kill'] });
    const { ledger, cycles, cyclesPerMinute } = result;
    record('store-kill', seed, result);
    expect(ledger.problems).toEqual([]);
    expect(cycles).toBe(CYCLES);
    expect(ledger.acknowledged).toBeGreaterThan(CYCLES * 10);
    await annotate(
      `${cycles} cycles, ${ledger.acknowledged} messages acknowledged, ${cyclesPerMinute} cycles a minute`,
    );
  });

  test(`${CYCLES} times power loss, kills in between: nothing acknowledged is lost, nothing is there twice`, async ({
    annotate,
  }) => {
    const ends = ['drop', 'torn', 'drop', 'torn', 'kill'] as const;
    const seed = `power loss/${CHAOS_SEED}`;
    const result = await runCrashCycles({ cycles: CYCLES, seed, ends });
    record('store-power', seed, result);
    const { ledger, cycles, cyclesPerMinute } = result;
    expect(ledger.problems).toEqual([]);
    expect(cycles).toBe(CYCLES);
    expect(ledger.acknowledged).toBeGreaterThan(CYCLES * 10);
    for (const end of ends) expect(result.ends[end]).toBeGreaterThan(0);
    await annotate(
      `${cycles} cycles, ${ledger.acknowledged} messages acknowledged, ${cyclesPerMinute} cycles a minute`,
    );
  });

  test.each(['drop', 'torn'] as const)('the checker finds a store that does not sync (%s)', async (end) => {
    const result = await runCrashCycles({
      cycles: CANARY_CYCLES,
      seed: 'canary',
      ends: [end],
      sabotage: 'synchronous-normal',
      untilFound: true,
    });
    expect(result.ledger.lost).toBeGreaterThan(0);
  });
});

describe('the SQLite store on a disk that fails', { timeout: 60_000 }, () => {
  let disk: PowerLossDisk;
  let writers: Writer[];

  beforeEach(() => {
    disk = new PowerLossDisk();
    writers = [];
  });

  afterEach(async () => {
    for (const writer of writers) await writer.kill();
    disk.dispose();
  });

  const start = (faults?: Parameters<typeof startWriter>[1], order: Partial<WriterOrder> = {}): Writer => {
    const writer = startWriter(disk, faults);
    writers.push(writer);
    writer.start({
      file: join(disk.folder, 'gateway.db'),
      seed: 'disk',
      epochs: 3,
      logBytesMax: 128 * 1024,
      ...order,
    });
    return writer;
  };

  /** What the store holds after all that `ledger` has seen. */
  const expectNothingLost = async (ledger: StoreLedger): Promise<void> => {
    await readUntil(start(), ledger, (report) => report.type === 'state');
    expect(ledger.problems).toEqual([]);
  };

  test.each([30, 61, 92, 123, 154])(
    'acknowledges nothing more after sync %i failed, and lost nothing before',
    async (syncFailsAt) => {
      const ledger = new StoreLedger();
      const writer = start({ syncFailsAt }, { goesOnAfterErrors: true });
      const seen = await readUntil(writer, ledger, (_, all) => count(all, 'refused') >= 40);
      seen.push(...(await writer.kill()));
      const failedAt = seen.findIndex((report) => report.type === 'failure');
      expect(failedAt).toBeGreaterThan(0);
      const afterwards = seen.slice(failedAt + 1);
      expect(count(seen, 'accepted')).toBeGreaterThan(0);
      expect(count(afterwards, 'accepted') + count(afterwards, 'removed')).toBe(0);
      expect(codes(afterwards)).toEqual(new Set(['store-failed']));
      disk.cutPower('drop', createRng('sync'));
      await expectNothingLost(ledger);
    },
  );

  test('says store-full while the disk is full, loses nothing, and goes on when there is room', async () => {
    const fullFlag = `${disk.folder}-is-full`;
    const ledger = new StoreLedger();
    const writer = start({ fullFlag }, { goesOnAfterErrors: true });
    try {
      await readUntil(writer, ledger, (_, all) => count(all, 'accepted') >= 50);
      writeFileSync(fullFlag, '');
      const full = await readUntil(writer, ledger, (_, all) => count(all, 'refused') >= 50);
      expect(codes(full)).toEqual(new Set(['store-full']));
      expect(count(full, 'failure')).toBe(0);
    } finally {
      rmSync(fullFlag, { force: true });
    }
    await readUntil(writer, ledger, (_, all) => count(all, 'accepted') >= 50);
    for (const report of await writer.kill()) ledger.note(report);
    disk.cutPower('torn', createRng('full'));
    await expectNothingLost(ledger);
  });

  test('does not start on a full disk, and says so', async () => {
    const fullFlag = `${disk.folder}-is-full`;
    writeFileSync(fullFlag, '');
    try {
      const failed = await lastOf(start({ fullFlag }), 'failed');
      expect(failed).toMatchObject({ code: 'store-full' });
    } finally {
      rmSync(fullFlag, { force: true });
    }
    await readUntil(start(), new StoreLedger(), (report) => report.type === 'state');
  });

  test('does not start on a read-only volume, and says so', async () => {
    expect(await lastOf(start({ readOnly: true }), 'failed')).toMatchObject({ code: 'store-read-only' });
    const writer = start();
    await readUntil(writer, new StoreLedger(), (report) => report.type === 'accepted');
    await writer.kill();
    expect(await lastOf(start({ readOnly: true }), 'failed')).toMatchObject({ code: 'store-read-only' });
  });

  test('a second gateway on the file is refused until the first one is gone, be it by kill -9', async () => {
    const ledger = new StoreLedger();
    const first = start();
    await readUntil(first, ledger, (report) => report.type === 'accepted');
    expect(await lastOf(start({}, { lockWaitMs: 0 }), 'failed')).toMatchObject({
      code: 'store-locked',
    });
    const patient = start({}, { lockWaitMs: 30_000 });
    await readUntil(first, ledger, (report) => report.type === 'accepted');
    for (const report of await first.kill()) ledger.note(report);
    await readUntil(patient, ledger, (report) => report.type === 'state');
    expect(ledger.problems).toEqual([]);
  });

  test('the folder and the file are made when they are not there', async () => {
    const file = join(disk.folder, 'new', 'folder', 'gateway.db');
    await readUntil(start({}, { file }), new StoreLedger(), (report) => report.type === 'state');
    expect(existsSync(file)).toBe(true);
  });
});

function record(fault: 'store-kill' | 'store-power', seed: string, result: CycleResult): void {
  const { ledger, cycles, cyclesPerMinute, ends } = result;
  recordRun({
    type: 'cycles',
    fault,
    cycles,
    fired: ends.kill + ends.drop + ends.torn,
    failures: ledger.problems.length > 0 ? 1 : 0,
    seed,
    seconds: Math.round((cycles * 60) / cyclesPerMinute),
    detail: `${ledger.acknowledged} messages acknowledged; ${ends.drop} dropped, ${ends.torn} torn`,
  });
}

/** Reads and notes until `isEnough`; fails when the writer ends before. */
async function readUntil(
  writer: Writer,
  ledger: StoreLedger,
  isEnough: (report: WriterReport, all: readonly WriterReport[]) => boolean,
): Promise<WriterReport[]> {
  const all: WriterReport[] = [];
  for await (const report of writer.reports()) {
    all.push(report);
    ledger.note(report);
    if (isEnough(report, all)) return all;
  }
  throw new Error(`the writer ended after ${JSON.stringify(all.at(-1))}`);
}

async function lastOf(writer: Writer, type: WriterReport['type']): Promise<WriterReport | undefined> {
  const all = await readUntil(
    writer,
    new StoreLedger(),
    (report) => report.type === type || report.type === 'state',
  );
  return all.at(-1);
}

function count(reports: readonly WriterReport[], type: WriterReport['type']): number {
  return reports.filter((report) => report.type === type).length;
}

function codes(reports: readonly WriterReport[]): Set<string> {
  return new Set(reports.flatMap((report) => (report.type === 'refused' ? [report.code] : [])));
}
