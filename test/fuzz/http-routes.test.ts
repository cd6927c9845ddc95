import assert from 'node:assert/strict';
import { isCode, type Rng } from '@fieldpost/protocol';
import { fuzz } from './fuzz.ts';
import { hostileJson, hostileText, mutatedText } from './hostile-values.ts';
import { createTestGateway, type TestGateway } from './internals.ts';

// Every route of the API, without a socket: addresses, headers and bodies near to what they should be. Each request gets an
// answer of its own kind, and what belongs to somebody else stays as it is.

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The token's holder may do everything in queues of this prefix, and nothing elsewhere. */
const OWN = 'fuzz-';
const BYSTANDER = '/v1/queues/bystander';
/** The memory of a gateway that takes thousands of messages is given back with it. */
const GATEWAY_LASTS = 400;
const NAMES = [
  'messages',
  'body',
  'bodyBase64',
  'id',
  'priority',
  'headers',
  'label',
  'contentType',
  'correlationId',
  'replyTo',
  'deliverAfter',
  'groupId',
  'max',
  'leaseMs',
  'waitMs',
  'bodies',
  'ack',
  'nack',
  'reject',
  'extend',
  'release',
  'receipt',
  'delayMs',
  'settle',
  'queue',
  'outcome',
  'maxBodyBytes',
  'sub',
  'send',
  'receive',
  'manage',
  'expiresInSeconds',
  '__proto__',
] as const;
const PATHS = [
  `/v1/queues/${OWN}a`,
  `/v1/queues/${OWN}a/messages`,
  `/v1/queues/${OWN}a/messages?limit=5&bodies=auto`,
  `/v1/queues/${OWN}a/messages/01890000-0000-7000-8000-000000000001`,
  `/v1/queues/${OWN}a/receive`,
  `/v1/queues/${OWN}a/settle`,
  `/v1/queues/${OWN}a/purge`,
  '/v1/queues',
  '/v1/device/sync',
  '/v1/dev/token',
  '/v1/transactions',
  '/v1/devices',
  '/healthz',
  '/readyz',
  '/openapi.json',
  BYSTANDER,
  `${BYSTANDER}/messages`,
  `${BYSTANDER}/receive`,
  `${BYSTANDER}/settle`,
] as const;
const BODIES = [
  '{"messages":[{"body":{"a":1}}]}',
  '{"messages":[{"id":"01890000-0000-7000-8000-000000000001","body":"x","priority":7,"headers":{"a":"b"}}]}',
  '{"max":3,"leaseMs":1000,"waitMs":100}',
  '{"ack":["0.x"],"nack":[{"receipt":"1.y","delayMs":5}],"extend":[{"receipt":"z","leaseMs":100}],"release":["a"]}',
  '{"settle":[{"queue":"fuzz-a","receipt":"0.x","outcome":"nack","delayMs":5}],"send":[{"queue":"fuzz-a","body":1}]}',
  '{"send":[{"queue":"fuzz-a","body":1},{"queue":"bystander","body":2}]}',
  '{"maxBodyBytes":1000}',
  '{}',
] as const;

/** Requests that are as they should be before anything happens to them: by chance alone few would be. */
const FITTING = [
  [`/v1/queues/${OWN}a/settle`, BODIES[3]],
  ['/v1/transactions', BODIES[4]],
] as const;

fuzz(async () => {
  let gateway = await start();
  let token = await ownToken(gateway);
  let fed = 0;
  const reached = {
    'messages sent': 0,
    'messages received': 0,
    refused: 0,
    'settled or not': 0,
    'access denied': 0,
  };
  return {
    name: 'HTTP routes',
    reached,
    draw: (rng) => JSON.stringify(draw(rng)),
    feed: async (input) => {
      if (++fed % GATEWAY_LASTS === 0) {
        gateway = await start();
        token = await ownToken(gateway);
      }
      // Written by `draw`.
      const end = await call(gateway, token, JSON.parse(input) as Asked);
      if (end !== undefined) reached[end] += 1;
      assert.deepEqual(gateway.failures, [], 'the store was reported as failed');
    },
    lookAround: async () => {
      const { json } = await gateway.call('GET', `${BYSTANDER}/messages?bodies=auto`);
      const messages: unknown = Reflect.get(Object(json), 'messages');
      assert.ok(Array.isArray(messages));
      assert.deepEqual(
        messages.map((message: unknown) => Reflect.get(Object(message), 'body')),
        ['stays'],
      );
    },
  };
}, 'HTTP routes');

type End = 'messages sent' | 'messages received' | 'settled or not' | 'refused' | 'access denied';

async function call(
  gateway: TestGateway,
  token: string,
  { method, path, headers, body }: Asked,
): Promise<End | undefined> {
  let request: Request;
  try {
    const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD';
    request = new Request(new URL(path, 'http://gateway.test'), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(hasBody ? { body } : {}),
    });
  } catch (error) {
    // No client could send it either.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
  const response = await answered(gateway, gateway.gateway.fetch(request));
  const text = await response.text();
  if (response.status < 400) {
    if (/"receipt"/.test(text)) return text.startsWith('{"results"') ? 'settled or not' : 'messages received';
    return method === 'POST' && path.includes('/messages') ? 'messages sent' : undefined;
  }
  assert.ok(response.status !== 500, `${response.status} ${text} ${JSON.stringify(gateway.log.at(-1))}`);
  if (method === 'HEAD' || method === 'OPTIONS') return undefined;
  const code: unknown = Reflect.get(Object(JSON.parse(text)), 'code');
  assert.ok(typeof code === 'string' && isCode(code), `no code in ${text}`);
  return code === 'access-denied' ? 'access denied' : 'refused';
}

/** A receive may wait for messages: the clock does not move by itself. */
async function answered(gateway: TestGateway, response: Response | Promise<Response>): Promise<Response> {
  let isDone = false;
  const done = Promise.resolve(response).finally(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 400 && !isDone; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turn > 20 && gateway.clock.waiting > 0) gateway.clock.advance(60_000);
  }
  return done;
}

async function start(): Promise<TestGateway> {
  const gateway = await createTestGateway({ isDevelopment: true });
  await gateway.call('PUT', BYSTANDER, {});
  await gateway.call('POST', `${BYSTANDER}/messages`, { messages: [{ body: 'stays' }] });
  return gateway;
}

function ownToken(gateway: TestGateway): Promise<string> {
  const own = [`${OWN}*`];
  return gateway.token({ send: own, receive: own, manage: own, expiresAt: Number.MAX_SAFE_INTEGER / 1000 });
}

function draw(rng: Rng): Asked {
  const fitting = rng.chance(0.1) ? rng.pick(FITTING) : undefined;
  const path = fitting?.[0] ?? rng.pick(PATHS);
  const body = fitting?.[1] ?? drawBody(rng);
  const headers: Record<string, string> = {};
  if (rng.chance(0.1)) headers['content-type'] = hostileText(rng);
  // Only tokens of its own: a good one for everything could do as it likes with the bystander.
  if (rng.chance(0.05)) headers['authorization'] = hostileText(rng);
  if (rng.chance(0.1)) headers['origin'] = hostileText(rng);
  if (rng.chance(0.05)) headers['content-length'] = hostileText(rng);
  return {
    method: fitting === undefined ? drawMethod(rng) : 'POST',
    path: rng.chance(0.6) ? path : mutatedText(path, rng),
    headers,
    body: rng.chance(0.5) ? body : mutatedText(body, rng),
  };
}

function drawBody(rng: Rng): string {
  return rng.chance(0.5) ? rng.pick(BODIES) : (JSON.stringify(hostileJson(rng, NAMES)) ?? '');
}

function drawMethod(rng: Rng): string {
  if (rng.chance(0.05)) return 'PROPFIND';
  return rng.pick(['GET', 'PUT', 'POST', 'POST', 'POST', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);
}
