import { expect, test, vi } from 'vitest';
import { createFailpoints, FAILPOINTS } from './failpoints.ts';

test('the named point ends the process at the named time, no other does', () => {
  const kill = vi.fn();
  const failpoints = createFailpoints('push-committed:2', kill);
  for (const point of ['push-committed', 'push-begun', 'push-answered'] as const) failpoints.reach(point);
  expect(kill).not.toHaveBeenCalled();
  failpoints.reach('push-committed');
  failpoints.reach('push-committed');
  expect(kill).toHaveBeenCalledTimes(1);
});

test('without a count it is the first time, without a description none', () => {
  const kill = vi.fn();
  createFailpoints(undefined, kill).reach('push-begun');
  expect(kill).not.toHaveBeenCalled();
  createFailpoints('push-begun', kill).reach('push-begun');
  expect(kill).toHaveBeenCalledTimes(1);
});

test.each(['nowhere', 'push-begun:0', 'push-begun:x', ''])(
  '%j is refused, with the points that there are',
  (description) => {
    expect(() => createFailpoints(description)).toThrow(FAILPOINTS.join(', '));
  },
);
