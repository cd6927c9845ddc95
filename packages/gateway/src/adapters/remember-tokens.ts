import type { Authenticator, Principal } from '../ports/authenticator.ts';

/** Keys that are taken out of a remote set stop working with so much delay at most, besides that of the set itself. */
const REMEMBER_MS = 60_000;
/** A token has a few hundred bytes, and 8 KiB at most. */
const REMEMBERED_MAX = 1000;

/**
 * Remembers for a minute which tokens were found valid: checking a signature costs as much as many a request. A token still
 * ends when it ends, and one that was refused is checked anew.
 */
export function rememberTokens(authenticator: Authenticator): Authenticator {
  const remembered = new Map<string, { readonly principal: Principal; readonly at: number }>();
  return {
    async authenticate(token, now) {
      const known = remembered.get(token);
      // A clock that was set back may be before the token's beginning.
      const isFresh = known !== undefined && now >= known.at && now - known.at < REMEMBER_MS;
      if (isFresh && now < known.principal.expiresAt) return known.principal;
      remembered.delete(token);
      const principal = await authenticator.authenticate(token, now);
      if (remembered.size >= REMEMBERED_MAX) {
        const [oldest] = remembered.keys();
        if (oldest !== undefined) remembered.delete(oldest);
      }
      remembered.set(token, { principal, at: now });
      return principal;
    },
  };
}
