import { streamKeyText } from '@fieldpost/protocol';
import type { MessagePlace, Skip, StreamMark } from '../../ports/outbox-store.ts';
import { fateKey, parseSkip, skipRecord } from './record.ts';
import type { Transaction } from './schema.ts';
import { together, unheard } from './transact.ts';

/** The skips whose answers are not settled. One that cannot be read is none. */
export async function readSkips(transaction: Transaction): Promise<readonly Skip[]> {
  const skips = transaction.objectStore('skips');
  const [keys, values] = await together(
    () => skips.getAllKeys(),
    () => skips.getAll(),
  );
  return keys.map((key, index) => parseSkip(key, values[index])).filter((skip) => skip !== undefined);
}

/** Puts a skip; of one that is for good, what became of its number is known. */
export function putSkip(transaction: Transaction<'readwrite'>, skip: Skip): void {
  unheard(transaction.objectStore('skips').put(skipRecord(skip), fateKey(skip)));
  if (skip.isFinal) unheard(transaction.objectStore('fates').put(skip.code, fateKey(skip)));
}

/** Removes the skips among these keys whose numbers are settled by the marks. */
export function forgetSkips(
  transaction: Transaction<'readwrite'>,
  keys: readonly IDBValidKey[],
  marks: readonly StreamMark[],
): void {
  if (keys.length === 0) return;
  const acknowledged = new Map(marks.map((mark) => [streamKeyText(mark.stream), mark.acknowledged]));
  for (const key of keys) {
    const place = placeOf(key);
    if (place !== undefined && place.number <= (acknowledged.get(streamKeyText(place.stream)) ?? 0))
      unheard(transaction.objectStore('skips').delete(key));
  }
}

function placeOf(key: IDBValidKey): MessagePlace | undefined {
  const skip = parseSkip(key, { id: '00000000-0000-0000-0000-000000000000', code: '' });
  return skip === undefined ? undefined : { stream: skip.stream, number: skip.number };
}
