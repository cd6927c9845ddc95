import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { CodedError, type Rng } from '@fieldpost/protocol';
import { fuzz } from './fuzz.ts';
import { hostileJson, mutatedText } from './hostile-values.ts';
import { createJoseAuthenticator } from './internals.ts';

// Tokens as they come in a header, a handshake or a frame: signed rightly with any claims, signed wrongly, or no tokens.

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef');
const NOW = 1_800_000_000_000;
const CLAIMS = [
  'sub',
  'exp',
  'nbf',
  'iat',
  'fieldpost',
  'send',
  'receive',
  'manage',
  '__proto__',
  'constructor',
] as const;

fuzz(async () => {
  const authenticator = await createJoseAuthenticator({ type: 'secret', secret: SECRET });
  const reached = { taken: 0, refused: 0 };
  return {
    name: 'tokens',
    reached,
    draw,
    feed: async (token) => {
      let principal;
      try {
        principal = await authenticator.authenticate(token, NOW);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        assert.equal(error.code, 'unauthorized');
        reached.refused += 1;
        return;
      }
      reached.taken += 1;
      assert.ok(isSigned(token), 'taken without a good signature');
      assert.ok(principal.expiresAt > NOW, 'taken although it has expired');
      assert.ok(principal.subject !== '', 'taken without a subject');
      for (const patterns of Object.values(principal.grants))
        for (const pattern of patterns) assert.match(pattern, /^[a-z0-9._-]*\*?$/);
    },
  };
}, 'tokens');

/** Reckoned here once more, without the library. */
function isSigned(token: string): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const read: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
  return (
    Reflect.get(Object(read), 'alg') === 'HS256' &&
    signatureOf(`${header}.${payload}`) === Buffer.from(signature, 'base64url').toString('base64url')
  );
}

function draw(rng: Rng): string {
  const header = rng.chance(0.7)
    ? { alg: 'HS256', typ: 'JWT' }
    : {
        alg: rng.pick(['none', 'None', 'HS384', 'RS256', 'ES256', '', 7]),
        ...Object(hostileJson(rng, ['kid', 'jwk', 'jku', 'crit', 'b64', 'typ'])),
      };
  const good = {
    sub: 'rep',
    exp: NOW / 1000 + 60,
    fieldpost: { send: ['orders'], receive: ['a*'], manage: [] },
  };
  const claims: unknown = rng.chance(0.3)
    ? hostileJson(rng, CLAIMS)
    : { ...good, ...(rng.chance(0.7) ? { [rng.pick(CLAIMS)]: hostileJson(rng, CLAIMS) } : {}) };
  const signed = `${part(header)}.${part(claims)}`;
  const token = `${signed}.${rng.chance(0.8) ? signatureOf(signed) : rng.chance(0.5) ? '' : part(hostileJson(rng, CLAIMS))}`;
  return rng.chance(0.6) ? token : mutatedText(token, rng);
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
}

function signatureOf(signed: string): string {
  return createHmac('sha256', SECRET).update(signed).digest('base64url');
}
