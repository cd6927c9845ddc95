import type { MessageId } from '@fieldpost/protocol';
import { compareLedger } from '../../checkers/ledger.ts';
import { type Checker, laneOf, rightRefusal } from './checker.ts';

/** Disk to queue: everything that may arrive is in its queue, once, and nothing else is. */
export const intake: Checker = {
  name: 'intake',
  about: 'Every saved message is in its queue exactly once, unless it has to be refused.',
  check: ({ world, history, isDrained }) => {
    if (!isDrained) return [];
    const arrived = history.arrivals.filter(({ undoneAt }) => undoneAt === undefined);
    const ids = new Set<MessageId>(arrived.map(({ id }) => id));
    const lanes = new Map<string, string[]>();
    const wrongs: string[] = [];
    for (const message of history.saved.values()) {
      const refusal = rightRefusal(message, world);
      if (refusal !== undefined) continue;
      // A disk that went back or was lost, and a copy that cannot be read, may have been too late.
      if ((message.isExcused || message.isDamaged) && !ids.has(message.id)) continue;
      const lane = `${message.device} ${laneOf(message)}`;
      const keys = lanes.get(lane) ?? [];
      lanes.set(lane, keys);
      keys.push(message.id);
    }
    const { lost, duplicated, unexpected } = compareLedger(
      lanes,
      arrived.map(({ id }) => id),
    );
    for (const { lane, key, place } of lost) wrongs.push(`${lane}: ${key} is lost (${place})`);
    for (const { key, surplus } of duplicated) wrongs.push(`${key} arrived ${surplus + 1} times`);
    for (const key of unexpected) wrongs.push(`${key} arrived and should not have`);
    for (const { id, queue, priority, number, epoch } of arrived) {
      const message = history.saved.get(id);
      if (message === undefined) continue;
      const { stream } = message;
      if (
        stream.queue !== queue ||
        stream.priority !== priority ||
        stream.epoch !== epoch ||
        message.number !== number
      )
        wrongs.push(`${id} arrived as number ${number} of ${queue} ${priority}, not as it was saved`);
    }
    return wrongs;
  },
};
