import { expect, test, vi } from 'vitest';
import type { News, Peers } from '../ports/peers.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { deviceId, session } from '../testing/sample-frames.ts';
import { createArrivals } from './arrivals.ts';
import { createLiveSessions, type LiveSessions } from './live-sessions.ts';
import { sharePeerNews } from './peer-news.ts';

const DEVICE = deviceId(1);

test('a revocation ends the sessions up to the one of its time, whenever they get here, and no later one', () => {
  const live = createLiveSessions();
  const before = connect(live, 1);
  live.revoke(DEVICE, session(2));
  expect(before.revoked).toHaveBeenCalledOnce();
  // Its welcome was decided before the revocation.
  expect(connect(live, 2).revoked).toHaveBeenCalledOnce();
  // It was welcomed, so the device has been reinstated, here or at another gateway.
  const after = connect(live, 3);
  live.revoke(DEVICE, session(2));
  expect(after.revoked).not.toHaveBeenCalled();
});

test('a revocation concerns no other device', () => {
  const live = createLiveSessions();
  const other = connect(live, 1, 2);
  live.revoke(DEVICE, session(9));
  expect(other.revoked).not.toHaveBeenCalled();
});

test('the other gateways hear of a revocation, and fence the device where it is connected', () => {
  const told: News[] = [];
  let hear: (news: News) => void = () => undefined;
  const peers: Peers = { tell: (news) => told.push(news), listen: (onNews) => (hear = onNews) };
  const here = { arrivals: createArrivals(new ManualClock()), liveSessions: createLiveSessions() };
  const { liveSessions } = sharePeerNews(here, peers);
  liveSessions.revoke(DEVICE, session(4));
  expect(told).toEqual([{ type: 'revocation', device: DEVICE, session: session(4) }]);
  const connected = connect(liveSessions, 5);
  hear({ type: 'revocation', device: DEVICE, session: session(5) });
  expect(connected.revoked).toHaveBeenCalledOnce();
  expect(told).toHaveLength(1);
});

function connect(live: LiveSessions, number: number, device = 1) {
  const listener = { superseded: vi.fn(), revoked: vi.fn(), fatesNoticed: vi.fn() };
  live.register(deviceId(device), session(number), listener);
  return listener;
}
