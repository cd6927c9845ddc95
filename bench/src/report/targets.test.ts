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

const job: Row = {
  ...row,
  scenario: 'enqueue, lease and acknowledge',
  variant: '8 consumers',
  server: 'flushed',
  values: [900],
};

test('queue servers count by the whole job, and only those whose answers survive as much', () => {
  const rows: Row[] = [
    job,
    { ...job, contestant: 'slower', values: [450] },
    { ...job, contestant: 'faster', values: [1000] },
    { ...job, contestant: 'careless', values: [9000], server: 'flushed every second' },
  ];
  expect(judge({ rows, slowLinkMostSeconds: 0 })).toEqual([
    {
      promise: 'enqueue, lease and acknowledge, 8 consumers: at least 1 × slower',
      found: '2.00 ×',
      reached: true,
    },
    {
      promise: 'enqueue, lease and acknowledge, 8 consumers: at least 1 × faster',
      found: '0.90 ×',
      reached: false,
    },
  ]);
});

test('a deep queue may cost half as much again as an empty one', () => {
  const scenario = 'enqueue, lease and acknowledge, by depth';
  const empty = { ...job, scenario, variant: 'empty', values: [900] };
  const deep = { ...job, scenario, variant: 'deep', note: 'behind 1,000,000 others' };
  const promise =
    'enqueue, lease and acknowledge, behind 1,000,000 others: at most 1.5 × the cost of an empty queue';
  const found = (rate: number): unknown =>
    judge({ rows: [empty, { ...deep, values: [rate] }], slowLinkMostSeconds: 0 });
  expect(found(600)).toEqual([{ promise, found: '1.50 ×', reached: true }]);
  expect(found(599)).toEqual([{ promise, found: '1.50 ×', reached: false }]);
});
