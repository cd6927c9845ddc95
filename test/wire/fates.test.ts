import {
  type DownFrame,
  encodeUp,
  type FateCursor,
  type Fates,
  LIMITS,
  packFrames,
  type UpFrame,
} from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { callApi, makeQueue, mintToken, openTarget, type Target, unusedSubject } from './target.ts';
import { expectFrame, idOf, message, WireDevice } from './wire-device.ts';
import { type FrameLink, openLink, openSocket, postSync, type WireProblem } from './wire-link.ts';

// What became of a message is told to the device that sent it and asked: once it is told, and again until it confirmed it.

let target: Target;
let token: string;
let bystander: Bystander;
beforeAll(async () => {
  target = await openTarget();
  token = await mintToken(target);
  bystander = await Bystander.open(target);
});
afterEach(() => bystander.deliverOne());
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

const asking = (body: string): Uint8Array => message(body, { ack: 'full' });

/** A device with a queue of its own, and what it pushed there. */
async function senderOf(...entries: readonly Uint8Array[]): Promise<WireDevice> {
  const device = new WireDevice(await makeQueue(target));
  const link = await openLink('HTTP', target, token);
  await device.hello(link);
  expect(await device.pushRun(link, { entries })).toMatchObject({ accepted: entries.length });
  return device;
}

async function settleAll(queue: string, how: 'ack' | 'reject', more: object = {}): Promise<void> {
  const answer = await callApi(target, 'POST', `/v1/queues/${queue}/receive`, { max: 200 });
  const { messages } = (await answer.json()) as { messages: { receipt: string }[] };
  const items = messages.map(({ receipt }) => (how === 'ack' ? receipt : { receipt, ...more }));
  expect(items.length).toBeGreaterThan(0);
  expect((await callApi(target, 'POST', `/v1/queues/${queue}/settle`, { [how]: items })).status).toBe(200);
}

async function helloOver(link: FrameLink, device: WireDevice, heard?: FateCursor): Promise<void> {
  link.send(encodeUp(device.helloFrame({ fates: heard === undefined ? {} : { heard } })));
  device.session = expectFrame(await link.next(), 'welcome').session;
}

function confirmOf(device: WireDevice, fates: FateCursor): UpFrame {
  if (device.session === undefined) throw new Error('hello first');
  return { type: 'confirm', session: device.session, device: device.device, fates };
}

async function sync(device: WireDevice, ...frames: readonly UpFrame[]): Promise<DownFrame[]> {
  const answers = await postSync(target, token, packFrames(frames.map((frame) => encodeUp(frame))));
  const welcome = answers.find(({ type }) => type === 'welcome');
  if (welcome !== undefined) device.session = expectFrame(welcome, 'welcome').session;
  return answers;
}

const told = (frame: DownFrame | undefined): (readonly [number, string, string])[] =>
  expectFrame(frame, 'fates').fates.map(({ number, id, code }) => [number, id, code]);

function lastOf({ fates }: Fates): FateCursor {
  const last = fates.at(-1);
  if (last === undefined) throw new Error('no fates');
  return { number: last.number, id: last.id };
}

describe('over a socket', () => {
  test('a connected device hears within a second that its message was acknowledged', async () => {
    const entries = [asking('one'), message('nobody asks'), asking('two')] as const;
    const device = await senderOf(...entries);
    const link = await openSocket(target, token);
    await helloOver(link, device);
    const before = performance.now();
    await settleAll(device.queue, 'ack');
    const frame = await link.next();
    expect(performance.now() - before).toBeLessThan(1000);
    expect(told(frame)).toEqual([
      [1, idOf(entries[0]), 'received'],
      [2, idOf(entries[2]), 'received'],
    ]);
    expect(expectFrame(frame, 'fates')).not.toHaveProperty('restart');
    link.close();
  });

  test('with the welcome come those of the time away; what is not confirmed comes again', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'reject', { reason: 'no such customer' });
    for (let times = 0; times < 2; times++) {
      const link = await openSocket(target, token);
      await helloOver(link, device);
      expect(expectFrame(await link.next(), 'fates').fates).toMatchObject([
        { number: 1, code: 'rejected-by-receiver', reason: 'no such customer' },
      ]);
      link.close();
    }
  });

  test('what is confirmed does not come again, by confirm or by the next hello', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'ack');
    const first = await openSocket(target, token);
    await helloOver(first, device);
    const heard = lastOf(expectFrame(await first.next(), 'fates'));
    first.close();
    const second = await openSocket(target, token);
    await helloOver(second, device, heard);
    const last = asking('two');
    expect(await sendOver(second, device, 2, last)).toMatchObject({ type: 'ack' });
    await settleAll(device.queue, 'ack');
    const frame = await second.next();
    expect(told(frame)).toEqual([[2, idOf(last), 'received']]);
    second.send(encodeUp(confirmOf(device, lastOf(expectFrame(frame, 'fates')))));
    expect(await sendOver(second, device, 3, asking('three'))).toMatchObject({ type: 'ack' });
    second.close();
    expect((await sync(device, device.helloFrame({ fates: {} }))).map(({ type }) => type)).toEqual([
      'welcome',
    ]);
  });

  test('more than one frame holds come one frame after the other, each when the one before is confirmed', async () => {
    const many = LIMITS.fatesHeard + 50;
    const device = await senderOf(...Array.from({ length: many }, (_, index) => asking(String(index))));
    const deleted = await callApi(target, 'DELETE', `/v1/queues/${device.queue}?messages=delete`);
    expect(deleted.status).toBe(204);
    const link = await openSocket(target, token);
    await helloOver(link, device);
    const numbers: number[] = [];
    for (let frames = 0; numbers.length < many; frames++) {
      expect(frames).toBeLessThan(4);
      const frame = expectFrame(await link.next(), 'fates');
      expect(frame.fates.every(({ code }) => code === 'queue-deleted')).toBe(true);
      numbers.push(...frame.fates.map(({ number }) => number));
      link.send(encodeUp(confirmOf(device, lastOf(frame))));
    }
    expect(numbers).toEqual(Array.from({ length: many }, (_, index) => index + 1));
    link.close();
  });

  test('a cursor of another history makes all of them count again, and confirms none', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'ack');
    const heard: FateCursor = { number: 7, id: idOf(asking('made up')) };
    for (let times = 0; times < 2; times++) {
      const link = await openSocket(target, token);
      await helloOver(link, device, heard);
      expect(await link.next()).toMatchObject({ type: 'fates', restart: true, fates: [{ number: 1 }] });
      link.close();
    }
  });

  test('a device that does not want to hear hears nothing, and may not confirm', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'ack');
    const link = await openSocket(target, token);
    link.send(encodeUp(device.helloFrame()));
    device.session = expectFrame(await link.next(), 'welcome').session;
    expect(await sendOver(link, device, 2, asking('two'))).toMatchObject({ type: 'ack' });
    link.send(encodeUp(confirmOf(device, { number: 1, id: idOf(asking('x')) })));
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unexpected-frame' });
    await link.ended;
  });

  test('a confirm in a session that is over confirms nothing', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'ack');
    await sync(device, device.helloFrame());
    const old = device.session;
    const [, fates] = await sync(device, device.helloFrame({ fates: {} }));
    if (old === undefined) throw new Error('hello first');
    const late = { ...confirmOf(device, lastOf(expectFrame(fates, 'fates'))), session: old };
    expect(await sync(device, late)).toMatchObject([{ type: 'fenced', reason: 'newer-connection' }]);
    const [, again] = await sync(device, device.helloFrame({ fates: {} }));
    expect(again).toEqual({ ...fates, fates: [expect.objectContaining({ number: 1 })] });
  });
});

describe('over HTTP', () => {
  test('the answer to a hello tells them, the answer to a confirm the next ones', async () => {
    const many = LIMITS.fatesHeard + 2;
    const device = await senderOf(...Array.from({ length: many }, (_, index) => asking(String(index))));
    const job = await callApi(target, 'POST', `/v1/queues/${device.queue}/purge`, {});
    expect(job.status).toBe(202);
    const fates = await untilTold(device);
    expect(fates.fates).toHaveLength(LIMITS.fatesHeard);
    expect(fates.fates.every(({ code }) => code === 'purged')).toBe(true);
    const [rest] = await sync(device, confirmOf(device, lastOf(fates)));
    expect(told(rest).map(([number]) => number)).toEqual([many - 1, many]);
    expect(await sync(device, confirmOf(device, lastOf(expectFrame(rest, 'fates'))))).toEqual([]);
  });

  test('behind a hello a confirm stands for its session', async () => {
    const device = await senderOf(asking('one'));
    await settleAll(device.queue, 'ack');
    const [, fates] = await sync(device, device.helloFrame({ fates: {} }));
    const heard = lastOf(expectFrame(fates, 'fates'));
    const answers = await sync(device, device.helloFrame(), confirmOf(device, heard));
    expect(answers.map(({ type }) => type)).toEqual(['welcome']);
    expect((await sync(device, device.helloFrame({ fates: {} }))).map(({ type }) => type)).toEqual([
      'welcome',
    ]);
  });

  test('a confirm that names no device is out of place', async () => {
    const device = await senderOf(asking('one'));
    const { device: _, ...frame } = { ...confirmOf(device, { number: 1, id: idOf(asking('x')) }) } as Extract<
      UpFrame,
      { type: 'confirm' }
    >;
    await expect(sync(device, frame)).rejects.toMatchObject({
      code: 'unexpected-frame',
    } satisfies Partial<WireProblem>);
  });
});

test('each device hears of its own messages only; another subject cannot ask in its name', async () => {
  const one = await senderOf(asking('of one'));
  const other = await senderOf(asking('of the other'));
  await settleAll(one.queue, 'ack');
  expect((await sync(other, other.helloFrame({ fates: {} }))).map(({ type }) => type)).toEqual(['welcome']);
  const stranger = await mintToken(target, { subject: unusedSubject() });
  const [refused] = await postSync(target, stranger, packFrames([encodeUp(one.helloFrame({ fates: {} }))]));
  expect(refused).toMatchObject({ type: 'fenced', reason: 'revoked' });
  const confirm = confirmOf(one, { number: 1, id: idOf(asking('x')) });
  expect(await postSync(target, stranger, packFrames([encodeUp(confirm)]))).toMatchObject([
    { type: 'fenced', reason: 'revoked' },
  ]);
  const [, fates] = await sync(one, one.helloFrame({ fates: {} }));
  expect(told(fates)).toHaveLength(1);
});

async function sendOver(
  link: FrameLink,
  device: WireDevice,
  first: number,
  entry: Uint8Array,
): Promise<DownFrame> {
  link.send(encodeUp(device.pushFrame({ first, entries: [entry] })));
  return link.next();
}

/** A purge goes step by step beside everything else. */
async function untilTold(device: WireDevice): Promise<Fates> {
  for (let asked = 0; asked < 200; asked++) {
    const fates = (await sync(device, device.helloFrame({ fates: {} }))).find(({ type }) => type === 'fates');
    if (fates?.type === 'fates' && fates.fates.length === LIMITS.fatesHeard) return fates;
  }
  throw new Error('it was not told within 200 hellos');
}
