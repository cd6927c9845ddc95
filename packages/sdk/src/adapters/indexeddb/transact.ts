import { commitError } from './failure.ts';
import type { Db, StoreName, Transaction } from './schema.ts';

/** `strict` survives power loss; `relaxed` is for what may be forgotten without harm. */
export type Durability = 'strict' | 'relaxed';

/** A result that leaves nothing written. */
export interface Aborted<Result> {
  readonly abort: Result;
}

/** Reads in one transaction. `body` awaits nothing but the transaction's own requests. */
export async function readIn<Result>(
  db: Db,
  stores: StoreName[],
  body: (transaction: Transaction<'readonly'>) => Promise<Result>,
): Promise<Result> {
  const transaction = db.transaction(stores, 'readonly');
  const ended = endOf(transaction);
  try {
    return await body(transaction);
  } catch (error) {
    throw await causeOf(error, transaction, ended);
  } finally {
    await ended;
  }
}

/** Reads one value. (The library's own shortcut leaves a rejection unhandled when its transaction is aborted.) */
export function readValue(db: Db, store: StoreName, key: IDBValidKey): Promise<unknown> {
  return readIn(db, [store], (transaction) => transaction.objectStore(store).get(key));
}

/**
 * Writes in one transaction and resolves when it is committed. When `body` throws, or returns `{ abort }`, nothing is
 * written. `body` awaits nothing but the transaction's own requests, and hands those whose result it does not need to
 * `unheard`: the transaction's end tells of their failures.
 *
 * It is left to commit by itself, when all requests have been answered. Told to before that, Firefox commits although one of
 * them fails, unless it is the last, and then half of what belongs together is written.
 */
export async function writeIn<Result>(
  db: Db,
  stores: StoreName[],
  durability: Durability,
  body: (transaction: Transaction<'readwrite'>) => Promise<Result | Aborted<Result>>,
): Promise<Result> {
  const transaction = db.transaction(stores, 'readwrite', { durability });
  const ended = endOf(transaction);
  let result: Result | Aborted<Result>;
  try {
    result = await body(transaction);
    if (isAborted(result)) transaction.abort();
  } catch (error) {
    throw await causeOf(error, transaction, ended);
  }
  const committed = await ended;
  if (isAborted(result)) return result.abort;
  if (!committed) throw commitError(transaction);
  return result;
}

/** Keeps a request that nobody waits for from becoming an unhandled rejection when its transaction is aborted. */
export function unheard(request: Promise<unknown> | undefined): void {
  request?.catch(() => undefined);
}

/**
 * Makes several requests at once and waits for all. When the transaction dies under one of them, the next throws at once,
 * and no promise of an earlier one may be left without a listener.
 */
export function together<Results extends readonly unknown[]>(
  ...requests: { readonly [Index in keyof Results]: () => Promise<Results[Index]> }
): Promise<Results> {
  const started = requests.map(async (request: () => Promise<unknown>) => request());
  return Promise.all(started) as Promise<unknown> as Promise<Results>;
}

/** Resolves when the transaction is over: with whether it was committed. */
function endOf(transaction: Transaction): Promise<boolean> {
  return transaction.done.then(
    () => true,
    () => false,
  );
}

/** Ends a transaction whose body threw. What the browser gives as its reason tells more than a request's `AbortError`. */
async function causeOf(thrown: unknown, transaction: Transaction, ended: Promise<boolean>): Promise<Error> {
  try {
    transaction.abort();
  } catch {
    // It is over already, for a reason of its own.
  }
  await ended;
  if (transaction.error !== null) return transaction.error;
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function isAborted<Result>(result: Result | Aborted<Result>): result is Aborted<Result> {
  return typeof result === 'object' && result !== null && 'abort' in result;
}
