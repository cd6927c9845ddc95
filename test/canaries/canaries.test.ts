import { describe, expect, test } from 'vitest';
import { ALL_CANARIES } from './list/all-canaries.ts';
import { NOT_APPLICABLE } from './list/not-applicable.ts';
import { findStaleEdit } from './run-check.ts';
import { applyEdit, StaleEdit } from './source-copy.ts';

describe('each planted bug', () => {
  test.each(ALL_CANARIES)('$name fits the source, and somebody is to notice it', (canary) => {
    expect(findStaleEdit(canary)).toBeUndefined();
    expect(canary.checks.length).toBeGreaterThan(0);
  });

  test('has a name of its own', () => {
    const names = [...ALL_CANARIES, ...NOT_APPLICABLE].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

test.each([
  ['is gone', 'const other = 1;'],
  ['is there twice', 'const one = 1; const one = 1;'],
])('an edit whose place %s is stale, and plants nothing', (_, text) => {
  expect(() => applyEdit(text, { module: 'm.ts', find: 'const one', replace: 'const two' })).toThrow(
    StaleEdit,
  );
});
