import type { Rng } from '@fieldpost/protocol';
import type { World } from '../world.ts';
import type { FaultKind, Strike } from './fault.ts';

/** Faults of the way between a device, or a consumer, and the gateways. */
export const NETWORK_FAULTS: readonly FaultKind[] = [
  armedOnLine('frame-dropped', 'A frame, a request or an answer is lost without a word.'),
  armedOnLine('frame-doubled', 'A frame or a request arrives twice.'),
  armedOnLine(
    'frame-overtaken',
    'A frame arrives before one sent earlier, or a request long after its asker gave up.',
  ),
  armedOnLine('connection-cut', 'The connection is cut, before or behind a frame.'),
  armedOnLine(
    'cut-in-mid-frame',
    'The connection is cut in the middle of a frame; sometimes its beginning arrives.',
  ),
  armedOnLine('connection-refused', 'An attempt to connect fails.'),
  armedOnLine('captive-portal', 'A request is answered by a sign-in page.', 'consumers'),
  {
    name: 'half-open',
    about: 'Every open connection of a machine dies, and neither side is told.',
    strike: (world, rng) => {
      const line = rng.pick(world.lines);
      if (!line.isInUse) return 'not-now';
      line.darken();
      return 'fired';
    },
  },
  {
    name: 'offline',
    about: 'A machine is without a network for a while; nobody is told.',
    strike: (world, rng) => {
      rng.pick(world.lines).goOffline(2_000 + rng.below(60_000));
      return 'fired';
    },
  },
  {
    name: 'clogged',
    about: 'Nothing moves in one direction, or in both, for a while; then all of it comes at once.',
    strike: (world, rng) => {
      const directions = rng.pick([['up'], ['down'], ['up', 'down']] as const);
      rng.pick(world.lines).clog(directions, 1_000 + rng.below(40_000));
      return 'fired';
    },
  },
  {
    name: 'slow-line',
    about: 'Everything takes seconds on a line for a while.',
    strike: (world, rng) => {
      rng.pick(world.lines).slowDown(500 + rng.below(12_000), 5_000 + rng.below(40_000));
      return 'fired';
    },
  },
  {
    name: 'all-cut',
    about: 'Every connection of every machine is cut at once.',
    strike: (world) => {
      if (!world.lines.some((line) => line.isInUse)) return 'not-now';
      for (const line of world.lines) line.cutAll('all cut');
      return 'fired';
    },
  },
];

function armedOnLine(name: string, about: string, whose: 'all' | 'consumers' = 'all'): FaultKind {
  return {
    name,
    about,
    strike: (world: World, rng: Rng): Strike => {
      const lines = whose === 'all' ? world.lines : world.consumerLines;
      world.book.arm(name, rng.pick(lines).name);
      return 'armed';
    },
  };
}
