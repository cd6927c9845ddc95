import { gzipSync } from 'node:zlib';
import { encodeUp, FRAMES_MEDIA_TYPE, LIMITS, packEntries, packFrames } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeAftermath } from './aftermath.ts';
import { Bystander } from './bystander.ts';
import { invalidCorpus } from './corpus.ts';
import { RawConnection } from './raw-connection.ts';
import { makeQueue, memoryOf, mintToken, openTarget, readQueue, type Target } from './target.ts';
import { message, newMessageId, type RunParts, WireDevice } from './wire-device.ts';
import { openLink, postSync, type WireLink, WireProblem } from './wire-link.ts';

let target: Target;
let token: string;
let bystander: Bystander;
let memoryBefore = 0;
beforeAll(async () => {
  target = await openTarget();
  token = await mintToken(target);
  bystander = await Bystander.open(target);
  await bystander.deliverOne();
  if (target.pid !== undefined) memoryBefore = memoryOf(target.pid);
});
// After each bad input the good client's next message goes through, over the connection that it has had all along.
afterEach(() => bystander.deliverOne());
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

const a = message('a');
const ID = newMessageId();

async function problemOf(
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: string }> {
  const thrown: unknown = await postSync(target, token, body, headers).then(
    (frames) => ({ frames }),
    (error: unknown) => error,
  );
  if (!(thrown instanceof WireProblem)) throw new Error(`no problem: ${JSON.stringify(thrown)}`);
  return { status: thrown.status, code: thrown.code };
}

async function setUp(): Promise<{ device: WireDevice; link: WireLink; bodies: () => Promise<string[]> }> {
  const device = new WireDevice(await makeQueue(target));
  const link = await openLink('HTTP', target, token);
  await device.hello(link);
  return {
    device,
    link,
    bodies: async () => (await readQueue(target, device.queue)).map(({ body }) => body),
  };
}

const malformed = { status: 400, code: 'malformed-frame' };

describe('bodies that are no frames', () => {
  test('every invalid frame of the corpus is malformed', { timeout: 120_000 }, async () => {
    const cases = invalidCorpus('up').filter(({ bytes }) => bytes.length < LIMITS.syncBytes);
    expect(cases.length).toBeGreaterThan(200);
    for (const { name, bytes } of cases) {
      expect(await problemOf(packFrames([bytes])), name).toEqual(malformed);
    }
  });

  test('every invalid HTTP body of the corpus is malformed', async () => {
    for (const { name, bytes } of invalidCorpus('frames'))
      expect(await problemOf(bytes), name).toEqual(malformed);
  });

  test(
    'every invalid message of the corpus is refused alone and takes its number',
    { timeout: 60_000 },
    async () => {
      const { device, link, bodies } = await setUp();
      let number = 0;
      for (const { name, bytes, code } of invalidCorpus('message')) {
        if (bytes.length === 0) continue;
        const state = await device.pushRun(link, {
          first: number + 1,
          acknowledged: number,
          entries: [bytes, a],
        });
        // The queue's own limit is below the protocol's: too large either way.
        expect(state.refusals, name).toMatchObject([{ number: number + 1, code }]);
        number += 2;
        expect(state.accepted).toBe(number);
      }
      expect(await bodies()).toEqual(Array.from({ length: number / 2 }, () => 'a'));
    },
  );

  test('a good push with garbage behind it is not taken', async () => {
    const { device, bodies } = await setUp();
    const good = encodeUp(device.pushFrame({ entries: [a] }));
    expect(await problemOf(packFrames([good, Uint8Array.of(0xc1)]))).toEqual(malformed);
    expect(await problemOf(Buffer.concat([packFrames([good]), Buffer.from('ffffffff', 'hex')]))).toEqual(
      malformed,
    );
    expect(await bodies()).toEqual([]);
  });

  test.each<[string, readonly RunParts[]]>([
    ['cut-off entries', [{ messages: Uint8Array.of(0, 0, 0) }]],
    ['an entry that claims 4 GiB', [{ messages: Buffer.from('ffffffff00', 'hex') }]],
    ['a million empty entries', [{ messages: new Uint8Array(4_000_000) }]],
    ['one entry more than a run has', [{ entries: Array.from({ length: LIMITS.runMessages + 1 }, () => a) }]],
    [
      'more messages than a window',

      Array.from({ length: 3 }, () => ({ entries: Array.from({ length: LIMITS.runMessages }, () => a) })),
    ],
    ['a run past the largest number', [{ first: LIMITS.numberMax, entries: [a, a] }]],
    [
      'a skip for a message that is there',
      [{ entries: [a], skips: [{ index: 0, id: ID, code: 'cancelled' }] }],
    ],
    ['a skip beyond the run', [{ entries: [a], skips: [{ index: 1, id: ID, code: 'cancelled' }] }]],
    [
      'two skips for one number',
      [
        {
          entries: [new Uint8Array(0)],
          skips: [
            { index: 0, id: ID, code: 'cancelled' },
            { index: 0, id: ID, code: 'cancelled' },
          ],
        },
      ],
    ],
  ])('a push with %s is malformed as a whole', async (_name, runs) => {
    const { device, bodies } = await setUp();
    const good = { entries: [a] };
    expect(await problemOf(packFrames([encodeUp(device.pushFrame(good, ...runs))]))).toEqual(malformed);
    expect(await bodies()).toEqual([]);
  });

  test('a run of no entries does nothing', async () => {
    const { device, link, bodies } = await setUp();
    expect(await device.pushRun(link, { messages: packEntries([]) })).toMatchObject({ accepted: 0 });
    expect(await device.pushRun(link, { entries: [a] })).toMatchObject({ accepted: 1 });
    expect(await device.pushRun(link, { first: 9, messages: packEntries([]) })).toMatchObject({
      accepted: 1,
    });
    expect(await bodies()).toEqual(['a']);
  });

  test('no frames at all get no frames', async () => {
    expect(await postSync(target, token, new Uint8Array(0))).toEqual([]);
  });
});

describe('requests of the wrong kind or size', () => {
  test.each([
    '',
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    `${FRAMES_MEDIA_TYPE}x`,
  ])('content type %j', async (type) => {
    const { device } = await setUp();
    const body = packFrames([encodeUp(device.pushFrame({ entries: [a] }))]);
    expect(await problemOf(body, { 'content-type': type })).toEqual({
      status: 415,
      code: 'unsupported-media-type',
    });
  });

  test('one byte more than a request has', async () => {
    expect(await problemOf(new Uint8Array(LIMITS.syncBytes + 1))).toEqual({
      status: 413,
      code: 'payload-too-large',
    });
  });

  test('a compressed bomb is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(await problemOf(bomb, { 'content-encoding': 'gzip' })).toEqual(malformed);
  });

  test('1 GB announced and one byte sent is refused at once', async () => {
    const connection = await RawConnection.open(target);
    connection.write(`${requestHead(['Content-Length: 1073741824'])}x`);
    expect(await connection.answer()).toMatchObject({
      status: 413,
      text: expect.stringContaining('payload-too-large'),
    });
    await connection.ended;
  });

  test('a body in chunks without end is refused at its limit', async () => {
    const connection = await RawConnection.open(target);
    connection.write(requestHead(['Transfer-Encoding: chunked']));
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000), Buffer.from('\r\n')]);
    for (let sent = 0; sent <= LIMITS.syncBytes; sent += 0x100000) connection.write(chunk);
    expect(await connection.answer()).toMatchObject({
      status: 413,
      text: expect.stringContaining('payload-too-large'),
    });
    connection.close();
  });

  test('a head of 100 KB is refused', async () => {
    const connection = await RawConnection.open(target);
    connection.write(requestHead([`X-Long: ${'x'.repeat(100_000)}`]));
    expect(await connection.answer()).toMatchObject({
      status: 431,
      text: expect.stringContaining('payload-too-large'),
    });
    await connection.ended;
  });

  test.each<[string, string]>([
    ['no HTTP', '\x00\x01\x02\x03\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'.padEnd(80, '\x00')],
    [
      'two lengths',
      'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
    ],
    [
      'a length and chunks',
      'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
    ['a length with letters', 'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\n'],
    ['no host', 'POST /v1/device/sync HTTP/1.1\r\nContent-Length: 0\r\n\r\n'],
    ['a header with NUL', 'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n'],
    [
      'a chunk length that is none',
      'POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
  ])('%s ends its own connection only', async (_name, bytes) => {
    const connection = await RawConnection.open(target);
    connection.write(Buffer.from(bytes, 'latin1'));
    const { status } = await connection.answer();
    expect([400, 401]).toContain(status);
    connection.close();
  });
});

describe('addresses', () => {
  test.each([
    '//v1/device/sync',
    '/v1/device%2Fsync',
    '/v1//device/sync',
    '/v1/device/sync/',
    '/v1/./device/../device/sync%00',
    '/V1/DEVICE/SYNC',
  ])('%s does not get round the token', async (path) => {
    const connection = await RawConnection.open(target);
    connection.write(
      `POST ${path} HTTP/1.1\r\nHost: ${target.host}\r\nContent-Type: ${FRAMES_MEDIA_TYPE}\r\nContent-Length: 0\r\n\r\n`,
    );
    expect([400, 401, 404]).toContain((await connection.answer()).status);
    connection.close();
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('%s is not served', async (method) => {
    const response = await fetch(`${target.url}/v1/device/sync`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await response.json()).toMatchObject({ status: 405, code: 'method-not-allowed' });
    expect(response.headers.get('allow')).toContain('POST');
  });
});

describe('slow and many', () => {
  test('a head that trickles is cut off, and holds nobody up', { timeout: 60_000 }, async () => {
    const connections = await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(target)));
    for (const connection of connections)
      connection.write('POST /v1/device/sync HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    await bystander.deliverOne();
    const drip = setInterval(() => {
      for (const connection of connections) connection.write('x');
    }, 500);
    try {
      await Promise.all(
        connections.map((connection) =>
          connection.when(
            'the gateway loses patience',
            (received) => (received.includes('408') ? true : undefined),
            45_000,
          ),
        ),
      );
    } finally {
      clearInterval(drip);
    }
    for (const connection of connections) connection.close();
  });

  test('bodies that never end hold nobody up', async () => {
    const connections = await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(target)));
    for (const connection of connections)
      connection.write(`${requestHead([`Content-Length: ${LIMITS.syncBytes}`])}begun`);
    for (let round = 0; round < 5; round++) await bystander.deliverOne();
    for (const connection of connections) connection.close();
  });

  test(
    'a thousand requests cut off after their body was sent leave each message at most once',
    { timeout: 60_000 },
    async () => {
      const { device, link, bodies } = await setUp();
      const body = packFrames([encodeUp(device.pushFrame({ entries: [a, message('b')] }))]);
      for (let round = 0; round < 20; round++) {
        const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(target)));
        for (const connection of connections) {
          connection.write(requestHead([`Content-Length: ${body.length}`]));
          connection.write(body);
          connection.socket.end();
          connection.close();
        }
      }
      expect(await device.pushRun(link, { entries: [a, message('b')] })).toMatchObject({ accepted: 2 });
      expect(await bodies()).toEqual(['a', 'b']);
    },
  );
});

describeAftermath(() => ({ target, token, bystander, memoryBytes: memoryBefore }));

function requestHead(headers: readonly string[]): string {
  return [
    'POST /v1/device/sync HTTP/1.1',
    `Host: ${target.host}`,
    `Authorization: Bearer ${token}`,
    `Content-Type: ${FRAMES_MEDIA_TYPE}`,
    ...headers,
    '\r\n',
  ].join('\r\n');
}
