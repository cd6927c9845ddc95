import { streamKeyText } from '@fieldpost/protocol';
import { laneText } from '../../core/lane.ts';
import { forgetFences, putFence } from './fence.ts';
import { type EpochRecord, fateKey, parseEpochRecord, parseFate, parseLog, parseMark } from './record.ts';
import type { Db, Transaction } from './schema.ts';
import { keysAfter, keysBetween, parseSegmentKey, type WrittenKey } from './segment-key.ts';
import { together, unheard, writeIn } from './transact.ts';

/**
 * Removes settled segments from the beginning of the log, by one range of keys. What their keys said of their epochs'
 * tails is written down; epochs that have nothing left and are as old go with them, and a tab that still writes in one
 * mints a new epoch.
 *
 * Need not survive power loss: what comes back is settled, and is removed again.
 */
export function trim(
  db: Db,
  { savedBefore, keepBytes }: { readonly savedBefore: number; readonly keepBytes: number },
): Promise<number> {
  return writeIn<number>(
    db,
    ['segments', 'epochs', 'suppliedIds', 'marks', 'fates', 'state'],
    'relaxed',
    async (transaction) => {
      const { settledUpTo } = parseLog(await transaction.objectStore('state').get('log'));
      const stored = await transaction.objectStore('segments').getAllKeys(keysAfter(0));
      const keys = stored.map(parseSegmentKey).filter((key) => key !== undefined);
      const settled = keys.filter(({ position }) => position <= settledUpTo);
      const removed = settled.slice(0, removable(settled, savedBefore, keepBytes));
      const last = removed.at(-1);
      if (last === undefined) return { abort: 0 };
      unheard(transaction.objectStore('segments').delete(keysBetween(0, last.position)));
      unheard(transaction.objectStore('state').put(last.position, 'trimmed'));
      // Whoever saves next finds no segment to put a fence after.
      if (removed.length === keys.length) unheard(putFence(transaction, last.position));
      unheard(forgetFences(transaction, last.position));
      await foldIntoEpochs(transaction, removed);
      await forgetSuppliedIds(transaction, last.position);
      await forgetFates(transaction, removed);
      await forgetEpochs(transaction, keys.slice(removed.length), savedBefore);
      return removed.length;
    },
  );
}

/** How many of the settled segments go: all before the first that is young, and as many as are too much. */
function removable(settled: readonly WrittenKey[], savedBefore: number, keepBytes: number): number {
  const young = settled.findIndex(({ savedAt }) => savedAt >= savedBefore);
  let tooMuch = settled.length;
  for (let bytes = 0; tooMuch > 0; tooMuch--) {
    bytes += settled[tooMuch - 1]?.bytes ?? 0;
    if (bytes > keepBytes) break;
  }
  return Math.max(young === -1 ? settled.length : young, tooMuch);
}

async function foldIntoEpochs(
  transaction: Transaction<'readwrite'>,
  removed: readonly WrittenKey[],
): Promise<void> {
  const epochs = transaction.objectStore('epochs');
  const records = new Map<string, EpochRecord>();
  for (const { stream, first, count, position, savedAt } of removed) {
    const before = records.get(stream.epoch) ?? parseEpochRecord(await epochs.get(stream.epoch));
    const lane = laneText(stream);
    const last = Math.max(before?.lanes[lane] ?? 0, first + count - 1);
    records.set(stream.epoch, {
      through: position,
      lanes: { ...before?.lanes, [lane]: last },
      savedAt: Math.max(before?.savedAt ?? 0, savedAt),
    });
  }
  for (const [epoch, record] of records) unheard(epochs.put(record, epoch));
}

async function forgetSuppliedIds(transaction: Transaction<'readwrite'>, upTo: number): Promise<void> {
  const ids = transaction.objectStore('suppliedIds');
  const gone = await ids.index('position').getAllKeys(IDBKeyRange.upperBound(upTo));
  for (const id of gone) unheard(ids.delete(id));
}

async function forgetFates(
  transaction: Transaction<'readwrite'>,
  removed: readonly WrittenKey[],
): Promise<void> {
  const fates = transaction.objectStore('fates');
  const stored: unknown[] = await fates.getAllKeys();
  if (stored.length === 0) return;
  // Segments are removed from the beginning of the log, and so from the beginning of each stream.
  const last = new Map(removed.map(({ stream, first, count }) => [streamKeyText(stream), first + count - 1]));
  for (const key of stored) {
    const fate = parseFate(key, '');
    if (fate !== undefined && fate.number <= (last.get(streamKeyText(fate.stream)) ?? 0))
      unheard(fates.delete(fateKey(fate)));
  }
}

async function forgetEpochs(
  transaction: Transaction<'readwrite'>,
  remaining: readonly WrittenKey[],
  savedBefore: number,
): Promise<void> {
  const epochs = transaction.objectStore('epochs');
  const marks = transaction.objectStore('marks');
  const [names, records, markKeys, markValues] = await together(
    () => epochs.getAllKeys(),
    () => epochs.getAll(),
    () => marks.getAllKeys(),
    () => marks.getAll(),
  );
  const kept = new Set<unknown>(remaining.map(({ stream }) => stream.epoch));
  for (const [index, name] of names.entries()) {
    const record = parseEpochRecord(records[index]);
    if (record !== undefined && record.savedAt >= savedBefore) kept.add(name);
    if (!kept.has(name)) unheard(epochs.delete(name));
  }
  for (const [index, key] of markKeys.entries()) {
    const epoch: unknown = Array.isArray(key) ? key[0] : undefined;
    const isReopened = parseMark(key, markValues[index])?.reopened !== undefined;
    if (!kept.has(epoch) && !isReopened) unheard(marks.delete(key));
  }
}
