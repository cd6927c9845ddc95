import type { Row } from '../measure/sample.ts';
import type { Surroundings } from '../prepare/surroundings.ts';
import type { QueueFacts } from '../queues/run-queues.ts';
import type { Target } from './targets.ts';

/** Everything that a run found. */
export interface Report {
  readonly startedAt: string;
  readonly command: string;
  readonly sizes: string;
  readonly seed: number;
  readonly seconds: number;
  readonly orderBytes: number;
  readonly surroundings: Surroundings;
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
  /** Of a run of the queues. */
  readonly queues?: QueueFacts;
}
