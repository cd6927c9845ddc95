import { type Hello, LIMITS, type SessionNonce, streamKeyText } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { deviceId, epochId, generationId, hello, messageId, session } from '../testing/sample-frames.ts';
import { SampleRows, sampleDevice } from '../testing/sample-rows.ts';
import { decideHello, type HelloContext, type HelloResult, scopeOfHello } from './hello.ts';

const KEY = { epoch: epochId(1), queue: 'orders', priority: 3 };
const NONCE = 'ffffffffffffffff' as SessionNonce;
const GENERATION = generationId(1);
const FRESH = generationId(99);

describe('sessions', () => {
  test('the first hello binds the device to its subject and begins session 1', () => {
    const rows = new SampleRows();
    rows.device = undefined;
    const waiting = { messages: 4, bytes: 100, oldestAgeMs: 9 };
    const { reply } = greet(rows, hello({ client: 'sdk 1', waiting }));
    expect(reply).toMatchObject({
      type: 'welcome',
      version: 1,
      session: { number: 1, nonce: NONCE },
      generation: GENERATION,
      serverTimeMs: 1000,
    });
    expect(rows.device).toEqual({
      device: deviceId(1),
      subject: 'rep',
      session: { number: 1, nonce: NONCE },
      opening: 'opening',
      revoked: false,
      client: 'sdk 1',
      firstSeenAt: 1000,
      lastSeenAt: 1000,
      waitingMessages: 4,
      forks: 0,
    });
  });

  test('a hello over a socket always raises the session', () => {
    for (const lastSession of [undefined, session(1), session(1, 'bb')]) {
      const rows = new SampleRows();
      expect(greet(rows, helloAfter(lastSession)).reply).toMatchObject({
        type: 'welcome',
        session: { number: 2 },
      });
      expect(rows.device?.session).toEqual({ number: 2, nonce: NONCE });
    }
  });

  test('a hello keeps when the device was first seen, and what it called itself', () => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), firstSeenAt: 7, client: 'sdk 1' };
    greet(rows, hello());
    expect(rows.device).toMatchObject({ firstSeenAt: 7, lastSeenAt: 1000, client: 'sdk 1' });
  });

  test.each([
    ['another subject', { subject: 'other' }],
    ['a revoked device', { revoked: true }],
  ])('%s is revoked, and nothing changes', (_, device) => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), ...device };
    const before = rows.device;
    expect(greet(rows, hello()).reply).toEqual({ type: 'fenced', reason: 'revoked' });
    expect(rows.device).toEqual(before);
  });
});

describe('over HTTP a hello is a compare-and-set', () => {
  test('on the session in force', () => {
    const rows = new SampleRows();
    expect(greet(rows, helloAfter(session(1)), { way: 'http' }).reply).toMatchObject({
      type: 'welcome',
      session: { number: 2 },
    });
  });

  test('on there being none', () => {
    const rows = new SampleRows();
    rows.device = undefined;
    expect(greet(rows, hello(), { way: 'http' }).reply).toMatchObject({
      type: 'welcome',
      session: { number: 1 },
    });
  });

  test.each([
    ['an older session', session(1)],
    ['the same number with another nonce', session(3, 'bb')],
    ['no session', undefined],
  ])('%s is fenced with the session in force, and nothing changes', (_, lastSession) => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), session: session(3) };
    const { reply } = greet(rows, helloAfter(lastSession), { way: 'http' });
    expect(reply).toEqual({ type: 'fenced', reason: 'newer-connection', session: session(3) });
    expect(rows.device.session).toEqual(session(3));
  });
});

describe('versions', () => {
  test.each<[[number, number], number | undefined]>([
    [[1, 1], 1],
    [[1, 9], 1],
    [[2, 9], undefined],
    [[9, 1], undefined],
  ])('%j', (versions, version) => {
    const { reply } = greet(new SampleRows(), hello({ versions }));
    if (version === undefined) expect(reply).toEqual({ type: 'fenced', reason: 'upgrade-required' });
    else expect(reply).toMatchObject({ type: 'welcome', version });
  });

  test('a device that is turned away keeps its session', () => {
    const rows = new SampleRows();
    greet(rows, hello({ versions: [2, 2] }));
    expect(rows.device?.session).toEqual(session(1));
  });
});

describe('streams', () => {
  test('each gets its state, with the refusals and skips above what the device has heard of', () => {
    const rows = new SampleRows();
    const refusals = [2, 5].map((number) => ({ number, id: messageId(number), code: 'too-large' }));
    const skips = [{ number: 4, id: messageId(4), code: 'cancelled' }];
    rows.streams.set(streamKeyText(KEY), { accepted: 6, acceptedId: messageId(6), refusals, skips });
    const { reply } = greet(
      rows,
      hello({
        streams: [
          { ...KEY, acknowledged: 3 },
          { ...KEY, priority: 1, acknowledged: 0 },
        ],
      }),
      {},
      3,
    );
    expect(reply).toMatchObject({
      streams: [
        {
          ...KEY,
          attempt: 0,
          accepted: 6,
          acceptedId: messageId(6),
          since: 3,
          refusals: [{ number: 5 }],
          skips: [{ number: 4 }],
        },
        { ...KEY, priority: 1, attempt: 0, accepted: 0, since: 0 },
      ],
    });
  });

  test('of more refusals and skips than a welcome tells, the first come, with how far the stream is', () => {
    const rows = new SampleRows();
    const fate = (number: number) => ({ number, id: messageId(number), code: 'cancelled' });
    rows.streams.set(streamKeyText(KEY), {
      accepted: 9,
      acceptedId: messageId(9),
      refusals: [2, 4, 6].map(fate),
      skips: [3, 5].map(fate),
    });
    const result = greet(rows, hello({ streams: [{ ...KEY, acknowledged: 2 }] }), { fatesMax: 2 }, 2);
    expect(result.reply).toMatchObject({
      streams: [{ accepted: 4, acceptedId: messageId(4), refusals: [fate(4)], skips: [fate(3)], taken: 9 }],
    });
  });

  test('one named twice gets one state, above the lower number', () => {
    const frame = hello({ streams: [5, 3, 4].map((acknowledged) => ({ ...KEY, acknowledged })) });
    expect(scopeOfHello(frame, 7)).toMatchObject({ streams: [{ key: KEY, since: 3 }], fatesMax: 7 });
  });

  test("another subject's says nothing", () => {
    const rows = new SampleRows();
    rows.epochs.set(epochId(1), { epoch: epochId(1), subject: 'other' });
    rows.streams.set(streamKeyText(KEY), { accepted: 6, acceptedId: messageId(6), refusals: [], skips: [] });
    const { reply } = greet(rows, hello({ streams: [{ ...KEY, acknowledged: 0 }] }));
    expect(reply).toMatchObject({ streams: [{ accepted: 0, stall: { code: 'access-denied' } }] });
    expect(JSON.stringify(reply)).not.toContain(messageId(6));
  });
});

describe('a store that went back in time gives an alarm, and the device is welcomed with a number of its own', () => {
  test.each([
    ['a device that it does not know', undefined, session(5), 6],
    ['a session that it does not know', session(2), session(5), 6],
    ['a nonce that it does not know', session(5), session(5, 'bb'), 6],
  ])('%s', (_, stored, remembered, number) => {
    const rows = new SampleRows();
    rows.device = stored === undefined ? undefined : { ...sampleDevice(), session: stored };
    const result = greet(rows, helloAfter(remembered));
    expect(result).toMatchObject({ reply: { session: { number } }, wentBack: { session: true } });
  });

  test('an older session is no alarm', () => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), session: session(9) };
    expect(greet(rows, helloAfter(session(4)))).toMatchObject({ wentBack: { session: false, streams: [] } });
  });

  test('a stream of which the device knows more', () => {
    const result = greet(new SampleRows(), hello({ streams: [{ ...KEY, acknowledged: 3 }] }));
    expect(result).toMatchObject({ wentBack: { streams: [KEY] } });
  });

  test('over HTTP a device that it does not know is welcomed, whatever session it names', () => {
    const rows = new SampleRows();
    rows.device = undefined;
    const result = greet(rows, helloAfter(session(5)), { way: 'http' });
    expect(result).toMatchObject({
      reply: { type: 'welcome', session: { number: 6 } },
      wentBack: { session: true },
    });
  });

  test('a number that leaves no room to count on is not believed', () => {
    const result = greet(new SampleRows(), helloAfter(session(LIMITS.numberMax)));
    expect(result.reply).toMatchObject({ session: { number: 2 } });
  });
});

function greet(
  rows: SampleRows,
  frame: Hello,
  overrides: Partial<HelloContext> = {},
  since = 0,
): HelloResult {
  const context: HelloContext = {
    subject: 'rep',
    now: 1000,
    nonce: NONCE,
    freshGeneration: FRESH,
    way: 'socket',
    fatesMax: 1024,
    ...overrides,
  };
  const { changes, result } = decideHello(rows.above(since, context.fatesMax), frame, context);
  rows.apply(changes);
  return result;
}

function helloAfter(lastSession: Hello['lastSession']): Hello {
  return lastSession === undefined ? hello() : hello({ lastSession });
}
