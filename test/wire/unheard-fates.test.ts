import { encodeDown, encodeUp, LIMITS, type Push, type StreamState } from '@fieldpost/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { makeQueue, mintToken, openTarget, type Target } from './target.ts';
import { expectFrame, message, newEpoch, NO_MESSAGE, WireDevice } from './wire-device.ts';
import { LINK_KINDS, openLink, openSocket, type WireLink } from './wire-link.ts';
import { within } from './within.ts';

// Devices that were refused a lot and have heard of none of it: what they ask for is work for the gateway, and small to ask.

let target: Target;
let token: string;
let bystander: Bystander;
beforeAll(async () => {
  target = await openTarget();
  token = await mintToken(target);
  bystander = await Bystander.open(target);
});
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

const REFUSED = 4 * LIMITS.runMessages;
/** A refusal takes some 55 bytes: number, id, code, and their names. */
const ANSWER_BYTES_MAX = 64 * LIMITS.fatesTold + 1024;
/** On a busy machine: without the limits it was minutes. */
const HELD_UP_MS_MAX = 5_000;

describe.each(LINK_KINDS)('over %s', (kind) => {
  test('many refusals are told in answers of bounded size, in as many as it takes', async () => {
    const link = await openLink(kind, target, token);
    const device = await refusedDevice(link);
    const heard: number[] = [];
    let acknowledged = 0;
    for (let answers = 0; acknowledged < REFUSED && answers < 2 * (REFUSED / LIMITS.fatesTold); answers++) {
      const state = await ask(link, device, acknowledged);
      expect(state.since).toBe(acknowledged);
      expect(state.accepted).toBeGreaterThan(acknowledged);
      expect(state.taken).toBe(state.accepted === REFUSED ? undefined : REFUSED);
      heard.push(...(state.refusals ?? []).map(({ number }) => number));
      acknowledged = state.accepted;
    }
    expect(heard).toEqual(Array.from({ length: REFUSED }, (_, index) => index + 1));
    link.close();
  });

  test('messages behind them are accepted all the same, before the device has heard of any', async () => {
    const link = await openLink(kind, target, token);
    const device = await refusedDevice(link);
    const state = await device.pushRun(link, { first: REFUSED + 1, entries: [message('good')] });
    expect(state).toMatchObject({ accepted: LIMITS.fatesTold, taken: REFUSED + 1 });
    link.close();
    const again = await openLink(kind, target, token);
    const acknowledged = REFUSED - 1;
    const { streams } = await device.hello(again, { streams: [{ ...streamOf(device), acknowledged }] });
    expect(streams).toMatchObject([{ accepted: REFUSED + 1, refusals: [{ number: REFUSED }] }]);
    again.close();
  });

  test('streams of one answer share what it tells, and each hears something', async () => {
    const link = await openLink(kind, target, token);
    const device = new WireDevice(await makeQueue(target));
    await device.hello(link);
    const epochs = Array.from({ length: 8 }, newEpoch);
    const entries = Array.from({ length: 1000 }, () => NO_MESSAGE);
    const states = await device.push(link, ...epochs.map((epoch) => ({ epoch, entries })));
    expect(fatesOf(states)).toBeLessThanOrEqual(LIMITS.fatesTold);
    expect(Math.min(...states.map(({ accepted }) => accepted))).toBe(LIMITS.fatesTold / 8);
    expect(new Set(states.map(({ taken }) => taken))).toEqual(new Set([1000]));
    link.close();
  });
});

test('over HTTP, pushes of one request share what its answer tells', async () => {
  const link = await openLink('HTTP', target, token);
  const device = await refusedDevice(link);
  const questions = Array.from({ length: LIMITS.syncFrames }, () => question(device, 0));
  const answers = await link.exchange(...questions);
  const states = answers.flatMap((answer) => expectFrame(answer, 'ack').streams);
  expect(states).toHaveLength(LIMITS.syncFrames);
  expect(fatesOf(states)).toBeLessThanOrEqual(LIMITS.fatesTold);
});

test(
  'a device that floods the gateway with such questions holds up nobody',
  { timeout: 120_000 },
  async () => {
    const link = await openLink('socket.io', target, token);
    const device = await refusedDevice(link);
    link.close();
    const flood = await openSocket(target, token);
    flood.send(encodeUp(device.helloFrame()));
    device.session = expectFrame(await flood.next(), 'welcome').session;
    const asked = encodeUp(question(device, 0));
    for (let sent = 0; sent < 4 * LIMITS.windowMessages; sent++) flood.send(asked);
    await bystander.deliverOne();
    const begun = performance.now();
    for (let turn = 0; turn < 5; turn++) await bystander.deliverOne();
    expect(performance.now() - begun).toBeLessThan(HELD_UP_MS_MAX);
    await within('the gateway ends the connection', flood.ended);
    const codes: string[] = [];
    for (;;) {
      const answer = await flood.next().catch(() => undefined);
      if (answer === undefined) break;
      if (answer.type === 'error') codes.push(answer.code);
    }
    // It was told to wait, and went on.
    expect(new Set(codes)).toEqual(new Set(['busy']));
  },
);

/** A device whose every message was refused, none of which it has heard of. */
async function refusedDevice(link: WireLink): Promise<WireDevice> {
  const device = new WireDevice(await makeQueue(target));
  await device.hello(link);
  const entries = Array.from({ length: LIMITS.runMessages }, () => NO_MESSAGE);
  for (let first = 1; first <= REFUSED; first += LIMITS.runMessages) {
    expect(bytesOf(await device.pushRun(link, { first, entries }))).toBeLessThan(ANSWER_BYTES_MAX);
  }
  return device;
}

async function ask(link: WireLink, device: WireDevice, acknowledged: number): Promise<StreamState> {
  const [answer] = await link.exchange(question(device, acknowledged));
  const [state] = expectFrame(answer, 'ack').streams;
  if (state === undefined) throw new Error('an ack without the stream of the push');
  expect(bytesOf(state)).toBeLessThan(ANSWER_BYTES_MAX);
  return state;
}

/** An empty run: it only asks how far the stream is. */
function question(device: WireDevice, acknowledged: number): Push {
  return device.pushFrame({ first: acknowledged + 1, acknowledged });
}

function streamOf(device: WireDevice): { epoch: WireDevice['epoch']; queue: string; priority: number } {
  return { epoch: device.epoch, queue: device.queue, priority: 3 };
}

function bytesOf(state: StreamState): number {
  return encodeDown({ type: 'ack', streams: [state] }).length;
}

function fatesOf(states: readonly StreamState[]): number {
  return states.reduce((sum, { refusals, skips }) => sum + (refusals?.length ?? 0) + (skips?.length ?? 0), 0);
}
