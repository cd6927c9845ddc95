import { createRng } from '@fieldpost/protocol';
import { OutboxBench, type OutboxPlace } from './outbox-place.ts';

/** Runs a test on a place of its own, and clears up after it. */
export type WithBench = (run: (bench: OutboxBench) => Promise<void>) => Promise<void>;

/** A {@link WithBench} of an adapter's places. The ids of a test are the same in every run. */
export function benchesOf(makePlace: () => OutboxPlace | Promise<OutboxPlace>): WithBench {
  let benches = 0;
  return async (run) => {
    const bench = new OutboxBench(await makePlace(), createRng(`outbox-store/${++benches}`));
    try {
      await run(bench);
    } finally {
      await bench.end();
    }
  };
}
