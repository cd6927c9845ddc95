import type { Grants } from './authenticator.ts';

/** Makes tokens: for development and for operators' own scripts. */
export interface TokenMinter {
  mint(claims: TokenClaims): Promise<string>;
}

export interface TokenClaims {
  readonly subject: string;
  readonly grants: Grants;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}
