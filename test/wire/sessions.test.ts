import { randomBytes } from 'node:crypto';
import { encodeUp, LIMITS, type Session, type SessionNonce } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  callApi,
  makeQueue,
  mintToken,
  openTarget,
  readQueue,
  type Target,
  unusedSubject,
} from './target.ts';
import { expectFrame, idOf, message, newDeviceId, newEpoch, WireDevice } from './wire-device.ts';
import { LINK_KINDS, type LinkKind, openLink, openSocket, type WireLink } from './wire-link.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const open: { close(): void }[] = [];
afterEach(() => {
  for (const link of open.splice(0)) link.close();
});

async function connect(kind: LinkKind, subject = 'rep'): Promise<WireLink> {
  const link = await openLink(kind, target, await mintToken(target, { subject }));
  open.push(link);
  return link;
}

const bodies = async (queue: string): Promise<string[]> =>
  (await readQueue(target, queue)).map(({ body }) => body);
const [a, b] = [message('a'), message('b')] as const;

describe.each(LINK_KINDS)('over %s', (kind) => {
  test('each hello raises the session, and the older one is fenced with the one in force', async () => {
    const device = new WireDevice(await makeQueue(target));
    const older = await connect(kind);
    const first = await device.hello(older);
    const newer = await connect('HTTP');
    const second = await device.hello(newer);
    expect(second.session.number).toBe(first.session.number + 1);
    expect(second.session.nonce).not.toBe(first.session.nonce);
    const late = { ...device.pushFrame({ entries: [a] }), session: first.session };
    const [answer] = await older.exchange(late);
    expect(answer).toEqual({ type: 'fenced', reason: 'newer-connection', session: second.session });
    expect(await bodies(device.queue)).toEqual([]);
    expect(await device.pushRun(newer, { entries: [a] })).toMatchObject({ accepted: 1 });
  });

  test('a push in a session of the right number and another nonce is fenced', async () => {
    const device = new WireDevice(await makeQueue(target));
    const link = await connect(kind);
    const { session } = await device.hello(link);
    const forged = { number: session.number, nonce: randomBytes(8).toString('hex') as SessionNonce };
    const [answer] = await link.exchange({ ...device.pushFrame({ entries: [a] }), session: forged });
    expect(answer).toEqual({ type: 'fenced', reason: 'newer-connection', session });
    expect(await bodies(device.queue)).toEqual([]);
  });

  test('no version in common asks for an upgrade and opens no session', async () => {
    const device = new WireDevice(await makeQueue(target));
    const [answer] = await (await connect(kind)).exchange(device.helloFrame({ versions: [2, 9] }));
    expect(answer).toEqual({ type: 'fenced', reason: 'upgrade-required' });
    expect((await device.hello(await connect(kind), { versions: [1, 9] })).session.number).toBe(1);
  });

  test('a device belongs to the subject of its first hello', async () => {
    const device = new WireDevice(await makeQueue(target));
    await device.hello(await connect(kind, unusedSubject()));
    const [answer] = await (await connect(kind, unusedSubject())).exchange(device.helloFrame());
    expect(answer).toEqual({ type: 'fenced', reason: 'revoked' });
  });

  test('a revoked device is fenced at hello and push, and goes on where it was when it is reinstated', async () => {
    const device = new WireDevice(await makeQueue(target));
    const link = await connect(kind);
    await device.hello(link);
    await device.pushRun(link, { entries: [a] });
    const path = `/v1/devices/${device.device}`;
    expect((await callApi(target, 'POST', `${path}/revoke`)).status).toBe(200);
    const fenced = { type: 'fenced', reason: 'revoked' };
    const push = device.pushFrame({ first: 2, acknowledged: 1, entries: [b] });
    const [late] = await (await connect('HTTP')).exchange(push);
    expect(late).toEqual(fenced);
    const [answer] = await (await connect(kind)).exchange(device.helloFrame());
    expect(answer).toEqual(fenced);
    expect(await bodies(device.queue)).toEqual(['a']);
    expect((await callApi(target, 'POST', `${path}/reinstate`)).status).toBe(200);
    const again = await connect(kind);
    const streams = [{ epoch: device.epoch, queue: device.queue, priority: 3, acknowledged: 1 }];
    expect(await device.hello(again, { streams })).toMatchObject({ streams: [{ accepted: 1 }] });
    expect(await device.pushRun(again, { first: 2, acknowledged: 1, entries: [b] })).toMatchObject({
      accepted: 2,
    });
    expect(await bodies(device.queue)).toEqual(['a', 'b']);
  });

  test('an epoch belongs to the subject that first pushed in it: others learn nothing and change nothing', async () => {
    const queue = await makeQueue(target);
    const owner = new WireDevice(queue);
    const ownerLink = await connect(kind, unusedSubject());
    await owner.hello(ownerLink);
    await owner.pushRun(ownerLink, { entries: [a] });
    const thief = new WireDevice(queue);
    const thiefLink = await connect(kind, unusedSubject());
    const streams = [{ epoch: owner.epoch, queue, priority: 3, acknowledged: 0 }];
    const stall = expect.objectContaining({ code: 'access-denied' });
    expect((await thief.hello(thiefLink, { streams })).streams).toMatchObject([{ accepted: 0, stall }]);
    const state = await thief.pushRun(thiefLink, { epoch: owner.epoch, first: 2, entries: [b] });
    expect(state).toMatchObject({ accepted: 0, stall });
    expect(state.acceptedId).toBeUndefined();
    expect(await owner.pushRun(ownerLink, { first: 2, entries: [b] })).toMatchObject({ accepted: 2 });
    expect(await bodies(queue)).toEqual(['a', 'b']);
  });

  test('a welcome tells each stream of the hello, known or not', async () => {
    const device = new WireDevice(await makeQueue(target));
    await device.hello(await connect(kind));
    const link = await connect(kind);
    await device.hello(link);
    await device.pushRun(link, { entries: [a, b] });
    const unknown = newEpoch();
    const stream = { queue: device.queue, priority: 3 };
    const { streams } = await device.hello(await connect(kind), {
      streams: [
        { ...stream, epoch: device.epoch, acknowledged: 1 },
        { ...stream, epoch: unknown, acknowledged: 0 },
      ],
    });
    expect(streams).toEqual([
      { ...stream, epoch: device.epoch, attempt: 0, accepted: 2, acceptedId: idOf(b), since: 1 },
      { ...stream, epoch: unknown, attempt: 0, accepted: 0, since: 0 },
    ]);
  });
});

describe('a hello over HTTP is a compare-and-set', () => {
  async function welcomed(): Promise<{ device: WireDevice; link: WireLink; session: Session }> {
    const device = new WireDevice(await makeQueue(target));
    const link = await connect('HTTP');
    return { device, link, session: (await device.hello(link)).session };
  }

  test('without a last session only where the gateway knows none; fenced with the one in force otherwise', async () => {
    const { device, link, session } = await welcomed();
    device.session = undefined;
    const [answer] = await link.exchange(device.helloFrame());
    expect(answer).toEqual({ type: 'fenced', reason: 'newer-connection', session });
    // A device that leads takes it up from there.
    device.session = session;
    expect((await device.hello(link)).session.number).toBe(session.number + 1);
  });

  test('a last session of an older number, another nonce or a later number is fenced', async () => {
    const { device, link } = await welcomed();
    const { session } = await device.hello(link);
    const others: Session[] = [
      { ...session, number: session.number - 1 },
      { ...session, nonce: 'ffffffffffffffff' as SessionNonce },
      { ...session, number: session.number + 1 },
    ];
    for (const lastSession of others) {
      const [answer] = await link.exchange(device.helloFrame({ lastSession }));
      expect(answer).toEqual({ type: 'fenced', reason: 'newer-connection', session });
    }
  });

  test('of twenty at once with the same last session one wins', async () => {
    const { device, link } = await welcomed();
    const answers = await Promise.all(Array.from({ length: 20 }, () => link.exchange(device.helloFrame())));
    const types = answers.flat().map(({ type }) => type);
    expect(types.filter((type) => type === 'welcome')).toHaveLength(1);
    expect(types.filter((type) => type === 'fenced')).toHaveLength(19);
  });

  test('pushes behind a fenced hello are not taken; behind a welcomed one they are of its session', async () => {
    const { device, link } = await welcomed();
    const stale = device.helloFrame({
      lastSession: { number: 99, nonce: '0000000000000000' as SessionNonce },
    });
    expect(await link.exchange(stale, device.pushFrame({ entries: [a] }))).toHaveLength(1);
    expect(await bodies(device.queue)).toEqual([]);
    const [welcome, ack] = await link.exchange(device.helloFrame(), device.pushFrame({ entries: [a] }));
    expectFrame(welcome, 'welcome');
    expect(expectFrame(ack, 'ack').streams[0]).toMatchObject({ accepted: 1 });
    expect(await bodies(device.queue)).toEqual(['a']);
  });

  test('a push of a device that never said hello is fenced without a session', async () => {
    const device = new WireDevice(await makeQueue(target));
    const answers = await (await connect('HTTP')).exchange(device.pushFrame({ entries: [a] }));
    expect(answers).toEqual([{ type: 'fenced', reason: 'newer-connection' }]);
  });

  test('a push of another subject’s device is fenced as revoked', async () => {
    const { device } = await welcomed();
    const answers = await (
      await connect('HTTP', unusedSubject())
    ).exchange(device.pushFrame({ entries: [a] }));
    expect(answers).toEqual([{ type: 'fenced', reason: 'revoked' }]);
  });

  test('a request without a hello names its device, one with a hello no other', async () => {
    const { device, link } = await welcomed();
    const { device: _, ...nameless } = device.pushFrame({ entries: [a] });
    const outOfPlace = expect.objectContaining({ status: 409, code: 'unexpected-frame' });
    await expect(link.exchange(nameless)).rejects.toEqual(outOfPlace);
    const foreign = { ...nameless, device: newDeviceId() };
    await expect(link.exchange(device.helloFrame(), foreign)).rejects.toEqual(outOfPlace);
    await expect(link.exchange(device.pushFrame({ entries: [a] }), device.helloFrame())).rejects.toEqual(
      outOfPlace,
    );
    await expect(link.exchange({ type: 'token', token: 'x' })).rejects.toEqual(outOfPlace);
    // The hello of the refused requests raised nothing.
    expect(await device.pushRun(link, { entries: [b] })).toMatchObject({ accepted: 1 });
    expect(await bodies(device.queue)).toEqual(['b']);
  });
});

describe('over a live connection', () => {
  async function live(device: WireDevice): Promise<Awaited<ReturnType<typeof openSocket>>> {
    const link = await openSocket(target, await mintToken(target));
    open.push(link);
    link.send(encodeUp(device.helloFrame()));
    device.session = expectFrame(await link.next(), 'welcome').session;
    return link;
  }

  test('a newer session of either kind ends the older connection at once', async () => {
    const device = new WireDevice(await makeQueue(target));
    const first = await live(device);
    const second = await live(device);
    expect(await first.next()).toEqual({
      type: 'fenced',
      reason: 'newer-connection',
      session: device.session,
    });
    expect(await first.ended).toBe('io server disconnect');
    await device.hello(await connect('HTTP'));
    expect(await second.next()).toMatchObject({ type: 'fenced', session: device.session });
    expect(await second.ended).toBe('io server disconnect');
  });

  test.each(['push', 'close-epochs'] as const)('a %s before the hello ends the connection', async (type) => {
    const device = new WireDevice(await makeQueue(target));
    const link = await openSocket(target, await mintToken(target));
    open.push(link);
    const { session } = device.pushFrame();
    link.send(
      encodeUp(
        type === 'push' ? device.pushFrame({ entries: [a] }) : { type, session, epochs: [device.epoch] },
      ),
    );
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unexpected-frame' });
    expect(await link.ended).toBe('io server disconnect');
    expect(await bodies(device.queue)).toEqual([]);
  });

  test('a second hello ends the connection, and the session stays with its device', async () => {
    const device = new WireDevice(await makeQueue(target));
    const link = await live(device);
    link.send(encodeUp(device.helloFrame()));
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unexpected-frame' });
    expect(await link.ended).toBe('io server disconnect');
    expect(await device.pushRun(await connect('HTTP'), { entries: [a] })).toMatchObject({ accepted: 1 });
  });

  test('a connection that says no hello is ended', { timeout: 40_000 }, async () => {
    const link = await openSocket(target, await mintToken(target));
    open.push(link);
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unexpected-frame' });
    expect(await link.ended).toBe('io server disconnect');
  });

  test('pushes under way are answered in their order', async () => {
    const device = new WireDevice(await makeQueue(target));
    const link = await live(device);
    const texts = Array.from({ length: LIMITS.windowFrames }, (_, index) => String(index));
    for (const [index, text] of texts.entries()) {
      link.send(encodeUp(device.pushFrame({ first: index + 1, entries: [message(text)] })));
    }
    for (const index of texts.keys()) {
      expect(expectFrame(await link.next(), 'ack').streams[0]?.accepted).toBe(index + 1);
    }
    expect(await bodies(device.queue)).toEqual(texts);
  });
});
