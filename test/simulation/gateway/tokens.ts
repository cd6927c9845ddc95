import { type Authenticator, type Grants, type Principal } from '@fieldpost/gateway';
import { CodedError } from '@fieldpost/protocol';

export const INVOICES = 'invoices';

/**
 * Queues of every world: messages to `missing` are refused, some to `tiny`, those of most subjects to `private`. For each
 * visit its consumer sends an invoice, in the transaction that settles the visit.
 */
export const QUEUES = ['orders', 'visits', 'notes', 'tiny', 'private', INVOICES] as const;
export const TINY_BYTES = 120;

const NOTHING: Grants = { send: [], receive: [], manage: [] };

/** By subject: what its tokens allow. */
const GRANTS: Readonly<Record<string, Grants>> = {
  operator: { ...NOTHING, manage: ['*'] },
  rep: { ...NOTHING, send: ['orders', 'visits', 'notes', 'tiny', 'missing'] },
  auditor: { ...NOTHING, send: ['orders', 'visits', 'notes', 'tiny', 'missing', 'priv*'] },
  clerk: { ...NOTHING, receive: ['orders', 'visits', 'notes', 'tiny', INVOICES], send: [INVOICES] },
  archivist: { ...NOTHING, receive: ['private'] },
};

export function grantsOf(subject: string): Grants {
  return GRANTS[subject.split('-', 1)[0] ?? ''] ?? NOTHING;
}

/** A token is its subject and its end in plain text: what a signature proves is not this simulation's business. */
export function makeToken(subject: string, expiresAt: number): string {
  return `${subject} ${expiresAt}`.replaceAll(' ', '~');
}

export const simAuthenticator: Authenticator = {
  authenticate(token, now): Promise<Principal> {
    const [subject, end] = token.split('~');
    const expiresAt = Number(end);
    if (subject === undefined || !(expiresAt > now)) {
      return Promise.reject(new CodedError('unauthorized', 'the token is missing, invalid or expired'));
    }
    return Promise.resolve({ subject, expiresAt, grants: grantsOf(subject) });
  },
};
