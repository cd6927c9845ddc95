import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { afterAll, describe, expect, test } from 'vitest';
import type { Authenticator } from '../ports/authenticator.ts';
import { createJoseAuthenticator } from './jose-authenticator.ts';

const NOW = 1_800_000_000_000;
const LATER = NOW / 1000 + 60;
const SECRET = new TextEncoder().encode('0123456789abcdef0123456789abcdef');
const folder = mkdtempSync(join(tmpdir(), 'fieldpost-keys-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('with a secret', () => {
  test('a token says whom it speaks for, until when, and what it allows', async () => {
    const token = await sign({ fieldpost: { send: ['orders'], receive: ['v*'], manage: ['*'] } });
    expect(await (await bySecret()).authenticate(token, NOW)).toEqual({
      subject: 'rep',
      expiresAt: LATER * 1000,
      grants: { send: ['orders'], receive: ['v*'], manage: ['*'] },
    });
  });

  test.each([{}, { fieldpost: {} }, { fieldpost: { send: [] }, other: 1 }])(
    '%j allows nothing',
    async (claims) => {
      const { grants } = await (await bySecret()).authenticate(await sign(claims), NOW);
      expect(grants).toEqual({ send: [], receive: [], manage: [] });
    },
  );

  test.each<[string, Record<string, unknown>]>([
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 7 }],
    ['no end', { exp: undefined }],
    ['an end that is a text', { exp: String(LATER) }],
    ['an end that is over', { exp: NOW / 1000 }],
    ['an end that is no number', { exp: null }],
    ['an end beyond all clocks', { exp: 1e300 }],
    ['a beginning in the future', { nbf: LATER }],
    ['permissions that are no lists', { fieldpost: { send: 'orders' } }],
    ['a pattern with two stars', { fieldpost: { send: ['a*b*'] } }],
    ['a claim that is a text', { fieldpost: '*' }],
    ['more patterns than a token may have', { fieldpost: { send: Array.from({ length: 257 }, () => 'a') } }],
  ])('%s is unauthorized, with no more detail than that', async (_, claims) => {
    await expectRefused(await bySecret(), unsigned({ alg: 'HS256' }, claims, SECRET));
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['one part', 'x'],
    ['no JSON', 'a.b.c'],
    ['alg none without a signature', unsigned({ alg: 'none' }, {})],
    ['alg None with a signature', unsigned({ alg: 'None' }, {}, SECRET)],
    ['another algorithm of the same kind', unsigned({ alg: 'HS512' }, {}, SECRET)],
    [
      'another secret',
      unsigned({ alg: 'HS256' }, {}, new TextEncoder().encode('another secret, as long as it has to be')),
    ],
    ['a critical header that is not known', unsigned({ alg: 'HS256', crit: ['x'], x: 1 }, {}, SECRET)],
    ['a key of its own', unsigned({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, {}, new Uint8Array(3))],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('%s is unauthorized', async (_, token) => {
    await expectRefused(await bySecret(), token);
  });

  test('a token with another payload under its signature is unauthorized', async () => {
    const [head, , signature] = (await sign({})).split('.');
    const payload = base64({ sub: 'admin', exp: LATER });
    await expectRefused(await bySecret(), [head, payload, signature].join('.'));
  });
});

describe('with public keys', () => {
  const es = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  test.each<[string, KeyObject]>([
    ['ES256', es.privateKey],
    ['EdDSA', ed.privateKey],
  ])('%s is taken', async (alg, key) => {
    const authenticator = await byKeySet(es.publicKey, ed.publicKey);
    expect(await authenticator.authenticate(await sign({}, alg, key), NOW)).toMatchObject({ subject: 'rep' });
  });

  test('RS256 is not, although its key is in the set', async () => {
    await expectRefused(await byKeySet(es.publicKey, rsa.publicKey), await sign({}, 'RS256', rsa.privateKey));
  });

  test('a public key used as a secret is not', async () => {
    const pem = es.publicKey.export({ type: 'spki', format: 'pem' });
    await expectRefused(await byKeySet(es.publicKey), unsigned({ alg: 'HS256' }, {}, Buffer.from(pem)));
  });

  test('a key that is not in the set is not', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await expectRefused(await byKeySet(es.publicKey), await sign({}, 'ES256', other.privateKey));
  });

  test('keys from an address are asked for when a token needs them; without them nobody can say, so it is busy', async () => {
    let status = 503;
    const server = createServer((_, response) => {
      exportJWK(es.publicKey).then(
        (key) =>
          response
            .writeHead(status, { 'content-type': 'application/json' })
            .end(JSON.stringify({ keys: [key] })),
        () => response.destroy(),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const authenticator = await createJoseAuthenticator({
      type: 'jwks',
      location: `http://127.0.0.1:${port}/jwks`,
    });
    const token = await sign({}, 'ES256', es.privateKey);
    await expect(authenticator.authenticate(token, NOW)).rejects.toMatchObject({ code: 'busy' });
    status = 200;
    expect(await authenticator.authenticate(token, NOW)).toMatchObject({ subject: 'rep' });
    await expectRefused(authenticator, await sign({ exp: 1 }, 'ES256', es.privateKey));
    server.close();
    server.closeAllConnections();
  });

  test.each(['', '[]', '{"keys":1}'])('a file with %j stops the start', async (text) => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, text);
    await expect(createJoseAuthenticator({ type: 'jwks', location: file })).rejects.toMatchObject({
      code: 'invalid-configuration',
    });
  });
});

function bySecret(): Promise<Authenticator> {
  return createJoseAuthenticator({ type: 'secret', secret: SECRET });
}

async function byKeySet(...keys: readonly KeyObject[]): Promise<Authenticator> {
  const location = join(folder, 'keys.json');
  const list = await Promise.all(
    keys.map(async (key, index) => ({ ...(await exportJWK(key)), kid: `k${index}` })),
  );
  writeFileSync(location, JSON.stringify({ keys: list }));
  return createJoseAuthenticator({ type: 'jwks', location });
}

async function sign(claims: object, alg = 'HS256', key: KeyObject | Uint8Array = SECRET): Promise<string> {
  return new SignJWT({ sub: 'rep', exp: LATER, ...claims }).setProtectedHeader({ alg }).sign(key);
}

/** A token put together by hand, as no library would. */
function unsigned(header: object, claims: object, key?: Uint8Array): string {
  const head = `${base64(header)}.${base64({ sub: 'rep', exp: LATER, ...claims })}`;
  const algorithm = 'alg' in header && header.alg === 'HS512' ? 'sha512' : 'sha256';
  return `${head}.${key === undefined ? '' : createHmac(algorithm, key).update(head).digest('base64url')}`;
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function expectRefused(authenticator: Authenticator, token: string): Promise<void> {
  await expect(authenticator.authenticate(token, NOW)).rejects.toMatchObject({
    code: 'unauthorized',
    message: 'the token is missing, invalid or expired',
  });
}
