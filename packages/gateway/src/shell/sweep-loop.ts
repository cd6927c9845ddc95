import { deadLetterQueueOf } from '../core/queue-address.ts';
import type { Clock } from '../ports/clock.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Arrivals } from './arrivals.ts';

export interface SweepingPorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly arrivals: Arrivals;
}

/** How often it is looked whether something has run out, when there was nothing more to do. */
const PAUSE_MS = 1_000;

/**
 * Ends messages whose time has run out, also while nobody calls: space comes back, dead letters are there, and consumers
 * that wait hear of what became visible by it. Returns the way to stop; it resolves when nothing is under way any more.
 */
export function startSweeping({ store, clock, logger, arrivals }: SweepingPorts): () => Promise<void> {
  let isStopped = false;
  let cancel = (): void => undefined;
  let running: Promise<void> = Promise.resolve();

  const sweep = async (): Promise<number> => {
    const { ended, unjournaled, isMore } = await store.sweep(clock.now());
    for (const [queue, messages] of ended) {
      logger.info({ queue, messages }, 'messages ended: their time or their last lease has run out');
      arrivals.notify(queue);
      arrivals.notify(deadLetterQueueOf(queue));
    }
    for (const [queue, messages] of unjournaled)
      logger.error({ queue, messages }, 'messages were removed without a copy: the journal is full');
    return isMore ? 0 : PAUSE_MS;
  };
  const turn = async (): Promise<void> => {
    // A store that failed has told whoever ends the process; on a full disk a later turn does it.
    const pauseMs = await sweep().catch((error: unknown) => {
      logger.error({ error }, 'messages whose time has run out could not be ended');
      return PAUSE_MS;
    });
    if (!isStopped) schedule(pauseMs);
  };
  const schedule = (pauseMs: number): void => {
    cancel = clock.schedule(pauseMs, () => {
      running = turn();
    });
  };
  schedule(PAUSE_MS);
  return async () => {
    isStopped = true;
    cancel();
    await running;
  };
}
