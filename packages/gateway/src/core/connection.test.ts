import { type DownFrame, LIMITS, type UpFrame } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { deviceId, epochId, hello, principal, push, run, runOf, session } from '../testing/sample-frames.ts';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  HELLO_WITHIN_MS,
  nextConnectionDeadline,
  openConnection,
  stepConnection,
  TOKEN_GRACE_MS,
} from './connection.ts';
import type { HelloResult } from './hello.ts';

const NO_MESSAGES = { messages: 1, bytes: 10 };

describe('greeting', () => {
  test('a hello is decided on, and its welcome makes the connection live', () => {
    const machine = new Driver();
    machine.receive(hello());
    expect(machine.effects).toMatchObject([
      { type: 'decide-hello', hello: { device: deviceId(1) }, principal: { subject: 'rep' } },
    ]);
    machine.feed({ type: 'hello-decided', hello: hello(), result: welcomed() });
    expect(machine.sent()).toMatchObject([{ type: 'welcome', session: session(2) }]);
    expect(machine.state).toMatchObject({ phase: 'live', device: deviceId(1), session: session(2) });
  });

  test('a refused hello ends the connection behind its answer', () => {
    const machine = new Driver();
    machine.receive(hello());
    machine.clear();
    machine.feed({
      type: 'hello-decided',
      hello: hello(),
      result: { reply: { type: 'fenced', reason: 'revoked' } },
    });
    expect(machine.effects).toEqual([
      { type: 'send', frame: { type: 'fenced', reason: 'revoked' } },
      { type: 'disconnect' },
    ]);
    expect(machine.state.phase).toBe('closed');
  });

  test('a connection without a hello is closed in time', () => {
    const machine = new Driver();
    expect(machine.deadline()).toEqual({ at: HELLO_WITHIN_MS, reason: 'hello-missing' });
    machine.wait(HELLO_WITHIN_MS - 1);
    expect(machine.state.phase).toBe('awaiting-hello');
    machine.wait(1);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unexpected-frame' }]);
    expect(machine.state.phase).toBe('closed');
  });

  test.each<[string, UpFrame]>([
    ['a push', push([runOf(1, 1)])],
    ['a close-epochs', { type: 'close-epochs', session: session(1), epochs: [epochId(1)] }],
  ])('%s before the welcome ends the connection', (_, frame) => {
    for (const before of [[], [hello()]]) {
      const machine = new Driver();
      for (const earlier of before) machine.receive(earlier);
      machine.receive(frame);
      expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unexpected-frame' }]);
      expect(machine.state.phase).toBe('closed');
    }
  });

  test('a second hello ends the connection', () => {
    const machine = Driver.live();
    machine.receive(hello());
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unexpected-frame' }]);
    expect(machine.state.phase).toBe('closed');
  });
});

describe('pushes', () => {
  test('a push is decided on with the attempts seen before it', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 2, { attempt: 1 })]));
    machine.receive(push([runOf(1, 2, { attempt: 2 })]));
    const attempts = machine.effects.map((effect) =>
      effect.type === 'decide-push' ? [...effect.attempts.values()] : undefined,
    );
    expect(attempts).toEqual([[], [1]]);
    machine.receive(push([runOf(1, 2, { attempt: 0 })]));
    expect([...machine.state.attempts.values()]).toEqual([2]);
  });

  test('several are under way at once, and each answer goes out as it comes', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 2)]), 100);
    machine.receive(push([runOf(3, 5)]), 150);
    expect(machine.state.underWay).toEqual({ frames: 2, messages: 5, bytes: 250 });
    machine.feed({ type: 'push-decided', cost: { messages: 2, bytes: 100 }, result: acked() });
    expect(machine.sent()).toEqual([{ type: 'ack', streams: [] }]);
    expect(machine.state.underWay).toEqual({ frames: 1, messages: 3, bytes: 150 });
  });

  test('a fenced push ends the connection behind its answer', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 2)]), 10);
    machine.clear();
    const reply = { type: 'fenced', reason: 'newer-connection', session: session(3) } as const;
    machine.feed({ type: 'push-decided', cost: { messages: 2, bytes: 10 }, result: { reply } });
    expect(machine.effects).toEqual([{ type: 'send', frame: reply }, { type: 'disconnect' }]);
  });

  test('one that is not packed as the protocol says ends the connection', () => {
    const machine = Driver.live();
    machine.receive(push([run([], { messages: new Uint8Array([1]) })]));
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'malformed-frame' }]);
    expect(machine.state.phase).toBe('closed');
  });

  test('more than twice the window is turned away, more than four times ends the connection', () => {
    const machine = Driver.live();
    const full = push([runOf(1, 1)]);
    machine.receive(full, 2 * LIMITS.windowBytes);
    machine.clear();
    machine.receive(full, 1);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'busy', retryAfterMs: 1000 }]);
    expect(machine.state).toMatchObject({ phase: 'live', underWay: { frames: 1 } });
    machine.receive(full, 3 * LIMITS.windowBytes);
    expect(machine.state.phase).toBe('closed');
  });

  test('one that comes while the gateway is full is turned away and not taken', () => {
    const machine = Driver.live();
    machine.feed({ type: 'frame-received', frame: push([runOf(1, 1)]), bytes: 1, isOverloaded: true });
    expect(machine.effects).toMatchObject([
      { type: 'send', frame: { type: 'error', code: 'busy', retryAfterMs: 1000 } },
    ]);
    expect(machine.state).toMatchObject({ phase: 'live', underWay: { frames: 0 } });
  });

  test('a flood of frames without messages is a flood too', () => {
    const machine = Driver.live();
    const close: UpFrame = { type: 'close-epochs', session: session(2), epochs: [epochId(1)] };
    for (let index = 0; index < 2 * LIMITS.windowFrames; index++) machine.receive(close, 0);
    expect(machine.sent()).toEqual([]);
    machine.receive(close, 0);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'busy', retryAfterMs: 1000 }]);
    expect(machine.state).toMatchObject({ phase: 'live', underWay: { frames: 2 * LIMITS.windowFrames } });
  });

  test('a device that goes on although it is told to wait is disconnected', () => {
    const machine = Driver.live();
    const close: UpFrame = { type: 'close-epochs', session: session(2), epochs: [epochId(1)] };
    for (let index = 0; index < 4 * LIMITS.windowFrames; index++) machine.receive(close, 0);
    expect(machine.state.phase).toBe('live');
    machine.receive(close, 0);
    expect(machine.state.phase).toBe('closed');
    expect(machine.sent().at(-1)).toMatchObject({ type: 'error', code: 'busy' });
  });

  test('streams of one connection are bounded', () => {
    const machine = Driver.live();
    for (let index = 0; index < 17; index++) {
      const runs = Array.from({ length: 256 }, (_, at) => run([], { epoch: epochId(index * 256 + at) }));
      machine.receive(push(runs), 0);
      machine.feed({ type: 'push-decided', cost: { messages: 0, bytes: 0 }, result: acked() });
    }
    expect(machine.state.phase).toBe('closed');
    expect(machine.sent().at(-1)).toMatchObject({ type: 'error', code: 'busy' });
  });
});

describe('tokens', () => {
  test('what comes behind a newer token waits until that is checked, and is taken under it', () => {
    const machine = Driver.live();
    machine.wait(3_600_000);
    machine.clear();
    machine.receive({ type: 'token', token: 'newer' }, 0);
    machine.receive(push([runOf(1, 1)]), 10);
    machine.receive(push([runOf(2, 2)]), 10);
    expect(machine.effects.map(({ type }) => type)).toEqual(['check-token']);
    const newer = principal({ expiresAt: 9_000_000 });
    machine.feed({ type: 'token-checked', principal: newer });
    expect(machine.effects).toMatchObject([
      { type: 'check-token' },
      { type: 'decide-push', principal: newer },
      { type: 'decide-push', principal: newer },
    ]);
  });

  test('what comes behind a bad one is not taken, and no more of it waits than is allowed', () => {
    const machine = Driver.live();
    machine.now = 3_600_000;
    machine.receive({ type: 'token', token: 'bad' }, 0);
    machine.receive(push([runOf(1, 1)]), 10);
    machine.feed({ type: 'token-checked', principal: undefined });
    expect(machine.sent()).toMatchObject([
      { type: 'error', code: 'unauthorized' },
      { type: 'error', code: 'unauthorized' },
    ]);
    machine.receive({ type: 'token', token: 'bad' }, 0);
    for (let index = 0; index <= 2 * LIMITS.windowFrames; index++) machine.receive(push([runOf(1, 1)]), 1);
    expect(machine.state.phase).toBe('closed');
  });

  test('at its end the device hears it, and has a while to send a newer one', () => {
    const machine = Driver.live();
    expect(machine.deadline()).toEqual({ at: 3_600_000, reason: 'token-expired' });
    machine.wait(3_600_000);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unauthorized' }]);
    expect(machine.deadline()).toEqual({ at: 3_600_000 + TOKEN_GRACE_MS, reason: 'token-missing' });
    machine.wait(TOKEN_GRACE_MS);
    expect(machine.state.phase).toBe('closed');
  });

  test('nothing is taken under an expired token, also before the timer fires', () => {
    const machine = Driver.live();
    machine.now = 3_600_000;
    machine.receive(push([runOf(1, 1)]));
    expect(machine.effects.map(({ type }) => type)).toEqual(['send']);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unauthorized' }]);
    expect(machine.state.phase).toBe('live');
  });

  test('a newer one of the same subject goes on, with its own permissions', () => {
    const machine = Driver.live();
    machine.wait(3_600_000);
    machine.receive({ type: 'token', token: 'newer' });
    expect(machine.effects.at(-1)).toEqual({ type: 'check-token', token: 'newer' });
    const newer = principal({ expiresAt: 9_000_000, grants: { send: ['orders'], receive: [], manage: [] } });
    machine.feed({ type: 'token-checked', principal: newer });
    expect(machine.deadline()).toEqual({ at: 9_000_000, reason: 'token-expired' });
    machine.receive(push([runOf(1, 1)]));
    expect(machine.effects.at(-1)).toMatchObject({ type: 'decide-push', principal: newer });
  });

  test.each([
    ['an invalid one', undefined],
    ['one of another subject', principal({ subject: 'other', expiresAt: 9_000_000 })],
    ['one that has ended', principal({ expiresAt: 0 })],
  ])('%s is refused and takes nothing away', (_, checked) => {
    const machine = Driver.live();
    machine.receive({ type: 'token', token: 'x' });
    machine.feed({ type: 'token-checked', principal: checked });
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'unauthorized' }]);
    expect(machine.state).toMatchObject({
      phase: 'live',
      principal: { subject: 'rep', expiresAt: 3_600_000 },
    });
  });

  test('only one is checked at a time', () => {
    const machine = Driver.live();
    machine.receive({ type: 'token', token: 'a' });
    machine.receive({ type: 'token', token: 'b' });
    expect(machine.effects.map(({ type }) => type)).toEqual(['check-token', 'send']);
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'busy' }]);
  });
});

describe('endings', () => {
  test('a newer session of the device is told, an older one is not heard', () => {
    const machine = Driver.live();
    machine.feed({ type: 'superseded', session: session(1) });
    expect(machine.state.phase).toBe('live');
    machine.feed({ type: 'superseded', session: session(3) });
    expect(machine.sent()).toEqual([{ type: 'fenced', reason: 'newer-connection', session: session(3) }]);
    expect(machine.state.phase).toBe('closed');
  });

  test('a revoked device is told, whatever phase it is in', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 1)]), 10);
    machine.clear();
    machine.feed({ type: 'revoked' });
    expect(machine.sent()).toEqual([{ type: 'fenced', reason: 'revoked' }]);
    expect(machine.state.phase).toBe('closed');
  });

  test('a stop answers what was taken, takes nothing more, and closes', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 1)]), 10);
    machine.feed({ type: 'stop-requested' });
    expect(machine.state.phase).toBe('draining');
    machine.clear();
    machine.receive(push([runOf(2, 2)]), 10);
    expect(machine.effects).toEqual([]);
    machine.feed({ type: 'push-decided', cost: NO_MESSAGES, result: acked() });
    expect(machine.sent()).toMatchObject([
      { type: 'ack' },
      { type: 'error', code: 'shutting-down', retryAfterMs: 1000 },
    ]);
    expect(machine.state.phase).toBe('closed');
  });

  test('a stop closes an idle connection at once', () => {
    const machine = Driver.live();
    machine.feed({ type: 'stop-requested' });
    expect(machine.state.phase).toBe('closed');
  });

  test('a failed store ends the connection without an acknowledgement', () => {
    const machine = Driver.live();
    machine.receive(push([runOf(1, 1)]));
    machine.feed({ type: 'store-failed', code: 'store-failed' });
    expect(machine.sent()).toMatchObject([{ type: 'error', code: 'store-failed' }]);
    expect(machine.state.phase).toBe('closed');
  });

  test('what is no frame ends the connection', () => {
    const machine = Driver.live();
    machine.feed({ type: 'frame-unreadable', detail: 'x'.repeat(5000) });
    const [frame] = machine.sent();
    expect(frame).toMatchObject({ type: 'error', code: 'malformed-frame' });
    expect(frame?.type === 'error' && frame.detail.length).toBe(LIMITS.detailCharacters);
  });

  test('after the end no event has an effect any more', () => {
    const machine = Driver.live();
    machine.feed({ type: 'disconnected' });
    machine.clear();
    const events: ConnectionEvent[] = [
      { type: 'frame-received', frame: push([runOf(1, 1)]), bytes: 1 },
      { type: 'frame-unreadable', detail: '' },
      { type: 'hello-decided', hello: hello(), result: welcomed() },
      { type: 'push-decided', cost: NO_MESSAGES, result: acked() },
      { type: 'close-decided', cost: NO_MESSAGES, result: undefined },
      { type: 'token-checked', principal: principal() },
      { type: 'store-failed', code: 'internal' },
      { type: 'superseded', session: session(9) },
      { type: 'revoked' },
      { type: 'deadline-reached' },
      { type: 'stop-requested' },
      { type: 'disconnected' },
    ];
    for (const event of events) machine.feed(event);
    expect(machine.effects).toEqual([]);
    expect(machine.state.phase).toBe('closed');
    expect(machine.deadline()).toBeUndefined();
  });
});

/** Feeds a connection and keeps what it wants done. */
class Driver {
  state: ConnectionState = openConnection(principal(), 0);
  now = 0;
  effects: ConnectionEffect[] = [];

  /** One behind its welcome, with nothing to look at yet. */
  static live(): Driver {
    const machine = new Driver();
    machine.receive(hello());
    machine.feed({ type: 'hello-decided', hello: hello(), result: welcomed() });
    machine.clear();
    return machine;
  }

  feed(event: ConnectionEvent): void {
    const step = stepConnection(this.state, event, this.now);
    this.state = step.state;
    this.effects.push(...step.effects);
  }

  receive(frame: UpFrame, bytes = 1): void {
    this.feed({ type: 'frame-received', frame, bytes });
  }

  /** Lets time pass and the timer fire. */
  wait(milliseconds: number): void {
    this.now += milliseconds;
    this.feed({ type: 'deadline-reached' });
  }

  deadline(): ReturnType<typeof nextConnectionDeadline> {
    return nextConnectionDeadline(this.state);
  }

  sent(): DownFrame[] {
    return this.effects.filter((effect) => effect.type === 'send').map(({ frame }) => frame);
  }

  clear(): void {
    this.effects = [];
  }
}

function welcomed(): HelloResult {
  return {
    reply: {
      type: 'welcome',
      version: 1,
      session: session(2),
      generation: deviceId(9) as never,
      limits: { frameBytes: 1, bodyBytes: 1, runMessages: 1, windowMessages: 1, windowBytes: 1 },
      streams: [],
      serverTimeMs: 0,
    },
    wentBack: { session: false, streams: [] },
    isGenerationNew: false,
  };
}

function acked(): Extract<ConnectionEvent, { type: 'push-decided' }>['result'] {
  const counts = { accepted: 0, duplicates: 0, refused: 0, skipped: 0, filled: 0, passedOver: 0 };
  return { reply: { type: 'ack', streams: [] }, counts, arrivals: new Set(), lost: [], ruleProblems: [] };
}
