import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Signals } from '../../ports/signals.ts';
import { createBroadcastSignals } from './broadcast-signals.ts';

let posted: unknown[] = [];
let signals: Signals;

/** What a channel is asked to post. */
class SpyChannel extends EventTarget {
  postMessage(message: unknown): void {
    posted.push(message);
  }

  close(): void {
    posted.push('closed');
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.stubGlobal('BroadcastChannel', SpyChannel);
  posted = [];
  signals = createBroadcastSignals('test');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a signal is posted at once, and what repeats it within a moment is posted once, after it', () => {
  for (let n = 0; n < 10; n++) signals.post({ type: 'saved' });
  expect(posted).toEqual([{ type: 'saved' }]);
  vi.advanceTimersByTime(30);
  expect(posted).toEqual([{ type: 'saved' }, { type: 'saved' }]);
  vi.advanceTimersByTime(1000);
  expect(posted).toHaveLength(2);
  signals.post({ type: 'saved' });
  expect(posted).toHaveLength(3);
});

test('what does not repeat the one before keeps its place behind it', () => {
  signals.post({ type: 'saved' });
  signals.post({ type: 'saved' });
  signals.post({ type: 'online', online: true });
  signals.post({ type: 'online', online: false });
  signals.post({ type: 'saved' });
  const types = ['saved', 'saved', 'online', 'online', 'saved'];
  expect(posted).toEqual(types.map((type) => expect.objectContaining({ type })));
  vi.advanceTimersByTime(1000);
  expect(posted).toHaveLength(types.length);
});

test('closing posts what waits, and nothing after it', () => {
  signals.post({ type: 'saved' });
  signals.post({ type: 'saved' });
  signals.close();
  signals.post({ type: 'saved' });
  vi.advanceTimersByTime(1000);
  expect(posted).toEqual([{ type: 'saved' }, { type: 'saved' }, 'closed']);
});
