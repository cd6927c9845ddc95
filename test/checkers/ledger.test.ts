import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareLedger } from './ledger.ts';

const lanes = new Map([
  ['anna', ['a1', 'a2', 'a3', 'a4', 'a5']],
  ['ben', ['b1', 'b2']],
]);
const all = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2'];

test('everything once, in any order, is clean', () => {
  expect(compareLedger(lanes, all.toReversed())).toEqual({ lost: [], duplicated: [], unexpected: [] });
});

test('says of each loss whether the start, the middle or the end of its lane is missing', () => {
  const { lost } = compareLedger(lanes, ['a2', 'a4', 'b1', 'b2']);
  expect(lost).toEqual([
    { lane: 'anna', key: 'a1', place: 'prefix' },
    { lane: 'anna', key: 'a3', place: 'middle' },
    { lane: 'anna', key: 'a5', place: 'postfix' },
  ]);
});

test('a lane of which nothing arrived is a postfix lost', () => {
  const { lost } = compareLedger(lanes, all.slice(0, 5));
  expect(lost.map(({ place }) => place)).toEqual(['postfix', 'postfix']);
});

test('counts how many times too often a key arrived', () => {
  const { duplicated, lost } = compareLedger(lanes, [...all, 'a2', 'a2', 'b1']);
  expect(lost).toEqual([]);
  expect(duplicated).toEqual([
    { key: 'a2', surplus: 2 },
    { key: 'b1', surplus: 1 },
  ]);
});

test('what nobody sent is unexpected, as often as it came', () => {
  expect(compareLedger(lanes, [...all, 'x', 'x']).unexpected).toEqual(['x', 'x']);
});

test('a key expected twice must arrive twice', () => {
  const twice = new Map([['anna', ['a1', 'a1']]]);
  expect(compareLedger(twice, ['a1', 'a1'])).toEqual({ lost: [], duplicated: [], unexpected: [] });
  expect(compareLedger(twice, ['a1']).lost).toHaveLength(1);
});

test('no defect cancels another: the findings add up to the difference in numbers', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...all, 'x', 'y'), { maxLength: 20 }), (arrivals) => {
      const { lost, duplicated, unexpected } = compareLedger(lanes, arrivals);
      const surplus = duplicated.reduce((sum, { surplus: count }) => sum + count, 0);
      expect(all.length - lost.length + surplus + unexpected.length).toBe(arrivals.length);
      expect(lost).toHaveLength(all.filter((key) => !arrivals.includes(key)).length);
    }),
  );
});
