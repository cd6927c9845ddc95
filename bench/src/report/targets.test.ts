import { expect, test } from 'vitest';
import type { Row } from '../measure/sample.ts';
import { judge } from './targets.ts';

const row: Row = {
  scenario: 'drain',
  contestant: 'Fieldpost',
  variant: '',
  messages: 10_000,
  unit: 'messages/s',
  values: [1],
  device: 'strict',
  server: 'FULL',
};

test('a target compares medians, so that one bad repetition decides nothing', () => {
  const rows = [
    { ...row, values: [50_000, 60_000, 1] },
    { ...row, contestant: 'hand-written', values: [400, 500, 90_000] },
  ];
  expect(judge({ rows, slowLinkMostSeconds: 0 })).toEqual([
    { promise: 'drain: at least 100 × hand-written', found: '100 ×', reached: true },
  ]);
});

test('the best batch of a peer counts', () => {
  const rows = [
    { ...row, values: [20_000] },
    { ...row, contestant: 'RxDB, batches of 100', values: [2000] },
    { ...row, contestant: 'RxDB, batches of 1000', values: [4000] },
  ];
  expect(judge({ rows, slowLinkMostSeconds: 0 })).toEqual([
    { promise: 'drain: at least 8 × RxDB, batches of 1000', found: '5.00 ×', reached: false },
  ]);
});

test('a bound on time is missed by being above it', () => {
  const rows: Row[] = [{ ...row, scenario: 'save, all at once', unit: 'ms', values: [101, 99, 102] }];
  expect(judge({ rows, slowLinkMostSeconds: 0 })).toEqual([
    { promise: 'save, all at once, 10,000 orders: at most 100 ms', found: '101 ms', reached: false },
  ]);
});
