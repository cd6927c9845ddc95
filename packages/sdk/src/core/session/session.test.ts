import { instant, LIMITS, type Session, type SessionNonce } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { CloseReason } from '../../ports/transport.ts';
import {
  createSession,
  type SessionEffect,
  type SessionEvent,
  type SessionPhase,
  type SessionState,
} from './session-state.ts';
import { sessionDeadline, stepSession } from './session.ts';

const LOST: CloseReason = { code: 'lost', detail: 'cut' };
/** A token that does not say when it ends. */
const T = { text: 't', endsAtMs: undefined };
const UNREACHED = { code: 'token-unavailable', detail: 'offline' };

test('a session asks for a token, connects, says hello and is live when welcomed', () => {
  const device = new Device();
  expect(device.step({ type: 'wanted', lastSession: session(4) })).toEqual([
    { type: 'askToken', connection: 1 },
  ]);
  expect(device.step({ type: 'tokenGiven', connection: 1, token: T })).toEqual([
    { type: 'connect', connection: 1, via: 'socket', token: 't' },
  ]);
  expect(device.step({ type: 'opened', connection: 1 })).toEqual([
    { type: 'sendHello', connection: 1, lastSession: session(4) },
  ]);
  device.welcome();
  expect(device.state.phase).toMatchObject({ kind: 'live', session: session(5) });
});

describe('whatever fails, the next attempt comes by itself', () => {
  const failures: readonly (readonly [string, (device: Device) => readonly SessionEffect[]])[] = [
    ['a cut connection', (device) => device.close(LOST)],
    ['bytes that are no frame', (device) => device.step({ type: 'malformed', connection: 1 })],
    ['an answer that does not come', (device) => device.step({ type: 'unanswered', fruitless: false })],
    ['a newer connection', (device) => device.reject({ type: 'fenced', reason: 'newer-connection' })],
    ['a gateway that failed', (device) => device.reject({ type: 'error', code: 'internal', detail: '' })],
    ['a gateway that stops', (device) => device.reject({ type: 'error', code: 'shutting-down', detail: '' })],
    [
      'an error nobody knows yet',
      (device) => device.reject({ type: 'error', code: 'brand-new', detail: '' }),
    ],
  ];
  test.each(failures)('%s', (_, fail) => {
    const device = live();
    fail(device);
    expect(device.state.phase.kind).toBe('waiting');
    expect(device.wakeUp()).toEqual([{ type: 'askToken', connection: 2 }]);
  });

  test.each<SessionPhase['kind']>(['asking', 'connecting', 'greeting'])('a deadline while %s', (kind) => {
    const device = inPhase(kind);
    device.wait(LIMITS.answerTimeoutMs);
    device.step({ type: 'deadlineReached', occupied: false });
    expect(device.state.phase.kind).toBe('waiting');
  });
});

test('delays grow with full jitter and have a ceiling', () => {
  const device = new Device();
  device.step({ type: 'wanted', lastSession: undefined });
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 12; attempt++) {
    device.step({ type: 'tokenGiven', connection: attempt, token: T });
    device.step({ type: 'closed', connection: attempt, reason: LOST, fruitless: false }, 0.999);
    delays.push(device.waitingMs);
    device.wakeUp();
  }
  expect(delays.slice(0, 4)).toEqual([499, 999, 1998, 3996]);
  expect(Math.max(...delays)).toBeLessThanOrEqual(LIMITS.backoffMaxMs);
  const calm = live();
  calm.close(LOST, 0);
  expect(calm.waitingMs).toBe(0);
});

test('a first rejected token is asked for again at once, the next only after a pause, and the problem shows', () => {
  const device = inPhase('greeting');
  expect(device.reject({ type: 'error', code: 'unauthorized', detail: '' })).toEqual([
    { type: 'disconnect', connection: 1 },
    { type: 'askToken', connection: 2 },
  ]);
  expect(device.state.problem).toBeUndefined();
  device.step({ type: 'tokenGiven', connection: 2, token: { ...T, text: 't2' } });
  device.step({
    type: 'closed',
    connection: 2,
    reason: { code: 'unauthorized', detail: 'no' },
    fruitless: false,
  });
  expect(device.state.phase.kind).toBe('waiting');
  expect(device.state.problem?.code).toBe('unauthorized');
});

test('a token that the app cannot give is a problem, and asked for again later', () => {
  const device = inPhase('asking');
  device.step({ type: 'tokenFailed', connection: 1, problem: UNREACHED });
  expect(device.state.problem).toEqual(UNREACHED);
  device.wakeUp();
  device.step({ type: 'tokenGiven', connection: 2, token: T });
  device.step({ type: 'opened', connection: 2 });
  device.welcome();
  expect(device.state.problem).toBeUndefined();
});

test('sessions that are fenced as soon as they are welcomed back off more and more; one that stood starts anew', () => {
  const device = inPhase('greeting');
  const delays: number[] = [];
  for (let round = 0; round < 5; round++) {
    device.welcome();
    device.reject({ type: 'fenced', reason: 'newer-connection' });
    delays.push(device.waitingMs);
    device.wakeUp();
    const { connection } = device.state;
    device.step({ type: 'tokenGiven', connection, token: T });
    device.step({ type: 'opened', connection });
  }
  expect(delays).toEqual([250, 500, 1000, 2000, 4000]);
  device.welcome();
  device.wait(10_000);
  device.close(LOST);
  expect(device.waitingMs).toBe(250);
});

test('a busy gateway is left alone for as long as it asks, also by hints', () => {
  const device = live();
  device.reject({ type: 'error', code: 'busy', detail: '', retryAfterMs: 60_000 });
  expect(device.waitingMs).toBeGreaterThanOrEqual(60_000);
  device.wait(5_000);
  expect(device.step({ type: 'hinted' })).toEqual([]);
});

test.each(['revoked', 'upgrade-required'] as const)('%s stops for good and shows', (reason) => {
  const device = live();
  device.reject({ type: 'fenced', reason });
  expect(device.state).toMatchObject({ phase: { kind: 'stopped', code: reason }, problem: { code: reason } });
  expect(device.step({ type: 'hinted' })).toEqual([]);
  expect(sessionDeadline(device.state, false)).toBeUndefined();
});

test('a hint cuts a wait short, but not more than once a second', () => {
  const device = live();
  device.close(LOST);
  device.wait(1_000);
  expect(device.step({ type: 'hinted' })).toEqual([{ type: 'askToken', connection: 2 }]);
  device.step({ type: 'tokenFailed', connection: 2, problem: UNREACHED });
  expect(device.step({ type: 'hinted' })).toEqual([]);
});

test('an HTTP hello that named an old session is repeated once with the one in force', () => {
  const device = inPhase('greeting', false);
  const frame = { type: 'fenced', reason: 'newer-connection', session: session(9) } as const;
  expect(device.reject(frame)).toEqual([
    { type: 'sendHello', connection: 1, lastSession: undefined, takesOver: session(9) },
  ]);
  device.reject(frame);
  expect(device.state.phase.kind).toBe('waiting');
  // What it only heard of is not its own: by that the gateway tells copies of a device apart.
  expect(device.state.lastSession).toBeUndefined();
});

test('a copy of a device is told so: it ends the session and asks for another id', () => {
  const device = inPhase('greeting', true);
  expect(device.reject({ type: 'fenced', reason: 'cloned' })).toEqual([
    { type: 'disconnect', connection: 1 },
    { type: 'renewDevice' },
  ]);
  expect(device.state).toMatchObject({ phase: { kind: 'idle' }, lastSession: undefined });
});

test('a later session that another tab has written down is the one to name', () => {
  const device = inPhase('greeting', true);
  device.reject({ type: 'fenced', reason: 'newer-connection' });
  device.step({ type: 'sessionRead', session: session(9) });
  device.step({ type: 'sessionRead', session: session(4) });
  expect(device.state.lastSession).toEqual(session(9));
});

describe('where sockets do not get through', () => {
  test('HTTP is tried after two failures, and kept while it works', () => {
    const device = new Device();
    device.step({ type: 'wanted', lastSession: undefined });
    expect([device.tryOnce(), device.tryOnce()]).toEqual(['socket', 'socket']);
    device.step({ type: 'tokenGiven', connection: 3, token: T });
    device.step({ type: 'opened', connection: 3 });
    device.welcome();
    expect(device.state.via).toBe('http');
    device.close(LOST);
    device.wakeUp();
    expect(device.state.via).toBe('http');
  });

  test('attempts take turns while neither works', () => {
    const device = new Device();
    device.step({ type: 'wanted', lastSession: undefined });
    const tried = Array.from({ length: 6 }, () => device.tryOnce());
    expect(tried).toEqual(['socket', 'socket', 'http', 'socket', 'http', 'socket']);
  });

  test('a socket that is welcomed and then carries nothing counts as one that does not get through', () => {
    const device = live();
    for (const connection of [1, 2]) {
      device.step({ type: 'closed', connection, reason: LOST, fruitless: true });
      device.wakeUp();
      device.step({ type: 'tokenGiven', connection: connection + 1, token: T });
      device.step({ type: 'opened', connection: connection + 1 });
      device.welcome();
    }
    expect(device.state.via).toBe('http');
  });

  test('an answer shows that the socket works', () => {
    const device = live();
    device.step({ type: 'closed', connection: 1, reason: LOST, fruitless: true });
    device.wakeUp();
    device.step({ type: 'tokenGiven', connection: 2, token: T });
    device.step({ type: 'opened', connection: 2 });
    device.welcome();
    device.step({ type: 'answered' });
    device.step({ type: 'closed', connection: 2, reason: LOST, fruitless: true });
    expect(device.state.via).toBe('socket');
  });

  test('a live HTTP session tries the socket again after a while, when nothing is in flight', () => {
    const device = overHttp();
    expect(sessionDeadline(device.state, true)).toBeUndefined();
    device.wait((sessionDeadline(device.state, false) ?? 0) - device.nowMs);
    device.step({ type: 'deadlineReached', occupied: false });
    expect(device.state).toMatchObject({ via: 'socket', phase: { kind: 'asking' } });
  });

  test('a rejected token says nothing about sockets', () => {
    const device = new Device();
    device.step({ type: 'wanted', lastSession: undefined });
    for (let attempt = 1; attempt <= 4; attempt++) {
      device.step({ type: 'tokenGiven', connection: device.state.connection, token: T });
      device.step({
        type: 'closed',
        connection: device.state.connection,
        reason: { code: 'unauthorized', detail: '' },
        fruitless: false,
      });
      device.wakeUp();
    }
    expect(device.state.via).toBe('socket');
  });

  test('an app that wants HTTP only never gets a socket', () => {
    const device = new Device(false);
    device.step({ type: 'wanted', lastSession: undefined });
    expect(Array.from({ length: 4 }, () => device.tryOnce())).toEqual(['http', 'http', 'http', 'http']);
  });
});

test('news of an earlier connection is passed over', () => {
  const device = live();
  device.close(LOST);
  device.wakeUp();
  const before = device.state;
  device.step({ type: 'closed', connection: 1, reason: LOST, fruitless: false });
  device.step({ type: 'opened', connection: 1 });
  expect(device.state).toBe(before);
});

test('a session that is no longer wanted ends its connection', () => {
  const device = live();
  expect(device.step({ type: 'unwanted' })).toEqual([{ type: 'disconnect', connection: 1 }]);
  expect(device.state.phase.kind).toBe('idle');
});

class Device {
  state: SessionState;
  nowMs = 0;

  constructor(socketAllowed = true) {
    this.state = createSession(socketAllowed);
  }

  get waitingMs(): number {
    return this.state.phase.kind === 'waiting' ? this.state.phase.until - this.nowMs : Number.NaN;
  }

  step(event: SessionEvent, jitter = 0.5): readonly SessionEffect[] {
    const step = stepSession(this.state, event, { now: instant(this.nowMs), wallMs: 0, jitter });
    this.state = step.state;
    return step.effects;
  }

  wait(milliseconds: number): void {
    this.nowMs += milliseconds;
  }

  /** Passes the time to the next deadline. */
  wakeUp(): readonly SessionEffect[] {
    this.wait(Math.max(0, (sessionDeadline(this.state, true) ?? 0) - this.nowMs));
    return this.step({ type: 'deadlineReached', occupied: true });
  }

  /** One attempt that is lost before it opens; returns the way it went. */
  tryOnce(): string {
    const { connection, via } = this.state;
    this.step({ type: 'tokenGiven', connection, token: T });
    this.step({ type: 'closed', connection, reason: LOST, fruitless: false });
    this.wakeUp();
    return via;
  }

  close(reason: CloseReason, jitter = 0.5): readonly SessionEffect[] {
    return this.step({ type: 'closed', connection: this.state.connection, reason, fruitless: false }, jitter);
  }

  reject(frame: Extract<SessionEvent, { type: 'rejected' }>['frame']): readonly SessionEffect[] {
    return this.step({ type: 'rejected', connection: this.state.connection, frame });
  }

  welcome(): void {
    const { connection } = this.state;
    const welcome = {
      type: 'welcome',
      version: 1,
      session: session(5),
      generation: '00000000-0000-4000-8000-000000000000',
      limits: { frameBytes: 1, bodyBytes: 1, runMessages: 1, windowMessages: 1, windowBytes: 1 },
      streams: [],
      serverTimeMs: 0,
    } as unknown as Extract<SessionEvent, { type: 'welcomed' }>['welcome'];
    this.step({ type: 'welcomed', connection, welcome });
  }
}

function session(number: number): Session {
  return { number, nonce: '0011223344556677' as SessionNonce };
}

function inPhase(kind: SessionPhase['kind'], socketAllowed = true): Device {
  const device = new Device(socketAllowed);
  device.step({ type: 'wanted', lastSession: undefined });
  if (kind === 'asking') return device;
  device.step({ type: 'tokenGiven', connection: 1, token: T });
  if (kind === 'connecting') return device;
  device.step({ type: 'opened', connection: 1 });
  return device;
}

function live(): Device {
  const device = inPhase('greeting');
  device.welcome();
  return device;
}

function overHttp(): Device {
  const device = new Device();
  device.step({ type: 'wanted', lastSession: undefined });
  device.tryOnce();
  device.tryOnce();
  device.step({ type: 'tokenGiven', connection: 3, token: T });
  device.step({ type: 'opened', connection: 3 });
  device.welcome();
  return device;
}
