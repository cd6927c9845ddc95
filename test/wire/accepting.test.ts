import { type EpochId, LIMITS, type UpFrame } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeQueue, mintToken, openTarget, readQueue, type Target, unusedName } from './target.ts';
import { expectFrame, idOf, message, newEpoch, newMessageId, NO_MESSAGE, WireDevice } from './wire-device.ts';
import { LINK_KINDS, type LinkKind, openLink, type WireLink } from './wire-link.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const open: WireLink[] = [];
afterEach(() => {
  for (const link of open.splice(0)) link.close();
});

async function connect(kind: LinkKind, token?: string): Promise<WireLink> {
  const link = await openLink(kind, target, token ?? (await mintToken(target)));
  open.push(link);
  return link;
}

async function setUp(kind: LinkKind): Promise<{ link: WireLink; device: WireDevice; queue: string }> {
  const queue = await makeQueue(target);
  const device = new WireDevice(queue);
  const link = await connect(kind);
  await device.hello(link);
  return { link, device, queue };
}

const bodies = async (queue: string): Promise<string[]> =>
  (await readQueue(target, queue)).map(({ body }) => body);
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((body) => message(body)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

describe.each(LINK_KINDS)('over %s', (kind) => {
  test('the first contact is welcomed with a session, a generation and limits', async () => {
    const device = new WireDevice(await makeQueue(target));
    const streams = [{ epoch: device.epoch, queue: device.queue, priority: 3, acknowledged: 0 }];
    const welcome = await device.hello(await connect(kind), { streams });
    expect(welcome).toMatchObject({ version: 1, session: { number: 1 } });
    expect(welcome.streams).toEqual([
      { epoch: device.epoch, queue: device.queue, priority: 3, attempt: 0, accepted: 0, since: 0 },
    ]);
    for (const [name, limit] of Object.entries(welcome.limits)) {
      expect(limit, name).toBeLessThanOrEqual(
        name === 'bodyBytes' ? LIMITS.bodyBytesMax : LIMITS[name as 'frameBytes'],
      );
    }
  });

  test('messages arrive in order with their bytes, properties and times', async () => {
    const { link, device, queue } = await setUp(kind);
    const labelled = message('{"größe":"\u{1f69a}"}', { label: 'Größe', contentType: 'text/plain' });
    const state = await device.pushRun(link, { entries: [a, labelled, c], ageMs: 60_000 });
    expect(state).toEqual({
      epoch: device.epoch,
      queue,
      priority: 3,
      attempt: 0,
      accepted: 3,
      acceptedId: idOf(c),
      since: 0,
    });
    const stored = await readQueue(target, queue);
    expect(stored.map(({ body, id, label }) => ({ body, id, label }))).toEqual([
      { body: 'a', id: idOf(a), label: undefined },
      { body: '{"größe":"\u{1f69a}"}', id: idOf(labelled), label: 'Größe' },
      { body: 'c', id: idOf(c), label: undefined },
    ]);
    for (const { sentAt, arrivedAt } of stored)
      expect(Date.parse(arrivedAt) - Date.parse(sentAt)).toBe(60_000);
  });

  test('a repeated push is acknowledged and not stored again, however often and wherever it overlaps', async () => {
    const { link, device, queue } = await setUp(kind);
    for (let round = 0; round < 3; round++) {
      expect(await device.pushRun(link, { entries: [a, b] })).toMatchObject({
        accepted: 2,
        acceptedId: idOf(b),
      });
    }
    expect(await device.pushRun(link, { first: 2, entries: [b, c, d] })).toMatchObject({
      accepted: 4,
      acceptedId: idOf(d),
    });
    expect(await device.pushRun(link, { first: 1, entries: [a] })).toMatchObject({ accepted: 4 });
    expect(await bodies(queue)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('what comes behind a gap is not taken, and the answer says where the stream stands', async () => {
    const { link, device, queue } = await setUp(kind);
    expect(await device.pushRun(link, { first: 2, entries: [b] })).toMatchObject({ accepted: 0 });
    await device.pushRun(link, { entries: [a], attempt: 1 });
    expect(await device.pushRun(link, { first: 4, entries: [d], attempt: 1 })).toMatchObject({
      accepted: 1,
      acceptedId: idOf(a),
    });
    expect(await device.pushRun(link, { first: 2, entries: [b, c, d], attempt: 2 })).toMatchObject({
      accepted: 4,
    });
    expect(await bodies(queue)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('pushes that arrive in another order lose nothing and double nothing', async () => {
    const { link, device, queue } = await setUp(kind);
    const pushes = [
      { first: 3, entries: [c] },
      { first: 1, entries: [a] },
      { first: 2, entries: [b] },
      { first: 1, entries: [a, b] },
    ].map((run) => device.pushFrame(run));
    const answers = await link.exchange(...pushes);
    expect(answers.map((answer) => expectFrame(answer, 'ack').streams[0]?.accepted)).toEqual([0, 1, 2, 2]);
    expect(await device.pushRun(link, { first: 3, entries: [c, d] })).toMatchObject({ accepted: 4 });
    expect(await bodies(queue)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('another message under a taken number changes nothing, and the answer shows whose number it is', async () => {
    const { link, device, queue } = await setUp(kind);
    await device.pushRun(link, { entries: [a] });
    expect(await device.pushRun(link, { entries: [message('other')] })).toMatchObject({
      accepted: 1,
      acceptedId: idOf(a),
    });
    expect(await bodies(queue)).toEqual(['a']);
  });

  test('a refused message takes its number, the rest flows, and the refusal is told until it is heard', async () => {
    const { link, device, queue } = await setUp(kind);
    const unreadable = Buffer.concat([a.subarray(0, 16), Buffer.from('0001c1', 'hex')]);
    const refusal = { number: 2, id: idOf(a), code: 'bad-message' };
    expect(await device.pushRun(link, { entries: [a, unreadable, c] })).toMatchObject({
      accepted: 3,
      refusals: [refusal],
    });
    expect(await device.pushRun(link, { first: 4, entries: [d] })).toMatchObject({
      accepted: 4,
      refusals: [refusal],
    });
    const again = await connect(kind);
    const streams = [{ epoch: device.epoch, queue, priority: 3, acknowledged: 0 }];
    expect((await device.hello(again, { streams })).streams[0]).toMatchObject({
      accepted: 4,
      since: 0,
      refusals: [refusal],
    });
    const heard = await device.pushRun(again, { first: 5, acknowledged: 4, entries: [message('e')] });
    expect(heard).toMatchObject({ accepted: 5, since: 4 });
    expect(heard.refusals).toBeUndefined();
    expect(await bodies(queue)).toEqual(['a', 'c', 'd', 'e']);
  });

  test('a queue that does not exist, a body over the queue’s limit and an entry of no bytes are refused one by one', async () => {
    const queue = await makeQueue(target, { maxBodyBytes: 10 });
    const device = new WireDevice(queue);
    const link = await connect(kind);
    await device.hello(link);
    const fits = message('0123456789');
    const state = await device.pushRun(link, {
      entries: [message('0123456789+'), NO_MESSAGE, fits, Buffer.from('short')],
    });
    expect(state.refusals?.map(({ number, code }) => [number, code])).toEqual([
      [1, 'too-large'],
      [2, 'bad-message'],
      [4, 'bad-message'],
    ]);
    const nowhere = await device.pushRun(link, { queue: unusedName(), entries: [a, b] });
    expect(nowhere.refusals?.map(({ number, id, code }) => [number, id, code])).toEqual([
      [1, idOf(a), 'queue-not-found'],
      [2, idOf(b), 'queue-not-found'],
    ]);
    expect(await bodies(queue)).toEqual(['0123456789']);
  });

  test('a skip takes its number and is told until it is heard', async () => {
    const { link, device, queue } = await setUp(kind);
    const skipped = newMessageId();
    const run = { entries: [a, NO_MESSAGE, c], skips: [{ index: 1, id: skipped, code: 'cancelled' }] };
    const skips = [{ number: 2, id: skipped, code: 'cancelled' }];
    expect(await device.pushRun(link, run)).toMatchObject({ accepted: 3, skips });
    expect(await device.pushRun(link, run)).toMatchObject({ accepted: 3, skips });
    expect((await device.pushRun(link, { ...run, acknowledged: 2 })).skips).toBeUndefined();
    const last = newMessageId();
    const alone = { first: 4, entries: [NO_MESSAGE], skips: [{ index: 0, id: last, code: 'reach-timeout' }] };
    expect(await device.pushRun(link, alone)).toMatchObject({ accepted: 4, acceptedId: last });
    expect(await bodies(queue)).toEqual(['a', 'c']);
  });

  test('streams do not hold each other up: a gap in one, an unknown queue in another, the third goes through', async () => {
    const { link, device, queue } = await setUp(kind);
    const other = newEpoch();
    const states = await device.push(
      link,
      { first: 9, entries: [a] },
      { epoch: other, queue: unusedName(), entries: [b] },
      { priority: 7, entries: [c] },
    );
    const accepted = (epoch: EpochId, priority: number): unknown =>
      states.find((state) => state.epoch === epoch && state.priority === priority)?.accepted;
    expect([accepted(device.epoch, 3), accepted(other, 3), accepted(device.epoch, 7)]).toEqual([0, 1, 1]);
    expect(await bodies(queue)).toEqual(['c']);
  });

  test('a higher priority stands before a lower one, each in its own order', async () => {
    const { link, device, queue } = await setUp(kind);
    await device.push(
      link,
      { entries: [a, b] },
      { priority: 0, entries: [c] },
      { priority: 7, entries: [d] },
    );
    expect(await bodies(queue)).toEqual(['d', 'a', 'b', 'c']);
  });

  test('two runs of one stream in one push follow each other', async () => {
    const { link, device, queue } = await setUp(kind);
    const states = await device.push(link, { entries: [a] }, { first: 2, entries: [b, c] });
    expect(states).toHaveLength(1);
    expect(states[0]).toMatchObject({ accepted: 3 });
    expect(await bodies(queue)).toEqual(['a', 'b', 'c']);
  });

  test('a run waits for its predecessor in another epoch', async () => {
    const { link, device, queue } = await setUp(kind);
    const older = newEpoch();
    const behind = { entries: [c], after: { epoch: older, number: 2 } };
    expect(await device.pushRun(link, behind)).toMatchObject({ accepted: 0 });
    await device.pushRun(link, { epoch: older, entries: [a] });
    expect(await device.pushRun(link, behind)).toMatchObject({ accepted: 0 });
    await device.push(link, { epoch: older, first: 2, entries: [b] }, behind);
    expect(await bodies(queue)).toEqual(['a', 'b', 'c']);
    // Another queue's stream of that epoch is no predecessor.
    const elsewhere = { ...behind, queue: await makeQueue(target), epoch: newEpoch() };
    expect(await device.pushRun(link, elsewhere)).toMatchObject({ accepted: 0 });
  });

  test('a repeat by twenty at once is stored once', async () => {
    const { link, device, queue } = await setUp(kind);
    const push = device.pushFrame({ entries: [a, b, c] });
    const answers = await Promise.all(
      kind === 'HTTP'
        ? Array.from({ length: 20 }, () => link.exchange(push))
        : [link.exchange(...Array.from({ length: 20 }, () => push))],
    );
    for (const answer of answers.flat()) expect(expectFrame(answer, 'ack').streams[0]?.accepted).toBe(3);
    expect(answers.flat()).toHaveLength(20);
    expect(await bodies(queue)).toEqual(['a', 'b', 'c']);
  });

  test('a whole run of the most messages, and one message of the largest body, go through', async () => {
    const { link, device } = await setUp(kind);
    const large = await makeQueue(target, { maxBodyBytes: LIMITS.bodyBytesMax });
    const many = Array.from({ length: LIMITS.runMessages }, (_, index) => message(String(index)));
    expect(await device.pushRun(link, { entries: many })).toMatchObject({ accepted: LIMITS.runMessages });
    const huge = message('x'.repeat(LIMITS.bodyBytesMax));
    expect(await device.pushRun(link, { queue: large, entries: [huge] })).toMatchObject({
      accepted: 1,
      acceptedId: idOf(huge),
    });
    const [stored] = await readQueue(target, large);
    expect(stored?.body.length).toBe(LIMITS.bodyBytesMax);
  });

  test('ages and numbers at their limits do no harm', async () => {
    const { link, device, queue } = await setUp(kind);
    await device.pushRun(link, { entries: [a], ageMs: LIMITS.numberMax, attempt: LIMITS.numberMax });
    expect((await readQueue(target, queue))[0]?.sentAt).toBe('1970-01-01T00:00:00.000Z');
    expect(
      await device.pushRun(link, {
        epoch: newEpoch(),
        first: LIMITS.numberMax - 1,
        entries: [b],
      }),
    ).toMatchObject({ accepted: 0 });
    expect(await bodies(queue)).toEqual(['a']);
  });

  test('a device that was told more than the store holds is told that the store went back', async () => {
    const { link, device, queue } = await setUp(kind);
    await device.pushRun(link, { entries: [a] });
    const ahead = { first: LIMITS.numberMax - 1, acknowledged: LIMITS.numberMax - 2, entries: [b] };
    await expect(device.pushRun(link, ahead)).rejects.toThrow(/"fenced","reason":"went-back"/);
    expect(await bodies(queue)).toEqual(['a']);
  });

  test('a closed epoch goes on with its next number', async () => {
    const { link, device, queue } = await setUp(kind);
    await device.pushRun(link, { entries: [a] });
    if (device.session === undefined) throw new Error('no session');
    const close: UpFrame = {
      type: 'close-epochs',
      session: device.session,
      device: device.device,
      epochs: [device.epoch, newEpoch()],
    };
    // A close-epochs has no answer of its own.
    const [answer] = await link.exchange(close, device.pushFrame({ first: 2, entries: [b] }));
    expect(expectFrame(answer, 'ack').streams[0]).toMatchObject({ accepted: 2 });
    expect(await device.pushRun(link, { first: 3, entries: [c] })).toMatchObject({ accepted: 3 });
    expect(await bodies(queue)).toEqual(['a', 'b', 'c']);
  });
});

describe('attempts', () => {
  test('a run of an older attempt is passed over within its session', async () => {
    const { link, device, queue } = await setUp('socket.io');
    expect(await device.pushRun(link, { entries: [a], attempt: 2 })).toMatchObject({
      attempt: 2,
      accepted: 1,
    });
    expect(await device.pushRun(link, { first: 2, entries: [message('late')], attempt: 1 })).toMatchObject({
      attempt: 2,
      accepted: 1,
    });
    expect(await device.pushRun(link, { first: 2, entries: [b], attempt: 2 })).toMatchObject({ accepted: 2 });
    expect(await bodies(queue)).toEqual(['a', 'b']);
  });

  test('within one HTTP request too', async () => {
    const { link, device, queue } = await setUp('HTTP');
    const pushes = [
      { entries: [a], attempt: 2 },
      { first: 2, entries: [message('late')], attempt: 1 },
      { first: 2, entries: [b], attempt: 2 },
    ];
    const answers = await link.exchange(...pushes.map((run) => device.pushFrame(run)));
    expect(answers.map((answer) => expectFrame(answer, 'ack').streams[0])).toMatchObject([
      { attempt: 2, accepted: 1 },
      { attempt: 2, accepted: 1 },
      { attempt: 2, accepted: 2 },
    ]);
    expect(await bodies(queue)).toEqual(['a', 'b']);
  });
});
