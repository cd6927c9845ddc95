import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAULTS } from './fault-catalogue.ts';
import { type Published, readPublished, type Run } from './history.ts';
import { boundOf, reliabilityPage, standingOf } from './page.ts';
import { type CycleRecord, parseRecord } from './run-record.ts';

const REPOSITORY = join(import.meta.dirname, '../..');

test('the page in the guides is the one that its data gives', () => {
  const page = readFileSync(join(REPOSITORY, 'docs/guides/reliability.md'), 'utf8');
  expect(page, 'npm run reliability-report writes it anew').toBe(reliabilityPage(readPublished()));
});

test('every fault of the catalogue is caused by a file that is there', () => {
  for (const { test: file } of Object.values(FAULTS))
    expect(existsSync(join(REPOSITORY, file)), file).toBe(true);
});

test('what guards a fix is there', () => {
  for (const { guard } of readPublished().findings) {
    const [file = ''] = guard.split(' ');
    if (guard !== '') expect(existsSync(join(REPOSITORY, file)), guard).toBe(true);
  }
});

describe('a standing', () => {
  test('counts the cycles since the last run with a failure, and forgets no failure', () => {
    expect(standingOf([cycles(100, 0), cycles(50, 2), cycles(300, 0), cycles(30, 0)])).toEqual({
      cycles: 480,
      failures: 2,
      cleanCycles: 330,
    });
    expect(standingOf([cycles(100, 0), cycles(50, 1)]).cleanCycles).toBe(0);
  });

  test.each([
    [0, '–'],
    [29, 'too few to say'],
    [300, '1 in 100'],
    [30_000, '1 in 10,000'],
  ])('%i clean cycles bound the rate of failures: %s', (clean, bound) => {
    expect(boundOf(clean)).toBe(bound);
  });
});

test('a run changes the row of its fault, and nothing that is not known is shown', () => {
  const before: Published = { runs: [], canaries: [], findings: [] };
  expect(reliabilityPage(before)).toMatch(
    /Killed at a random instant, under load.*\| not run yet \| 0 \| 0 \| – \|/,
  );
  const run: Run = {
    startedAt: '2026-01-02T03:04:05Z',
    commit: 'abcdef0123456789',
    machine: 'one',
    records: [cycles(1200, 0)],
  };
  const page = reliabilityPage({ ...before, runs: [run] });
  expect(page).toMatch(/Killed at a random instant, under load.*\| 1,200 \| 0 \| 1,200 \| 1 in 400 \|/);
  expect(page).toContain('| 2026-01-02 03:04 | `abcdef0123` | one | 1,200 | 0 | 0 |');
});

test.each([{}, { type: 'cycles' }, { ...cycles(1, 0), fault: 'none' }, { ...cycles(1, 0), cycles: '1' }])(
  '%j is no record',
  (value) => {
    expect(() => parseRecord(value)).toThrow(TypeError);
  },
);

function cycles(count: number, failures: number): CycleRecord {
  return {
    type: 'cycles',
    fault: 'gateway-kill',
    cycles: count,
    fired: count,
    failures,
    seed: 's',
    seconds: 1,
    detail: '',
  };
}
