import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSystemClock } from './system-clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a timer fires once, not before its time', () => {
  const wake = vi.fn();
  createSystemClock().schedule(1000, wake);
  vi.advanceTimersByTime(999);
  expect(wake).not.toHaveBeenCalled();
  vi.advanceTimersByTime(5000);
  expect(wake).toHaveBeenCalledTimes(1);
});

test('a time beyond what one timer can hold is waited for all the same', () => {
  const wake = vi.fn();
  createSystemClock().schedule(60 * DAY_MS, wake);
  vi.advanceTimersByTime(59 * DAY_MS);
  expect(wake).not.toHaveBeenCalled();
  vi.advanceTimersByTime(DAY_MS);
  expect(wake).toHaveBeenCalledTimes(1);
});

test('a timer that is called off never fires, also behind the first of its steps', () => {
  const wake = vi.fn();
  const cancel = createSystemClock().schedule(60 * DAY_MS, wake);
  vi.advanceTimersByTime(30 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(wake).not.toHaveBeenCalled();
});
