import { INVOICES } from '../gateway/tokens.ts';
import type { Checker } from './checker.ts';

/** Consuming and sending in one transaction: what came of a message is there if, and only if, the message is settled. */
export const processing: Checker = {
  name: 'processing',
  about:
    'For each visit that arrived there is one invoice, for nothing else there is one, and each is booked once.',
  check: ({ history, isDrained }) => {
    const wrongs: string[] = [];
    const arrived = new Set<string>(history.arrivals.map(({ id }) => id));
    const invoices = new Map<string, number>();
    for (const { id, visit, undoneAt } of history.invoices) {
      if (!arrived.has(visit)) wrongs.push(`invoice ${id} is for ${visit}, which never arrived`);
      if (undoneAt === undefined) invoices.set(visit, (invoices.get(visit) ?? 0) + 1);
    }
    for (const [visit, count] of invoices) if (count > 1) wrongs.push(`visit ${visit} has ${count} invoices`);
    if (!isDrained) return wrongs;
    for (const { id, queue, undoneAt } of history.arrivals)
      if (queue === 'visits' && undoneAt === undefined && !invoices.has(id))
        wrongs.push(`visit ${id} was settled, and has no invoice`);
    const booked = new Set<string>();
    for (const { id, queue } of history.bookings) if (queue === INVOICES) booked.add(id);
    for (const { id, undoneAt } of history.invoices)
      if (undoneAt === undefined && !booked.has(id)) wrongs.push(`invoice ${id} was never booked`);
    return wrongs;
  },
};
