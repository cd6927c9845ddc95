import type { FaultKind } from './fault.ts';

/** Faults of those who consume. */
export const CONSUMER_FAULTS: readonly FaultKind[] = [
  armedAtQueue('consumer-stalled', 'A consumer works on a message until long after its lease has ended.'),
  armedAtQueue('handler-failed', 'The work on a message fails.'),
  armedAtQueue('consumer-killed-after-work', 'A consumer dies when its work is done and not acknowledged.'),
  {
    name: 'consumer-killed',
    about: 'A consumer dies at any moment.',
    strike: (world, rng) => {
      const living = world.consumers.filter(({ process }) => !process.isDead);
      if (living.length === 0) return 'not-now';
      rng.pick(living).process.kill();
      return 'fired';
    },
  },
  {
    name: 'consumer-frozen',
    about: 'A consumer stands still for longer than its leases last, then goes on.',
    strike: (world, rng) => {
      const running = world.consumers.filter(({ process }) => process.isRunning);
      if (running.length === 0) return 'not-now';
      const { process } = rng.pick(running);
      process.freeze();
      world.timeline.schedule(2_000 + rng.below(40_000), () => process.thaw());
      return 'fired';
    },
  },
];

function armedAtQueue(name: string, about: string): FaultKind {
  return {
    name,
    about,
    strike: (world, rng) => {
      world.book.arm(name, rng.pick(['orders', 'visits', 'notes']));
      return 'armed';
    },
  };
}
