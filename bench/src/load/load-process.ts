import { join } from 'node:path';
import { startAsked } from '../servers/child-process.ts';
import type { ConsumeRequest } from './consume.ts';
import type { LoadQuestion } from './load-main.ts';
import type { LoadOutcome, LoadRequest } from './run-load.ts';

/** Devices and consumers in a process of their own. */
export interface LoadProcess {
  load(request: LoadRequest): Promise<LoadOutcome>;
  /** Resolves with milliseconds. */
  consume(request: ConsumeRequest): Promise<number>;
  stop(): Promise<void>;
}

export function startLoadProcess(): LoadProcess {
  const child = startAsked(join(import.meta.dirname, 'load-main.ts'));
  return {
    load: async (request) => child.ask<LoadOutcome>({ ...request, ask: 'load' } satisfies LoadQuestion),
    consume: async (request) => child.ask<number>({ ...request, ask: 'consume' } satisfies LoadQuestion),
    stop: async () => child.stop(),
  };
}
