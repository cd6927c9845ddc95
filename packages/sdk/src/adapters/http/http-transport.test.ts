import { encodeUp, FRAMES_MEDIA_TYPE, LIMITS, packFrames, unpackFrames } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { CloseReason } from '../../ports/transport.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { createHttpTransport } from './http-transport.ts';

const FRAME = encodeUp({ type: 'token', token: 't' });

test('frames of one turn are one request, and what is sent meanwhile is the next', async () => {
  const { requests, connection, answer, settle } = await connected();
  connection.send([FRAME]);
  connection.send([FRAME, FRAME]);
  await settle();
  connection.send([FRAME]);
  await settle();
  expect(requests.map(({ frames }) => frames)).toEqual([3]);
  answer(new Response(packFrames([FRAME]), { headers: { 'content-type': FRAMES_MEDIA_TYPE } }));
  await settle();
  expect(requests.map(({ frames }) => frames)).toEqual([3, 1]);
});

test('a request goes to the sync path below the base URL, with the latest token and nothing else of the user', async () => {
  const { requests, connection, settle } = await connected('https://host.test/base');
  connection.setToken('newer');
  connection.send([FRAME]);
  await settle();
  expect(requests[0]).toMatchObject({
    url: 'https://host.test/base/v1/device/sync',
    authorization: 'Bearer newer',
    credentials: 'omit',
    redirect: 'error',
  });
});

test('the frames of an answer are heard one by one', async () => {
  const { received, connection, answer, settle } = await connected();
  connection.send([FRAME]);
  await settle();
  answer(
    new Response(packFrames([FRAME, FRAME]), { headers: { 'content-type': `${FRAMES_MEDIA_TYPE}; v=1` } }),
  );
  await settle();
  expect(received).toHaveLength(2);
});

const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ code }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });

test.each<[string, () => Response, Partial<CloseReason>]>([
  [
    'a sign-in page',
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    { code: 'refused' },
  ],
  ['200 without a type', () => new Response(new Uint8Array(0)), { code: 'refused' }],
  ['401', () => problem(401, 'unauthorized'), { code: 'unauthorized' }],
  ['403 of the origin', () => problem(403, 'origin-not-allowed'), { code: 'origin-not-allowed' }],
  ['403 of somebody else', () => new Response('no', { status: 403 }), { code: 'refused' }],
  ['413 of a proxy', () => new Response('too big', { status: 413 }), { code: 'too-large' }],
  ['503', () => problem(503, 'busy', { 'retry-after': '7' }), { code: 'busy', retryAfterMs: 7_000 }],
  ['502', () => new Response('bad gateway', { status: 502 }), { code: 'refused' }],
  [
    'a torn body',
    () => new Response(new Uint8Array([0, 0, 0, 9]), { headers: { 'content-type': FRAMES_MEDIA_TYPE } }),
    { code: 'lost' },
  ],
])('%s ends the connection', async (_, response, reason) => {
  const { closed, connection, answer, settle } = await connected();
  connection.send([FRAME]);
  await settle();
  answer(response());
  await settle();
  expect(closed).toMatchObject([reason]);
});

test('after the end nothing is sent and nothing is heard', async () => {
  const { requests, received, closed, connection, answer, settle } = await connected();
  connection.send([FRAME]);
  await settle();
  connection.close();
  connection.send([FRAME]);
  answer(new Response(packFrames([FRAME]), { headers: { 'content-type': FRAMES_MEDIA_TYPE } }));
  await settle();
  expect(requests).toHaveLength(1);
  expect(received).toHaveLength(0);
  expect(closed.map(({ code }) => code)).toEqual(['closed-here']);
});

test('a request that nobody answers ends the connection when its time is up', async () => {
  const { closed, clock, connection, settle } = await connected();
  connection.send([FRAME]);
  await settle();
  clock.advance(LIMITS.answerTimeoutMs - 1);
  await settle();
  expect(closed).toEqual([]);
  clock.advance(1_000);
  await settle();
  expect(closed).toMatchObject([{ code: 'lost', detail: expect.stringContaining('no answer within') }]);
});

test('an answer leaves no timer behind', async () => {
  const { clock, connection, answer, settle } = await connected();
  connection.send([FRAME]);
  await settle();
  answer(new Response(packFrames([FRAME]), { headers: { 'content-type': FRAMES_MEDIA_TYPE } }));
  await settle();
  expect(clock.nextInMs).toBeUndefined();
});

async function connected(gateway = 'https://host.test') {
  const requests: {
    url: string;
    frames: number;
    authorization: string | null;
    credentials: string;
    redirect: string;
  }[] = [];
  const received: Uint8Array[] = [];
  const closed: CloseReason[] = [];
  let answer: (response: Response) => void = () => undefined;
  const clock = new ManualClock();
  const transport = createHttpTransport({
    clock,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const body = new Uint8Array(await request.arrayBuffer());
      requests.push({
        url: request.url,
        frames: unpackFrames(body).length,
        authorization: request.headers.get('authorization'),
        credentials: request.credentials,
        redirect: request.redirect,
      });
      return new Promise((resolve, reject) => {
        answer = resolve;
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
      });
    },
  });
  const connection = transport.connect(
    { gateway, token: 'first' },
    {
      opened: () => undefined,
      received: (frame) => received.push(frame),
      closed: (reason) => closed.push(reason),
    },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  };
  await settle();
  return {
    requests,
    received,
    closed,
    clock,
    connection,
    settle,
    answer: (response: Response) => answer(response),
  };
}
