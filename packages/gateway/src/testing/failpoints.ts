import type { Failpoint, Failpoints } from '../ports/failpoints.ts';

/** The variable that names where a gateway under test ends itself: `push-committed:3` at the third time. */
export const FAILPOINT_VARIABLE = 'FIELDPOST_FAILPOINT';

/** Every failpoint; the compiler keeps the list complete. */
const POINTS: Readonly<Record<Failpoint, true>> = {
  'frame-received': true,
  'frame-parsed': true,
  'push-begun': true,
  'push-decided': true,
  'push-committed': true,
  'push-answered': true,
  'receive-begun': true,
  'receive-committed': true,
  'settle-begun': true,
  'settle-committed': true,
  'transaction-begun': true,
  'transaction-decided': true,
  'transaction-committed': true,
};

/** The names of all failpoints. */
export const FAILPOINTS: readonly Failpoint[] = Object.keys(POINTS) as Failpoint[];

/**
 * Failpoints of a description such as `push-committed:3`: the process kills itself, as `kill -9` would, when the named
 * point is reached for the third time. None for an undefined description.
 */
export function createFailpoints(description: string | undefined, kill: () => void = killSelf): Failpoints {
  const [name, count = '1'] = description?.split(':') ?? [];
  let left = Number.parseInt(count, 10);
  if (name !== undefined && (!Object.hasOwn(POINTS, name) || !(left >= 1))) {
    throw new RangeError(
      `${FAILPOINT_VARIABLE} is ${description}: POINT or POINT:COUNT, POINT one of ${FAILPOINTS.join(', ')}`,
    );
  }
  return {
    reach(point) {
      if (point !== name) return;
      left -= 1;
      if (left === 0) kill();
    },
  };
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
