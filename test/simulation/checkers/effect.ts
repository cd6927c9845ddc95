import { compareLedger } from '../../checkers/ledger.ts';
import { INVOICES } from '../gateway/tokens.ts';
import type { Checker } from './checker.ts';

/** Queue to consumer: the work that messages ask for is done once for each, and the sums of it are right. */
export const effect: Checker = {
  name: 'effect',
  about: 'Each message that arrived was booked once by a consumer of its queue, and the sums agree.',
  check: ({ history, isDrained }) => {
    if (!isDrained) return [];
    // Of what consumers send, `processing` knows.
    const bookings = history.bookings.filter(({ queue }) => queue !== INVOICES);
    const lanes = new Map<string, string[]>();
    for (const { id, queue, undoneAt } of history.arrivals) {
      if (undoneAt !== undefined) continue;
      const ids = lanes.get(queue) ?? [];
      lanes.set(queue, ids);
      ids.push(id);
    }
    // Booked, and then the store went back to before it: nothing can undo the work.
    const undone = new Set<string>(
      history.arrivals.filter(({ undoneAt }) => undoneAt !== undefined).map(({ id }) => id),
    );
    const { lost, duplicated, unexpected } = compareLedger(
      lanes,
      bookings.map(({ id }) => id),
    );
    const wrongs = [
      ...lost.map(({ lane, key, place }) => `${lane}: ${key} was never booked (${place})`),
      ...duplicated.map(({ key, surplus }) => `${key} was booked ${surplus + 1} times`),
      ...unexpected.filter((key) => !undone.has(key)).map((key) => `${key} was booked and never arrived`),
    ];
    const queueOf = new Map(history.arrivals.map(({ id, queue }) => [id, queue]));
    for (const { id, queue } of bookings)
      if (queueOf.get(id) !== queue)
        wrongs.push(`${id} arrived in ${queueOf.get(id)} and was booked in ${queue}`);
    return wrongs;
  },
};
