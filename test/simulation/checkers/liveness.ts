import { LIVENESS_WITHIN_MS } from '../world.ts';
import type { Checker } from './checker.ts';

/** Once the faults are over, everything is done within a bound. */
export const liveness: Checker = {
  name: 'liveness',
  about: 'After the faults end, every log is settled and every queue is empty within a bound.',
  check: ({ world, isDrained }) =>
    isDrained
      ? []
      : [`not done ${LIVENESS_WITHIN_MS} ms after the faults ended: ${world.describeRest().join('; ')}`],
};
