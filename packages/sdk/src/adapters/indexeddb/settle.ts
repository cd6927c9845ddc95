import { type MessageId, streamKeyText } from '@fieldpost/protocol';
import type { DeadLetter, DrainLease, SegmentKey, Settlement, Skip } from '../../ports/outbox-store.ts';
import { takeFromSegment } from './cancel.ts';
import {
  deadLetterRecord,
  fateKey,
  type LogRecord,
  markKey,
  markRecord,
  parseLease,
  parseLog,
} from './record.ts';
import type { Db, StoreName, Transaction } from './schema.ts';
import { keysAfter, parseSegmentKey } from './segment-key.ts';
import { forgetSkips, putSkip } from './skips.ts';
import { type Aborted, together, unheard, writeIn } from './transact.ts';

const STORES: StoreName[] = ['state', 'marks', 'deadLetters', 'fates', 'skips'];

/** Writes what the gateway's answers say, if `holder` holds the drain lease as this transaction finds it. */
export function settle(db: Db, holder: string, settlement: Settlement): Promise<boolean> {
  const { marks = [], fates = [], expired = [] } = settlement;
  // Saves wait for whoever writes segments.
  const stores: StoreName[] = expired.length === 0 ? STORES : [...STORES, 'segments'];
  return writeIn<boolean>(db, stores, 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const letters = latestOfEach(settlement.deadLetters ?? []);
    const byId = transaction.objectStore('deadLetters').index('id');
    const skips = transaction.objectStore('skips');
    const [lease, log, skipKeys, ...places] = await together<[unknown, unknown, IDBValidKey[], ...unknown[]]>(
      () => state.get('lease'),
      () => state.get('log'),
      () => skips.getAllKeys(),
      ...letters.map(
        ({ id }) =>
          () =>
            byId.getKey(id),
      ),
    );
    if (parseLease(lease)?.holder !== holder) return { abort: false };
    putLog(transaction, log, settlement);
    for (const mark of marks) {
      unheard(transaction.objectStore('marks').put(markRecord(mark), markKey(mark.stream)));
    }
    for (const fate of [...letters, ...fates]) {
      unheard(transaction.objectStore('fates').put(fate.code, fateKey(fate)));
    }
    forgetSkips(transaction, skipKeys, marks);
    // The same message set aside again takes its old place.
    for (const [index, letter] of letters.entries()) {
      unheard(transaction.objectStore('deadLetters').put(deadLetterRecord(letter), keyOf(places[index])));
    }
    await skipExpired(transaction, expired, parseLog(log).settledUpTo);
    return true;
  });
}

/**
 * Takes, renews or gives up the lease. One that lasts implausibly long was taken before the clock was set back, and would
 * keep everybody from draining for as long: it counts as ended.
 */
export function takeLease(
  db: Db,
  { holder, until, now }: { readonly holder: string; readonly until: number; readonly now: number },
): Promise<DrainLease | undefined> {
  return writeIn<DrainLease | undefined>(db, ['state'], 'relaxed', async (transaction) => {
    const state = transaction.objectStore('state');
    const held = parseLease(await state.get('lease'));
    const plausibleUntil = now + 2 * Math.max(until - now, 0);
    const gone = held === undefined || held.until <= now || (until > now && held.until > plausibleUntil);
    if (held !== undefined && held.holder !== holder && !gone) return { abort: held };
    if (until === 0) {
      unheard(state.delete('lease'));
      return undefined;
    }
    unheard(state.put({ holder, until }, 'lease'));
    return { holder, until };
  });
}

/** Forgets a dead letter. Resolves with whether it was there. */
export function discardDeadLetter(db: Db, id: MessageId): Promise<boolean> {
  return writeIn<boolean>(
    db,
    ['deadLetters'],
    'strict',
    async (transaction): Promise<boolean | Aborted<boolean>> => {
      const letters = transaction.objectStore('deadLetters');
      const place = await letters.index('id').getKey(id);
      if (place === undefined) return { abort: false };
      unheard(letters.delete(place));
      return true;
    },
  );
}

/** Messages that have expired become skips; their bytes go where their dead letters have them. */
async function skipExpired(
  transaction: Transaction<'readwrite'>,
  expired: readonly Skip[],
  settledUpTo: number,
): Promise<void> {
  if (expired.length === 0) return;
  const raws = await transaction.objectStore('segments').getAllKeys(keysAfter(settledUpTo));
  for (const skip of expired) putSkip(transaction, skip);
  for (const key of raws.map(parseSegmentKey)) {
    if (key === undefined) continue;
    const text = streamKeyText(key.stream);
    const numbers = expired
      .filter(({ stream, number }) => isIn(key, number) && streamKeyText(stream) === text)
      .map(({ number }) => number);
    if (numbers.length > 0) await takeFromSegment(transaction, key, numbers, { code: '', isFinal: true });
  }
}

function isIn({ first, count }: SegmentKey, number: number): boolean {
  return first <= number && number < first + count;
}

function putLog(transaction: Transaction<'readwrite'>, stored: unknown, settlement: Settlement): void {
  const { settledUpTo, session, generation, contacts } = settlement;
  if ([settledUpTo, session, generation, contacts].every((part) => part === undefined)) return;
  const before = parseLog(stored);
  const log: LogRecord = {
    settledUpTo: settledUpTo ?? before.settledUpTo,
    session: session ?? before.session,
    generation: generation ?? before.generation,
    reopenings: before.reopenings,
    contacts: contacts ?? before.contacts,
  };
  unheard(transaction.objectStore('state').put(log, 'log'));
}

function latestOfEach(letters: readonly DeadLetter[]): readonly DeadLetter[] {
  return [...new Map(letters.map((letter) => [letter.id, letter])).values()];
}

/** A dead letter's place is the number that the database gave it. */
function keyOf(place: unknown): number | undefined {
  return typeof place === 'number' ? place : undefined;
}
