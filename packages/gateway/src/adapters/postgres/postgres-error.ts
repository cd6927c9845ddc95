import type { Code } from '@fieldpost/protocol';
import pg from 'pg';
import { StoreError } from '../../core/store-error.ts';
import { ConnectionLost } from './connection.ts';

/** Somebody else was faster: the transaction is to be run again from its beginning. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain';
}

/** What is to be done about an error of a transaction that has not been committed. */
export type Remedy =
  /** Run it again: a deadlock, or somebody else was faster. */
  | 'again'
  /** Only one call is at fault: run each alone. */
  | 'apart'
  /** All calls fail: the database does not answer, or cannot do it now. */
  | 'give-up';

export function remedyFor(error: unknown): Remedy {
  if (error instanceof TryAgain) return 'again';
  if (error instanceof ConnectionLost) return 'give-up';
  if (!(error instanceof pg.DatabaseError)) return 'apart';
  const { code = '' } = error;
  if (AGAIN.has(code)) return 'again';
  return /^(?:21|22|23|42|54)/.test(code) ? 'apart' : 'give-up';
}

/** Whether it has ended the transaction, and is not one of the call alone. */
export function isOfDatabase(error: unknown): boolean {
  return error instanceof TryAgain || error instanceof ConnectionLost || error instanceof pg.DatabaseError;
}

/** What callers get for an error of the database; others as they are. */
export function callerError(error: unknown): unknown {
  if (error instanceof TryAgain) return unavailable(`${error.message}, again and again`, error);
  if (error instanceof ConnectionLost) return unavailable(error.message, error);
  return error instanceof pg.DatabaseError ? ofDatabase(error) : error;
}

/** The database does not answer; nothing of the call was stored. */
export function unavailable(detail: string, cause?: unknown): StoreError {
  return new StoreError(
    'store-unavailable',
    `the database cannot be used now (${detail}); nothing of the call was stored: call again`,
    { cause },
  );
}

/** The answer to a commit got lost: nobody knows whether it was done. */
export function inDoubt(detail: string, cause?: unknown): StoreError {
  return new StoreError(
    'store-unavailable',
    `the database did not say whether it stored the call (${detail}): call again`,
    { cause },
  );
}

/** Deadlocks, failed serialisation, and locks that were waited for too long. */
const AGAIN: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);

function ofDatabase(error: pg.DatabaseError): StoreError {
  const code = codeOf(error.code ?? '');
  if (code === 'store-unavailable') return unavailable(`${error.code}: ${error.message}`, error);
  return new StoreError(
    code,
    `${TEXTS[code] ?? 'the database refused it'} (${error.code}: ${error.message})`,
    {
      cause: error,
    },
  );
}

function codeOf(sqlState: string): Code {
  if (sqlState === '53100') return 'store-full';
  if (sqlState === '58030') return 'store-failed';
  if (sqlState === '23505') return 'conflict';
  if (/^XX00[12]/.test(sqlState)) return 'store-damaged';
  if (sqlState.startsWith('54')) return 'too-large';
  return /^(?:21|22|23|42|XX)/.test(sqlState) ? 'internal' : 'store-unavailable';
}

const TEXTS: Partial<Record<Code, string>> = {
  'store-full': "the database's disk is full; nothing of the call was stored: free space, then call again",
  'store-failed': "the database's disk failed: check it",
  'store-damaged': 'the database is damaged: restore a backup',
  conflict: 'a row with this key exists',
  'too-large': 'a value is larger than the database takes',
};
