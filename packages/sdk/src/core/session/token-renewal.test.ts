import { instant, type SessionNonce } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { createSession, type SessionEffect, type SessionEvent, type SessionState } from './session-state.ts';
import { sessionDeadline, stepSession } from './session.ts';

/** The gateway's clock when the device is welcomed: years away from the device's own. */
const SERVER_MS = 1_795_420_800_000;
const UNREACHED = { code: 'token-unavailable', detail: 'offline' };

describe('a token is renewed on the connection that stands', () => {
  test.each([
    ['a minute before its end', 3_600_000, 3_540_000],
    ['a short one when a third of its time is left', 30_000, 20_000],
  ])('%s', (_, lifeMs, renewedAfterMs) => {
    const device = Device.live(lifeMs);
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 1 }]);
    expect(device.nowMs).toBe(renewedAfterMs);
    expect(device.give('newer', 7_200_000)).toEqual([{ type: 'renewToken', connection: 1, token: 'newer' }]);
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 1 }]);
    expect(device.nowMs).toBe(7_200_000 - 60_000);
    expect(device.state.phase.kind).toBe('live');
  });

  test('over HTTP too, where the next request carries it', () => {
    const device = Device.live(3_600_000, 'http');
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 1 }]);
    expect(device.give('newer', 7_200_000)).toEqual([{ type: 'renewToken', connection: 1, token: 'newer' }]);
  });

  test('one that does not say when it ends, or says that it has ended, is not', () => {
    expect(Device.live(undefined).deadline()).toBeUndefined();
    expect(Device.live(-1).deadline()).toBeUndefined();
  });

  test('an app that cannot give one yet is asked again, in growing haste, and nothing shows while the old one is good', () => {
    const device = Device.live(3_600_000);
    device.wakeUp();
    const askedAt: number[] = [];
    for (let tries = 0; tries < 20 && device.deadline() !== undefined; tries++) {
      askedAt.push(device.nowMs);
      expect(device.step({ type: 'tokenFailed', connection: 1, problem: UNREACHED })).toEqual([]);
      expect(device.state).toMatchObject({ phase: { kind: 'live' }, problem: undefined });
      device.wakeUp();
    }
    expect(askedAt).toEqual([3_540_000, 3_570_000, 3_585_000, 3_592_500]);
  });

  test('the token given again is no newer one', () => {
    const device = Device.live(3_600_000);
    device.wakeUp();
    expect(device.give('first', 3_600_000)).toEqual([]);
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 1 }]);
  });

  test('an app that does not answer is asked again', () => {
    const device = Device.live(3_600_000);
    device.wakeUp();
    expect(device.wakeUp()).toEqual([]);
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 1 }]);
    expect(device.state.phase.kind).toBe('live');
  });
});

describe('when the gateway says that it has ended', () => {
  test('a newer one goes up on the same connection; further complaints are about the old one', () => {
    const device = Device.live(undefined);
    expect(device.complain()).toEqual([{ type: 'askToken', connection: 1 }]);
    expect(device.complain()).toEqual([]);
    expect(device.token()).toBe('expired');
    expect(device.give('newer', 60_000)).toEqual([{ type: 'renewToken', connection: 1, token: 'newer' }]);
    expect(device.token()).toBe('sent');
    expect(device.complain()).toEqual([]);
    device.step({ type: 'answered' });
    expect(device.token()).toBe('good');
    expect(device.deadline()).toBe(40_000);
  });

  test('while a newer one is being asked for, it is not asked for twice', () => {
    const device = Device.live(3_600_000);
    device.wakeUp();
    expect(device.complain()).toEqual([]);
    expect(device.token()).toBe('expired');
  });

  test('without an answer to anything, the newer one counts as taken after a while', () => {
    const device = Device.live(undefined);
    device.complain();
    device.give('newer');
    device.wakeUp();
    expect(device.token()).toBe('good');
    expect(device.complain()).toEqual([{ type: 'askToken', connection: 1 }]);
  });

  test('an app that gives none in time gets a new connection', () => {
    const device = Device.live(undefined);
    device.complain();
    expect(device.wakeUp()).toEqual([
      { type: 'disconnect', connection: 1 },
      { type: 'askToken', connection: 2 },
    ]);
    expect(device.nowMs).toBe(8_000);
  });

  test('an app that gives the same one again gets a new connection, whose handshake tells what is wrong', () => {
    const device = Device.live(undefined);
    device.complain();
    expect(device.give('first')).toEqual([
      { type: 'disconnect', connection: 1 },
      { type: 'askToken', connection: 2 },
    ]);
  });

  test('an app that cannot reach whoever gives them shows that, and is asked again later', () => {
    const device = Device.live(undefined);
    device.complain();
    expect(device.step({ type: 'tokenFailed', connection: 1, problem: UNREACHED })).toEqual([
      { type: 'disconnect', connection: 1 },
    ]);
    expect(device.state).toMatchObject({ phase: { kind: 'waiting' }, problem: UNREACHED });
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 2 }]);
  });
});

test('an app that gives no token at all in time is no app without permission', () => {
  const device = new Device('socket');
  device.step({ type: 'wanted', lastSession: undefined });
  device.wakeUp();
  expect(device.state).toMatchObject({ phase: { kind: 'waiting' }, problem: { code: 'token-unavailable' } });
});

class Device {
  state: SessionState;
  nowMs = 0;

  constructor(via: 'socket' | 'http') {
    this.state = createSession(via === 'socket');
  }

  /** Welcomed with the token `first`, which ends after so long. */
  static live(lifeMs: number | undefined, via: 'socket' | 'http' = 'socket'): Device {
    const device = new Device(via);
    device.step({ type: 'wanted', lastSession: undefined });
    device.give('first', lifeMs);
    device.step({ type: 'opened', connection: 1 });
    const welcome = {
      session: { number: 5, nonce: '0011223344556677' as SessionNonce },
      serverTimeMs: SERVER_MS,
    } as Extract<SessionEvent, { type: 'welcomed' }>['welcome'];
    device.step({ type: 'welcomed', connection: 1, welcome });
    return device;
  }

  step(event: SessionEvent): readonly SessionEffect[] {
    const moment = { now: instant(this.nowMs), wallMs: 0, jitter: 0.5 };
    const step = stepSession(this.state, event, moment);
    this.state = step.state;
    return step.effects;
  }

  give(text: string, endsMs?: number): readonly SessionEffect[] {
    const endsAtMs = endsMs === undefined ? undefined : SERVER_MS + endsMs;
    return this.step({ type: 'tokenGiven', connection: this.state.connection, token: { text, endsAtMs } });
  }

  complain(): readonly SessionEffect[] {
    const frame = { type: 'error', code: 'unauthorized', detail: '' } as const;
    return this.step({ type: 'rejected', connection: this.state.connection, frame });
  }

  token(): string | undefined {
    return this.state.phase.kind === 'live' ? this.state.phase.token.kind : undefined;
  }

  deadline(): number | undefined {
    return sessionDeadline(this.state, true);
  }

  /** Passes the time to the next deadline. */
  wakeUp(): readonly SessionEffect[] {
    this.nowMs = Math.max(this.nowMs, this.deadline() ?? this.nowMs);
    return this.step({ type: 'deadlineReached', occupied: true });
  }
}
