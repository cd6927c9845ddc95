import { type Code, CodedError } from '@fieldpost/protocol';
import Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';

/** How far an error reaches. */
export type Reach =
  /** One call: nothing of it is written, the others go on. */
  | 'call'
  /** Everything in the open transaction; the store itself is sound. */
  | 'transaction'
  /** The store: what reached the disk is in doubt. Trying again could acknowledge what is not there. */
  | 'store';

/** How far an error of a call reaches. Errors of a `decide` reach no further than its own call; damage reaches everywhere. */
export function reachOf(error: unknown): Reach {
  if (error instanceof StoreError && error.code === 'store-damaged') return 'store';
  if (!(error instanceof Database.SqliteError)) return 'call';
  if (error.code === 'SQLITE_FULL') return 'transaction';
  return /^SQLITE_(?:CONSTRAINT|TOOBIG|MISMATCH|RANGE)/.test(error.code) ? 'call' : 'store';
}

/** What callers get for an error of a call: SQLite's own errors as StoreError, others as they are. */
export function callerError(error: unknown, file: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = codeOf(error);
  return new StoreError(
    code,
    `${TEXTS[code] ?? 'the store failed'} (${error.code} on ${file}: ${error.message})`,
    {
      cause: error,
    },
  );
}

/** What the opener of a store gets. */
export function openingError(error: unknown, file: string): CodedError {
  if (error instanceof CodedError) return error;
  const code = openingCodeOf(error);
  const text = OPENING_TEXTS[code] ?? 'the store cannot be opened';
  return new StoreError(code, `${text} (${detailOf(error)} on ${file})`, { cause: error });
}

/** The `errno` name of a system call's error, or SQLite's own. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Our code for an error of SQLite or the system. */
export function codeOf(error: unknown): Code {
  const name = systemCodeOf(error) ?? '';
  if (name === 'SQLITE_FULL' || name === 'ENOSPC') return 'store-full';
  if (name === 'SQLITE_TOOBIG') return 'too-large';
  if (/^SQLITE_CONSTRAINT_(?:PRIMARYKEY|UNIQUE|ROWID)/.test(name)) return 'conflict';
  if (/^SQLITE_(?:CONSTRAINT|MISMATCH|RANGE)/.test(name)) return 'internal';
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(name)) return 'store-damaged';
  return /^(?:SQLITE_READONLY|EROFS$|EACCES$|EPERM$)/.test(name) ? 'store-read-only' : 'store-failed';
}

function openingCodeOf(error: unknown): Code {
  const name = systemCodeOf(error) ?? '';
  if (/^SQLITE_(?:BUSY|LOCKED)/.test(name)) return 'store-locked';
  return name.startsWith('SQLITE_CANTOPEN') ? 'store-read-only' : codeOf(error);
}

function detailOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${systemCodeOf(error) ?? 'no code'}: ${message}`;
}

const TEXTS: Partial<Record<Code, string>> = {
  'store-full': 'the disk is full; nothing of the call was stored: free space, then call again',
  'store-failed': 'the disk failed; nothing more is acknowledged: check the disk, then start again',
  'store-damaged': 'the file is damaged; nothing more is acknowledged: restore a backup',
  'store-read-only': 'the file cannot be written any more; nothing more is acknowledged',
  'too-large': 'a value is larger than the store takes',
  conflict: 'a row with this key exists',
};

const OPENING_TEXTS: Partial<Record<Code, string>> = {
  ...TEXTS,
  'store-locked': 'another gateway has this store open: stop it, or give this one its own data folder',
  'store-read-only':
    'the file or its folder cannot be opened for writing: check owner, permissions and the mount',
  'store-failed': 'the disk failed while the store was opened',
  'store-damaged': 'this is not a store, or it is damaged: restore a backup',
  'store-full': 'the disk is full: free space, then start again',
};
