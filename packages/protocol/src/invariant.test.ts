import { expect, test } from 'vitest';
import { invariant, InvariantError, unreachable } from './invariant.ts';

test('an invariant that holds passes, one that does not throws', () => {
  expect(() => invariant(true, 'x')).not.toThrow();
  expect(() => invariant(false, 'two leaders')).toThrow(new InvariantError('two leaders'));
});

test('an unreachable case tells what reached it', () => {
  expect(() => unreachable('surprise' as never)).toThrow('unreachable case: "surprise"');
});
