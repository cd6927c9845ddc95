import { SignJWT } from 'jose';
import type { TokenMinter } from '../ports/token-minter.ts';

/** Makes HS256 tokens with a shared secret. */
export function createJoseTokenMinter(secret: Uint8Array): TokenMinter {
  return {
    mint: ({ subject, grants, expiresAt }) =>
      new SignJWT({ fieldpost: { ...grants } })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(subject)
        .setExpirationTime(Math.floor(expiresAt / 1000))
        .sign(secret),
  };
}
