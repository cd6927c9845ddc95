import { expect, test } from 'vitest';
import { readOptions } from './options.ts';
import { fullSizes, quickSizes } from './sizes.ts';

test('a full run of either suite writes results, a quick one or a part of it does not', () => {
  expect(readOptions([])).toMatchObject({ suite: 'scenarios', sizes: fullSizes, save: true });
  expect(readOptions(['--only', 'queues'])).toMatchObject({ suite: 'queues', sizes: fullSizes, save: true });
  expect(readOptions(['--only', 'queues', '--quick'])).toMatchObject({ sizes: quickSizes, save: false });
  expect(readOptions(['--only', 'send'])).toMatchObject({ suite: 'scenarios', only: ['send'], save: false });
});

test('the queues are run alone, because they have results of their own', () => {
  expect(() => readOptions(['--only', 'send,queues'])).toThrow(/queues alone/);
});
