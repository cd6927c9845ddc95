import { FieldpostError } from '../../core/fieldpost-error.ts';

/** A transaction failed while it was being committed: what it wrote may be there or not. */
export class CommitError extends Error {
  override readonly name = 'CommitError';
}

/** The error of a transaction that was to be committed, and was aborted. */
export function commitError(transaction: { readonly error: DOMException | null }): CommitError {
  const cause = abortReason(transaction);
  return new CommitError(`the commit failed: ${cause.name}`, { cause });
}

/** Why the browser aborted a transaction. A handle that dies takes its transactions along without a reason. */
export function abortReason({ error }: { readonly error: DOMException | null }): DOMException {
  return error ?? new DOMException('aborted without a reason', 'AbortError');
}

/** What the caller's own `decide` threw: none of the database's business, so it goes back as it is. */
export class DecideError extends Error {
  override readonly name = 'DecideError';
}

/**
 * - `refused`: an error that is already the answer, or the caller's own.
 * - `full`: the browser's quota is used up. The transaction was undone.
 * - `dead`: anything else. Most often the handle is dead, and a new one works.
 */
export type FailureKind = 'refused' | 'full' | 'dead';

export function failureKind(error: unknown): FailureKind {
  if (error instanceof FieldpostError || error instanceof DecideError) return 'refused';
  return errorName(error) === 'QuotaExceededError' ? 'full' : 'dead';
}

/** The error that the store's caller gets. `maybeDone`: a write may have been committed in one of the attempts. */
export function toFieldpostError(error: unknown, doing: string, maybeDone: boolean): unknown {
  if (error instanceof DecideError) return error.cause;
  if (error instanceof FieldpostError) return error;
  const options = { cause: error, ...(maybeDone ? { outcome: 'unknown' as const } : {}) };
  if (failureKind(error) === 'full') {
    return new FieldpostError(
      'storage-full',
      `${doing}: the browser's storage quota is used up; nothing was written. Free space on the device.`,
      options,
    );
  }
  const detail = error instanceof Error ? `${errorName(error)}: ${error.message}` : String(error);
  const left = maybeDone ? 'it is not known whether it was written' : 'nothing was written';
  return new FieldpostError(
    'storage-failed',
    `${doing}: the local database failed, ${left} (${detail})`,
    options,
  );
}

export function isCommitError(error: unknown): boolean {
  return error instanceof CommitError;
}

/** The name of the browser's error, also behind a failed commit. */
export function errorName(error: unknown): string | undefined {
  if (error instanceof CommitError) return errorName(error.cause);
  return error instanceof Error ? error.name : undefined;
}
