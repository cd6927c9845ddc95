import type { Fates, MessageId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { deviceId, generationId, hello, principal, session } from '../testing/sample-frames.ts';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  openConnection,
  stepConnection,
} from './connection.ts';

// One frame of fates is under way at most, and none that was noticed is forgotten.

const ID = '01890000-0000-7000-8000-000000000001' as MessageId;
const COST = { messages: 0, bytes: 0 };

test('behind the welcome the store is asked, because what came since the hello was noticed by nobody', () => {
  const line = new Line();
  expect(line.effects.map(({ type }) => type)).toEqual(['send', 'decide-fates']);
});

test('while the device has fates to confirm nothing more is asked for; its confirm asks for what follows', () => {
  const line = new Line(fates(1));
  expect(line.take().map(({ type }) => type)).toEqual(['send', 'send']);
  line.feed({ type: 'fates-noticed' });
  expect(line.take()).toEqual([]);
  line.confirm(1);
  expect(line.take()).toMatchObject([
    { type: 'decide-fates', request: { heard: { number: 1 }, session: session(2) } },
  ]);
  line.feed({ type: 'fates-decided', cost: { messages: 0, bytes: 1 }, result: fates(2) });
  expect(line.take()).toMatchObject([{ type: 'send', frame: { type: 'fates' } }]);
});

test('what is noticed while the store is being asked is asked for again', () => {
  const line = new Line();
  line.take();
  line.feed({ type: 'fates-noticed' });
  expect(line.take()).toEqual([]);
  line.feed({ type: 'fates-decided', cost: COST, result: undefined });
  expect(line.take()).toMatchObject([{ type: 'decide-fates' }]);
  line.feed({ type: 'fates-decided', cost: COST, result: undefined });
  expect(line.take()).toEqual([]);
  line.feed({ type: 'fates-noticed' });
  expect(line.take()).toMatchObject([{ type: 'decide-fates' }]);
});

test('a session that is over ends the connection', () => {
  const line = new Line();
  line.take();
  line.feed({ type: 'fates-decided', cost: COST, result: { type: 'fenced', reason: 'newer-connection' } });
  expect(line.take().map(({ type }) => type)).toEqual(['send', 'disconnect']);
});

test('a gateway that stops tells what it had begun to tell, and asks for nothing more', () => {
  const line = new Line();
  line.take();
  line.feed({ type: 'stop-requested' });
  line.feed({ type: 'fates-noticed' });
  expect(line.take()).toEqual([]);
  line.feed({ type: 'fates-decided', cost: COST, result: fates(1) });
  expect(line.take()).toMatchObject([
    { type: 'send', frame: { type: 'fates' } },
    { type: 'send', frame: { code: 'shutting-down' } },
    { type: 'disconnect' },
  ]);
});

test('a device that confirms without end is turned away', () => {
  const line = new Line();
  for (let frames = 0; frames < 2000 && line.state.phase !== 'closed'; frames++) line.confirm(1);
  expect(line.state.phase).toBe('closed');
});

/** A live connection of a device that wants to hear. */
class Line {
  state: ConnectionState = openConnection(principal(), 0);
  effects: ConnectionEffect[] = [];

  constructor(told?: Fates) {
    const greeting = hello({ fates: {} });
    this.feed({ type: 'frame-received', frame: greeting, bytes: 1 });
    this.take();
    this.feed({
      type: 'hello-decided',
      hello: greeting,
      result: {
        reply: {
          type: 'welcome',
          version: 1,
          session: session(2),
          generation: generationId(1),
          limits: { frameBytes: 1, bodyBytes: 1, runMessages: 1, windowMessages: 1, windowBytes: 1 },
          streams: [],
          serverTimeMs: 0,
        },
        wentBack: { session: false, streams: [] },
        isGenerationNew: false,
        ...(told === undefined ? {} : { fates: told }),
      },
    });
  }

  feed(event: ConnectionEvent): void {
    const step = stepConnection(this.state, event, 0);
    this.state = step.state;
    this.effects.push(...step.effects);
  }

  confirm(number: number): void {
    const frame = {
      type: 'confirm',
      session: session(2),
      device: deviceId(1),
      fates: { number, id: ID },
    } as const;
    this.feed({ type: 'frame-received', frame, bytes: 1 });
  }

  take(): ConnectionEffect[] {
    return this.effects.splice(0);
  }
}

function fates(number: number): Fates {
  return { type: 'fates', fates: [{ number, id: ID, code: 'received', ageMs: 0 }] };
}
