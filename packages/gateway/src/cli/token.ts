import { parseDuration } from '@fieldpost/protocol';
import { developmentSecret } from '../adapters/development-secret.ts';
import { createJoseTokenMinter } from '../adapters/jose-token-minter.ts';
import { ConfigError } from '../config/config-error.ts';
import type { GatewayConfig } from '../config/load-config.ts';
import { isPattern } from '../core/permissions.ts';

/** What a token is to say, as texts of the command line. */
export interface TokenArguments {
  readonly sub: string;
  readonly send: readonly string[];
  readonly receive: readonly string[];
  readonly manage: readonly string[];
  readonly expires: string;
}

/**
 * Makes a token with the gateway's own secret.
 *
 * @throws ConfigError for an argument out of bounds, or when tokens are checked with public keys only
 */
export async function token(config: GatewayConfig, given: TokenArguments, now: number): Promise<string> {
  const grants = {
    send: patterns('--send', given.send),
    receive: patterns('--receive', given.receive),
    manage: patterns('--manage', given.manage),
  };
  const lifetimeMs = parseDuration(given.expires);
  if (lifetimeMs === undefined || lifetimeMs < 1000) {
    throw new ConfigError(
      `--expires is ${JSON.stringify(given.expires)}: must be a time such as 30m, 12h or 7d`,
    );
  }
  const minter = createJoseTokenMinter(secretOf(config));
  return minter.mint({ subject: given.sub, grants, expiresAt: now + lifetimeMs });
}

function patterns(flag: string, list: readonly string[]): readonly string[] {
  for (const item of list) {
    if (!isPattern(item))
      throw new ConfigError(
        `${flag} has ${JSON.stringify(item)}: must be a queue name, or a prefix with one * behind it`,
      );
  }
  return list;
}

function secretOf({ tokens, dataDir }: GatewayConfig): Uint8Array {
  switch (tokens.type) {
    case 'development':
      return developmentSecret(dataDir);
    case 'secret':
      return new TextEncoder().encode(tokens.secret);
    case 'jwks':
      throw new ConfigError('tokenJwks holds public keys: only who has the private key can make tokens');
  }
}
