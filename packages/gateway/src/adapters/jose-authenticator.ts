import { readFile } from 'node:fs/promises';
import { CodedError, LIMITS } from '@fieldpost/protocol';
import {
  createLocalJWKSet,
  customFetch,
  createRemoteJWKSet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { isPattern } from '../core/permissions.ts';
import type { Authenticator, Principal } from '../ports/authenticator.ts';

/** Where the keys come from that tokens are checked with. */
export type TokenKeys =
  /** HS256 with a shared secret of at least 32 bytes. */
  | { readonly type: 'secret'; readonly secret: Uint8Array }
  /** ES256 or EdDSA with a public key of a JSON Web Key Set, from a file path or an http(s) URL. */
  | { readonly type: 'jwks'; readonly location: string };

/**
 * Checks JSON Web Tokens. The allowed algorithms follow from the kind of key and never from the token, so that neither
 * `none` nor a public key used as a secret passes.
 */
export async function createJoseAuthenticator(keys: TokenKeys): Promise<Authenticator> {
  const verify = await verifier(keys);
  return {
    async authenticate(token, now) {
      if (token.length > LIMITS.tokenBytes) throw unauthorized();
      try {
        return readPrincipal(await verify(token, new Date(now)), now);
      } catch (cause) {
        throw cause instanceof CodedError ? cause : unauthorized(cause);
      }
    },
  };
}

type Verify = (token: string, currentDate: Date) => Promise<JWTPayload>;

async function verifier(keys: TokenKeys): Promise<Verify> {
  if (keys.type === 'secret') {
    const { secret } = keys;
    return async (token, currentDate) => {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: ['HS256'],
        requiredClaims: REQUIRED,
        currentDate,
      });
      return payload;
    };
  }
  const keySet = await loadKeySet(keys.location);
  return async (token, currentDate) => {
    const options = { algorithms: ['ES256', 'EdDSA'], requiredClaims: REQUIRED, currentDate };
    const { payload } = await jwtVerify(token, keySet, options);
    return payload;
  };
}

async function loadKeySet(location: string): Promise<JWTVerifyGetKey> {
  // A remote set is fetched when the first token comes, and again when a key is not in it.
  if (/^https?:\/\//.test(location))
    return createRemoteJWKSet(new URL(location), { [customFetch]: fetchKeys });
  try {
    return createLocalJWKSet(keySetSchema.parse(JSON.parse(await readFile(location, 'utf8'))));
  } catch (cause) {
    throw new CodedError(
      'invalid-configuration',
      `tokenJwks: ${location} holds no JSON Web Key Set that can be read`,
      { cause },
    );
  }
}

const REQUIRED = ['exp', 'sub'];

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const patterns = z.array(z.string().refine(isPattern)).max(256).default([]);

const claimsSchema = z.object({
  sub: z.string().min(1).max(255),
  exp: z
    .number()
    .positive()
    .max(Number.MAX_SAFE_INTEGER / 1000),
  fieldpost: z.object({ send: patterns, receive: patterns, manage: patterns }).prefault({}),
});

function readPrincipal(payload: JWTPayload, now: number): Principal {
  const { sub, exp, fieldpost } = claimsSchema.parse(payload);
  const expiresAt = Math.floor(exp * 1000);
  if (expiresAt <= now) throw unauthorized();
  return { subject: sub, expiresAt, grants: fieldpost };
}

/** Fetches keys; what goes wrong with that is not the token's fault. */
async function fetchKeys(url: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, init);
    if (response.ok) return response;
    throw new Error(`status ${response.status}`);
  } catch (cause) {
    throw new CodedError('busy', `the keys that tokens are checked with cannot be had from ${url}`, {
      cause,
    });
  }
}

/** Says no more than the code: what is wrong with a token helps only who forges one. */
function unauthorized(cause?: unknown): CodedError {
  return new CodedError('unauthorized', 'the token is missing, invalid or expired', { cause });
}
