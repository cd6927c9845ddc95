import { instant } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { Moment } from '../moment.ts';
import {
  LEADERSHIP_OFF,
  type LeadershipEvent,
  type LeadershipState,
  leadershipDeadline,
  leads,
  LEASE_MS,
  LEASE_RENEW_MS,
  type LeadershipEffect,
  stepLeadership,
} from './leadership.ts';

const ME = 'me';

test('a tab leads when it has both the lock and the lease, and not before', () => {
  const tab = new Tab();
  expect(tab.step({ type: 'started' }).effects).toEqual([{ type: 'acquireLock' }]);
  expect(tab.leads).toBe(false);
  expect(tab.step({ type: 'lockHeld' }).effects).toMatchObject([
    { type: 'askLease', until: tab.wallMs + LEASE_MS },
  ]);
  expect(tab.leads).toBe(false);
  tab.step({ type: 'leaseAnswered', lease: { holder: ME, until: tab.wallMs + LEASE_MS } });
  expect(tab.leads).toBe(true);
});

test('a leader renews before its lease ends', () => {
  const tab = leading();
  expect(leadershipDeadline(tab.state)).toBe(tab.nowMs + LEASE_RENEW_MS);
  tab.wait(LEASE_RENEW_MS);
  expect(tab.step({ type: 'deadlineReached' }).effects).toMatchObject([{ type: 'askLease' }]);
  expect(tab.leads).toBe(true);
  tab.grant();
  tab.wait(LEASE_MS - 1);
  expect(tab.leads).toBe(true);
});

test('a tab that was frozen past its lease no longer leads when it wakes, without being told', () => {
  const tab = leading();
  tab.wait(LEASE_MS);
  expect(tab.leads).toBe(false);
  expect(tab.step({ type: 'deadlineReached' }).effects).toMatchObject([{ type: 'askLease' }]);
  expect(tab.leads).toBe(false);
});

test('an answer that comes after the lease it grants has ended grants nothing', () => {
  const tab = new Tab();
  tab.step({ type: 'started' });
  tab.step({ type: 'lockHeld' });
  tab.wait(LEASE_MS);
  tab.grant();
  expect(tab.leads).toBe(false);
});

test("another tab's lease is waited for, but never longer than a whole one: its clock may have jumped", () => {
  const tab = new Tab();
  tab.step({ type: 'started' });
  tab.step({ type: 'lockHeld' });
  tab.step({ type: 'leaseAnswered', lease: { holder: 'other', until: tab.wallMs + 3_600_000 } });
  expect(leadershipDeadline(tab.state)).toBe(tab.nowMs + LEASE_MS);
  tab.wait(LEASE_MS);
  expect(tab.step({ type: 'deadlineReached' }).effects).toMatchObject([{ type: 'askLease' }]);
});

test('a leader whose store would not settle for it stops at once', () => {
  const tab = leading();
  tab.step({ type: 'leaseLost' });
  expect(tab.leads).toBe(false);
});

test('a leader whose lock was taken away queues for it again', () => {
  const tab = leading();
  expect(tab.step({ type: 'lockLost' }).effects).toEqual([{ type: 'acquireLock' }]);
  expect(tab.leads).toBe(false);
});

test('a renewal that failed keeps the lead until the lease ends, and is tried again', () => {
  const tab = leading();
  tab.wait(LEASE_RENEW_MS);
  tab.step({ type: 'deadlineReached' });
  tab.step({ type: 'leaseAnswered', lease: undefined });
  expect(tab.leads).toBe(true);
  tab.wait((leadershipDeadline(tab.state) ?? 0) - tab.nowMs);
  expect(tab.step({ type: 'deadlineReached' }).effects).toMatchObject([{ type: 'askLease' }]);
});

test('a lost lease that is renewed by another is lost', () => {
  const tab = leading();
  tab.wait(LEASE_RENEW_MS);
  tab.step({ type: 'deadlineReached' });
  tab.step({ type: 'leaseAnswered', lease: { holder: 'other', until: tab.wallMs + LEASE_MS } });
  expect(tab.leads).toBe(false);
});

test('a tab queued for the lock takes over when the lease of a frozen holder of the lock has ended', () => {
  const tab = new Tab();
  tab.step({ type: 'started' });
  tab.wait(LEASE_MS);
  expect(tab.step({ type: 'deadlineReached' }).effects).toMatchObject([
    { type: 'askLease', until: tab.wallMs + LEASE_MS, now: tab.wallMs },
  ]);
  tab.step({ type: 'leaseAnswered', lease: { holder: 'other', until: tab.wallMs + 9000 } });
  expect(tab.leads).toBe(false);
  expect(leadershipDeadline(tab.state)).toBe(tab.nowMs + 9000);
  tab.wait(9000);
  tab.step({ type: 'deadlineReached' });
  tab.grant();
  expect(tab.leads).toBe(true);
});

test('a tab that was refused the lease while queued takes over at once when it gets the lock', () => {
  const tab = new Tab();
  tab.step({ type: 'started' });
  tab.wait(LEASE_MS);
  tab.step({ type: 'deadlineReached' });
  tab.step({ type: 'leaseAnswered', lease: { holder: 'other', until: tab.wallMs + LEASE_MS } });
  const end = tab.wallMs + LEASE_MS;
  expect(tab.step({ type: 'lockHeld' }).effects).toEqual([{ type: 'askLease', until: end, now: end }]);
});

test('a stopping leader gives up lease and lock', () => {
  const tab = leading();
  expect(tab.step({ type: 'stopped' }).effects).toEqual([{ type: 'giveUpLease' }, { type: 'releaseLock' }]);
  expect(leadershipDeadline(tab.state)).toBeUndefined();
});

class Tab {
  state: LeadershipState = LEADERSHIP_OFF;
  nowMs = 1_000;
  wallMs = 1_700_000_000_000;

  get leads(): boolean {
    return leads(this.state, instant(this.nowMs));
  }

  step(event: LeadershipEvent): { readonly effects: readonly LeadershipEffect[] } {
    const moment: Moment = { now: instant(this.nowMs), wallMs: this.wallMs, jitter: 0.5 };
    const step = stepLeadership(this.state, event, ME, moment);
    this.state = step.state;
    return step;
  }

  grant(): void {
    this.step({ type: 'leaseAnswered', lease: { holder: ME, until: this.wallMs + LEASE_MS } });
  }

  wait(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.wallMs += milliseconds;
  }
}

function leading(): Tab {
  const tab = new Tab();
  tab.step({ type: 'started' });
  tab.step({ type: 'lockHeld' });
  tab.grant();
  return tab;
}
