import type { MessageId } from '@fieldpost/protocol';
import type { DeadLetter, DrainLease, Settlement } from '../../ports/outbox-store.ts';
import {
  deadLetterRecord,
  fateKey,
  type LogRecord,
  markKey,
  markRecord,
  parseLease,
  parseLog,
} from './record.ts';
import type { Db, Transaction } from './schema.ts';
import { type Aborted, together, unheard, writeIn } from './transact.ts';

/** Writes what the gateway's answers say, if `holder` holds the drain lease as this transaction finds it. */
export function settle(db: Db, holder: string, settlement: Settlement): Promise<boolean> {
  return writeIn<boolean>(db, ['state', 'marks', 'deadLetters', 'fates'], 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const letters = latestOfEach(settlement.deadLetters ?? []);
    const byId = transaction.objectStore('deadLetters').index('id');
    const [lease, log, ...places] = await together<unknown[]>(
      () => state.get('lease'),
      () => state.get('log'),
      ...letters.map(
        ({ id }) =>
          () =>
            byId.getKey(id),
      ),
    );
    if (parseLease(lease)?.holder !== holder) return { abort: false };
    putLog(transaction, log, settlement);
    for (const mark of settlement.marks ?? []) {
      unheard(transaction.objectStore('marks').put(markRecord(mark), markKey(mark.stream)));
    }
    for (const letter of letters) {
      unheard(transaction.objectStore('fates').put(letter.code, fateKey(letter)));
    }
    // The same message set aside again takes its old place.
    for (const [index, letter] of letters.entries()) {
      unheard(transaction.objectStore('deadLetters').put(deadLetterRecord(letter), keyOf(places[index])));
    }
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
