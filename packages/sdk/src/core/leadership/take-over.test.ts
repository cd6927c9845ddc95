import { type DeviceId, instant } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { createMemoryOutboxStore } from '../../adapters/memory/memory-outbox-store.ts';
import { LEADERSHIP_OFF, LEASE_MS, stepLeadership } from './leadership.ts';

const device = '01a208a5-b32c-7b02-877b-51e7294a7fbc' as DeviceId;
const moment = { now: instant(1_000), wallMs: 1_700_000_000_000, jitter: 0 };

test('who is given the lock takes the lease of a page that is gone, without waiting for its end', async () => {
  const store = createMemoryOutboxStore();
  await store.open({ device, marker: undefined });
  await store.lease({ holder: 'reloaded', until: moment.wallMs + LEASE_MS - 1, now: moment.wallMs - 1 });

  const queued = stepLeadership(LEADERSHIP_OFF, { type: 'started' }, 'new', moment).state;
  const { state, effects } = stepLeadership(queued, { type: 'lockHeld' }, 'new', moment);
  const [effect] = effects;
  if (effect?.type !== 'askLease') throw new Error('the lease is not asked for');
  const lease = await store.lease({ holder: 'new', until: effect.until, now: effect.now });
  expect(lease?.holder).toBe('new');
  expect(stepLeadership(state, { type: 'leaseAnswered', lease }, 'new', moment).state.kind).toBe('leading');
});
