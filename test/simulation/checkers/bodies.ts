import { findChangedBodies } from '../../checkers/bodies.ts';
import type { Checker } from './checker.ts';

/** Bodies are what was sent: by SHA-256 in the queue, and as values at the consumer. */
export const bodies: Checker = {
  name: 'bodies',
  about: 'Every body is in the queue, and reaches its consumer, as it was sent.',
  check: ({ history }) => {
    const wrongs: string[] = [];
    for (const { id, bodyHash } of history.arrivals) {
      const message = history.saved.get(id);
      if (message !== undefined && message.bodyHash !== bodyHash)
        wrongs.push(`${id} has another body in its queue`);
    }
    const sent = new Map<string, unknown>();
    for (const { id, body } of history.sends.values()) if (id !== undefined) sent.set(id, body);
    const booked = history.bookings.map(({ id, body }) => ({ key: id, body }));
    for (const { key, difference } of findChangedBodies(sent, booked)) wrongs.push(`${key}: ${difference}`);
    return wrongs;
  },
};
