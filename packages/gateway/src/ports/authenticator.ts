/** Whom a token speaks for, and what it allows. */
export interface Principal {
  readonly subject: string;
  /** Unix milliseconds at which the token ends. */
  readonly expiresAt: number;
  readonly grants: Grants;
}

/** Queue patterns of the claim `fieldpost`: an exact name, or a prefix that ends in one `*`. */
export interface Grants {
  readonly send: readonly string[];
  readonly receive: readonly string[];
  readonly manage: readonly string[];
}

export type Permission = keyof Grants;

/** Checks tokens. */
export interface Authenticator {
  /** Fails with `unauthorized`, with no more detail than that, for anything but a valid token at `now`. */
  authenticate(token: string, now: number): Promise<Principal>;
}
