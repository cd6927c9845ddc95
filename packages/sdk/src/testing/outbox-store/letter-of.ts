import type { DeadLetter } from '../../ports/outbox-store.ts';
import type { OutboxBench } from './outbox-place.ts';

/** A dead letter of a message that no segment holds, but for what `known` says of it. */
export function letterOf(bench: OutboxBench, known: Partial<DeadLetter> = {}): DeadLetter {
  const { id, body } = bench.message();
  return {
    id,
    stream: { epoch: bench.epoch(), queue: 'orders', priority: 3 },
    number: 7,
    state: 'refused',
    code: 'queue-not-found',
    message: body,
    savedAt: 1,
    setAsideAt: 2,
    ...known,
  };
}
