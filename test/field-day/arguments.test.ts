import { expect, test } from 'vitest';
import { UsageError } from '../support/arguments-or-explain.ts';
import { readArguments } from './arguments.ts';

const fresh = (): string => 'fresh';

test('without arguments: the whole file, four tablets, some faults, a new seed', () => {
  expect(readArguments([], fresh)).toEqual({
    orders: 5009,
    tablets: 4,
    seed: 'fresh',
    faults: 'some',
    json: false,
    sabotage: undefined,
  });
});

test('every flag is read', () => {
  const words = '--orders 300 --tablets 5 --seed abc --faults many --json --sabotage cent'.split(' ');
  expect(readArguments(words, fresh)).toEqual({
    orders: 300,
    tablets: 5,
    seed: 'abc',
    faults: 'many',
    json: true,
    sabotage: 'cent',
  });
});

test.each([
  '--orders 0',
  '--orders 5010',
  '--orders 1.5',
  '--orders -3',
  '--tablets 17',
  '--faults all',
  '--sabotage lose',
  '--unknown',
  'word',
  '--orders 3 --faults none',
  '--orders 31',
  '--orders 7 --faults none --sabotage swap',
])('%s is refused with what is needed instead', (line) => {
  expect(() => readArguments(line.split(' '), fresh)).toThrow(UsageError);
});

test('help wins over the rest', () => {
  expect(readArguments(['--help', '--orders', '3'], fresh)).toBeUndefined();
});
