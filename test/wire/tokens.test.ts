import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeUp, packFrames } from '@fieldpost/protocol';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { RawConnection, upgradeRequest } from './raw-connection.ts';
import { SOCKET_PATH } from './raw-web-socket.ts';
import {
  ALLOWED_ORIGIN,
  makeQueue,
  mintToken,
  openTarget,
  readQueue,
  type Target,
  unusedName,
  unusedSubject,
} from './target.ts';
import { expectFrame, message, WireDevice } from './wire-device.ts';
import { openLink, openSocket, postSync, type FrameLink } from './wire-link.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const open: FrameLink[] = [];
afterEach(() => {
  for (const link of open.splice(0)) link.close();
});

type Claims = Readonly<Record<string, unknown>>;

const unauthorized = expect.objectContaining({ code: 'unauthorized' });
const hello = (): Uint8Array => packFrames([encodeUp(new WireDevice('orders').helloFrame())]);
const a = message('a');
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;
const rep = (): Claims => ({ sub: 'rep', exp: inAnHour(), fieldpost: { send: ['*'] } });

/** A token put together by hand, whatever is in it. */
function forge(header: Claims, claims: Claims | string, sign: (input: string) => string): string {
  const part = (value: Claims | string): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(input)}`;
}

const hmac =
  (secret: Uint8Array | string, algorithm = 'sha256') =>
  (input: string) =>
    createHmac(algorithm, secret).update(input).digest('base64url');
const signed = (claims: Claims | string, header: Claims = { alg: 'HS256' }): string =>
  forge(header, claims, hmac(target.secret));

/** Each as a function: the secret is known only when the target is. */
const BAD_TOKENS: Readonly<Record<string, () => string>> = {
  'of no form': () => 'x',
  'that is long': () => 'x'.repeat(17_000),
  'of three empty parts': () => '..',
  'of four parts': () => `${signed(rep())}.x`,
  'with alg none and no signature': () => forge({ alg: 'none' }, rep(), () => ''),
  'with alg None': () => forge({ alg: 'None' }, rep(), () => ''),
  'with alg none and a valid HMAC': () => signed(rep(), { alg: 'none' }),
  'without alg': () => signed(rep(), { typ: 'JWT' }),
  'with another secret': () =>
    forge({ alg: 'HS256' }, rep(), hmac('another secret of the same length as that')),
  'with an empty secret': () => forge({ alg: 'HS256' }, rep(), hmac('')),
  'with HS512 and the right secret': () => forge({ alg: 'HS512' }, rep(), hmac(target.secret, 'sha512')),
  'with RS256 named and an HMAC': () => signed(rep(), { alg: 'RS256' }),
  'with a key in its header': () =>
    signed(rep(), { alg: 'HS256', crit: ['jwk'], jwk: { kty: 'oct', k: 'AAAA' } }),
  'with a changed claim': () => {
    const [header = '', , signature = ''] = signed(rep()).split('.');
    const claims = Buffer.from(JSON.stringify({ ...rep(), sub: 'boss' })).toString('base64url');
    return `${header}.${claims}.${signature}`;
  },
  'that has expired': () => signed({ ...rep(), exp: Math.floor(Date.now() / 1000) - 1 }),
  'without exp': () => signed({ sub: 'rep' }),
  'with exp as a text': () => signed({ ...rep(), exp: String(inAnHour()) }),
  'with exp null': () => signed({ ...rep(), exp: null }),
  'with exp beyond all numbers': () => signed(`{"sub":"rep","exp":1e400}`),
  'with exp in milliseconds of the year 9999999': () => signed({ ...rep(), exp: Number.MAX_SAFE_INTEGER }),
  'that is not valid yet': () => signed({ ...rep(), nbf: inAnHour() }),
  'without sub': () => signed({ exp: inAnHour() }),
  'with an empty sub': () => signed({ ...rep(), sub: '' }),
  'with sub as a number': () => signed({ ...rep(), sub: 7 }),
  'with sub as an object': () => signed({ ...rep(), sub: { toString: 'rep' } }),
  'whose claims are a list': () => signed('[]'),
  'whose claims are no JSON': () => signed('{'),
  'with grants as a text': () => signed({ ...rep(), fieldpost: '*' }),
  'with grants as a map of texts': () => signed({ ...rep(), fieldpost: { send: '*' } }),
  'with a pattern of two stars': () => signed({ ...rep(), fieldpost: { send: ['*.*'] } }),
  'with a pattern that is an expression': () => signed({ ...rep(), fieldpost: { send: ['.*'] } }),
  'with a thousand patterns': () =>
    signed({ ...rep(), fieldpost: { send: Array.from({ length: 1000 }, () => 'a') } }),
};

describe.each(Object.entries(BAD_TOKENS))('a token %s', (_name, token) => {
  test('is refused over HTTP, with no more detail than the code', async () => {
    const thrown = await postSync(target, token(), hello()).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(
      Object.keys((thrown as { problem: object }).problem).toSorted((x, y) => x.localeCompare(y)),
    ).toEqual(['code', 'status', 'title', 'type']);
  });

  test('is refused at the handshake', async () => {
    await expect(openSocket(target, token())).rejects.toEqual(unauthorized);
  });
});

describe('no token', () => {
  test.each<[string, Record<string, string>]>([
    ['no header', {}],
    ['an empty one', { authorization: '' }],
    ['a scheme alone', { authorization: 'Bearer' }],
    ['another scheme', { authorization: 'Basic cmVwOnJlcA==' }],
  ])('%s', async (_name, headers) => {
    const thrown = postSync(target, undefined, hello(), headers);
    await expect(thrown).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
  });

  test('a valid one with more behind it', async () => {
    const headers = { authorization: `Bearer ${await mintToken(target)} more` };
    await expect(postSync(target, undefined, hello(), headers)).rejects.toMatchObject({ status: 401 });
  });

  test.each([undefined, null, 7, '', ['x'], { toString: 'x' }, true])(
    '%j at the handshake',
    async (token) => {
      await expect(openSocket(target, token)).rejects.toEqual(unauthorized);
    },
  );
});

test('a signature by a public key used as a secret does not pass', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-wire-'));
  const location = join(folder, 'keys.json');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
  writeFileSync(location, JSON.stringify({ keys: [jwk] }));
  await using gateway = await startGatewayProcess({ environment: { FIELDPOST_TOKEN_JWKS: location } });
  const keyed: Target = { ...target, url: gateway.url, port: gateway.port };
  const right = await new SignJWT(rep()).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey);
  expect(await postSync(keyed, right, hello())).toMatchObject([{ type: 'welcome' }]);
  const secrets = [
    publicKey.export({ type: 'spki', format: 'pem' }),
    publicKey.export({ type: 'spki', format: 'der' }),
    JSON.stringify(jwk),
  ];
  for (const secret of secrets) {
    const forged = forge({ alg: 'HS256', kid: 'one' }, rep(), hmac(secret));
    await expect(postSync(keyed, forged, hello())).rejects.toMatchObject({ status: 401 });
  }
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const foreign = await new SignJWT(rep()).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(other);
  await expect(postSync(keyed, foreign, hello())).rejects.toMatchObject({ status: 401 });
  await expect(postSync(keyed, signed(rep()), hello())).rejects.toMatchObject({ status: 401 });
  rmSync(folder, { recursive: true });
});

describe('what the grants do not name is denied', () => {
  async function refusals(
    send: readonly string[] | undefined,
    queues: readonly string[],
  ): Promise<unknown[]> {
    const claims = {
      sub: unusedSubject(),
      exp: inAnHour(),
      ...(send === undefined ? {} : { fieldpost: { send } }),
    };
    const link = await openLink('HTTP', target, signed(claims));
    const device = new WireDevice('unused');
    await device.hello(link);
    const states = await device.push(link, ...queues.map((queue) => ({ queue, entries: [a] })));
    return queues.map(
      (queue) => states.find((state) => state.queue === queue)?.refusals?.[0]?.code ?? 'taken',
    );
  }

  test('without a claim, and with empty grants, nothing may be sent; whether a queue exists is not told', async () => {
    const queues = [await makeQueue(target), unusedName(), 'sys.dead-letter'];
    const denied = queues.map(() => 'access-denied');
    expect(await refusals(undefined, queues)).toEqual(denied);
    expect(await refusals([], queues)).toEqual(denied);
    expect(await readQueue(target, queues[0] ?? '')).toEqual([]);
  });

  test('an exact name allows that queue, a prefix those that begin with it', async () => {
    const queue = await makeQueue(target);
    const longer = `${queue}-more`;
    expect(await refusals([queue], [queue, longer])).toEqual(['taken', 'access-denied']);
    expect(await refusals([`${queue}*`], [queue, longer])).toEqual(['taken', 'queue-not-found']);
    expect(await refusals([`${queue}-*`], [queue, longer])).toEqual(['access-denied', 'queue-not-found']);
  });

  test('to receive and to manage is not to send', async () => {
    const queue = await makeQueue(target);
    const token = await mintToken(target, { subject: unusedSubject(), send: [] });
    const device = new WireDevice(queue);
    const link = await openLink('HTTP', target, token);
    await device.hello(link);
    expect(await device.pushRun(link, { entries: [a] })).toMatchObject({
      accepted: 1,
      refusals: [{ code: 'access-denied' }],
    });
  });

  test('someone who may only send cannot read or make queues', async () => {
    const queue = await makeQueue(target);
    const authorization = `Bearer ${await mintToken(target, { receive: [], manage: [] })}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const calls: [string, string, string?][] = [
      ['GET', `/v1/queues/${queue}/messages`],
      ['POST', `/v1/queues/${queue}/receive`, '{}'],
      ['POST', `/v1/queues/${queue}/settle`, '{"ack":["x"]}'],
      ['POST', '/v1/transactions', `{"settle":[{"queue":"${queue}","receipt":"x","outcome":"ack"}]}`],
      ['PUT', `/v1/queues/${unusedName()}`, '{}'],
      ['DELETE', `/v1/queues/${queue}`],
    ];
    for (const [method, path, body] of calls) {
      const response = await fetch(`${target.url}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      expect(await response.json(), `${method} ${path}`).toMatchObject({
        status: 403,
        code: 'access-denied',
      });
    }
    const listed = (await (await fetch(`${target.url}/v1/queues`, { headers })).json()) as {
      queues?: unknown[];
    };
    expect(listed.queues ?? []).toEqual([]);
  });
});

describe('a token that ends while its connection lives', () => {
  async function live(
    expiresInMs: number,
  ): Promise<{ link: FrameLink; device: WireDevice; subject: string }> {
    const subject = unusedSubject();
    const device = new WireDevice(await makeQueue(target));
    const link = await openSocket(target, await mintToken(target, { subject, expiresInMs }));
    open.push(link);
    link.send(encodeUp(device.helloFrame()));
    device.session = expectFrame(await link.next(), 'welcome').session;
    return { link, device, subject };
  }

  test('is told, takes nothing more, and a newer one of the same subject makes the connection whole again', async () => {
    const { link, device, subject } = await live(2_000);
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
    link.send(encodeUp(device.pushFrame({ entries: [a] })));
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
    expect(await readQueue(target, device.queue)).toEqual([]);
    link.send(encodeUp({ type: 'token', token: await mintToken(target, { subject: unusedSubject() }) }));
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
    link.send(encodeUp({ type: 'token', token: await mintToken(target, { subject }) }));
    // A token is checked while the next frame is on its way: what comes too early is told so.
    let answer = await pushOnce(link, device);
    while (answer.type === 'error') answer = await pushOnce(link, device);
    expect(expectFrame(answer, 'ack').streams[0]).toMatchObject({ accepted: 1 });
    expect(await readQueue(target, device.queue)).toHaveLength(1);
  });

  test('is disconnected when no newer one comes', { timeout: 40_000 }, async () => {
    const { link, device } = await live(1_500);
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
    expect(await link.ended).toBe('io server disconnect');
    expect(await readQueue(target, device.queue)).toEqual([]);
  });

  test('stays in force when a bad newer one comes', async () => {
    const { link, device } = await live(60_000);
    link.send(encodeUp({ type: 'token', token: 'x' }));
    expect(await link.next()).toMatchObject({ type: 'error', code: 'unauthorized' });
    expect(expectFrame(await pushOnce(link, device), 'ack').streams[0]).toMatchObject({ accepted: 1 });
  });

  async function pushOnce(link: FrameLink, device: WireDevice): ReturnType<FrameLink['next']> {
    link.send(encodeUp(device.pushFrame({ entries: [a] })));
    return link.next();
  }
});

describe('pages of other origins', () => {
  async function upgrade(origin: string): Promise<{ status: number; text: string }> {
    const connection = await RawConnection.open(target);
    connection.write(upgradeRequest(target, SOCKET_PATH, [`Origin: ${origin}`]));
    const answer = await connection.answer();
    connection.close();
    return answer;
  }

  test.each(['https://evil.example', 'null', `${ALLOWED_ORIGIN}.evil.example`, 'http://app.example'])(
    '%s opens no WebSocket',
    async (origin) => {
      const { status, text } = await upgrade(origin);
      // Engine.IO answers every refusal with 400; the code is in the text.
      expect(status).toBe(400);
      expect(text).toContain('origin-not-allowed');
    },
  );

  test.runIf(process.env['WIRE_GATEWAY_URL'] === undefined)('the allowed one does', async () => {
    expect((await upgrade(ALLOWED_ORIGIN)).status).toBe(101);
  });

  test('cannot read answers', async () => {
    const headers = { origin: 'https://evil.example', authorization: `Bearer ${await mintToken(target)}` };
    const response = await fetch(`${target.url}/v1/queues`, { headers });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});
