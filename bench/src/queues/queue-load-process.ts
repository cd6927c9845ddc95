import { join } from 'node:path';
import { startAsked } from '../servers/child-process.ts';
import type { QueueTarget } from './queue-contestant.ts';
import type { QueueQuestion } from './queue-load-main.ts';
import type { ConsumeRequest, EnqueueRequest } from './queue-load.ts';

/** Producers and consumers in a process of their own. Rates are messages per second. */
export interface QueueLoadProcess {
  /** What the server says of itself. */
  readonly description: string;
  enqueue(request: EnqueueRequest): Promise<number>;
  consume(request: ConsumeRequest): Promise<number>;
  count(): Promise<number>;
  stop(): Promise<void>;
}

export async function startQueueLoad(target: QueueTarget, seed: number): Promise<QueueLoadProcess> {
  const child = startAsked(join(import.meta.dirname, 'queue-load-main.ts'));
  const ask = async <Answer>(question: QueueQuestion): Promise<Answer> => child.ask<Answer>(question);
  try {
    return {
      description: await ask<string>({ ask: 'connect', target, seed }),
      enqueue: async (request) => ask<number>({ ...request, ask: 'enqueue' }),
      consume: async (request) => ask<number>({ ...request, ask: 'consume' }),
      count: async () => ask<number>({ ask: 'count' }),
      stop: async () => child.stop(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
