import type { Clock } from '../ports/clock.ts';
import type { GatewayStore, JobRow, NewJob } from '../ports/gateway-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Arrivals } from './arrivals.ts';

export interface JobRunnerPorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly arrivals: Arrivals;
}

/** Does purges, moves and redrives, step by step, as fast as each may go. */
export interface JobRunner {
  /** Goes on with the jobs that an earlier run of the gateway left. */
  resume(): Promise<void>;
  start(job: NewJob): Promise<JobRow>;
  /** Resolves when no step is under way any more. Jobs that have not ended go on at the next start. */
  stop(): Promise<void>;
}

/** Messages of one step: some milliseconds of work, so that others' calls hardly wait for it. */
const STEP_MESSAGES = 500;
/** With a rate, so many steps are made in a second. */
const STEPS_PER_SECOND = 4;
/** How long a job waits for room in a queue, or for a store that fails. */
const WAIT_MS = 5_000;

export function createJobRunner({ store, clock, logger, arrivals }: JobRunnerPorts): JobRunner {
  const cancels = new Set<() => void>();
  const running = new Set<Promise<void>>();
  let isStopped = false;

  /** One step; resolves with how long to wait for the next, undefined when there is none. */
  const step = async (job: JobRow): Promise<number | undefined> => {
    const max = stepMessages(job);
    const result = await store.stepJob({ id: job.id, max, now: clock.now() });
    if (result === undefined) return undefined;
    for (const queue of result.arrivals) arrivals.notify(queue);
    if (result.job.state !== 'running') {
      const { id, kind, queue, done, looked, state } = result.job;
      logger.info({ job: id, kind, queue, done, looked, state }, 'a job has ended');
      return undefined;
    }
    if (result.isHeldBack) return WAIT_MS;
    return job.ratePerSecond === undefined ? 0 : Math.ceil((result.done * 1000) / job.ratePerSecond);
  };

  const run = async (job: JobRow): Promise<void> => {
    while (!isStopped) {
      const waitMs = await step(job).catch((error: unknown) => {
        if (!isStopped) logger.error({ error, job: job.id }, 'a step of a job failed; it is tried again');
        return WAIT_MS;
      });
      if (waitMs === undefined) return;
      if (waitMs > 0) await wait(waitMs);
    }
  };

  const wait = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        cancels.delete(stop);
        resolve();
      };
      const cancel = clock.schedule(delayMs, wake);
      const stop = (): void => {
        cancel();
        wake();
      };
      cancels.add(stop);
    });

  const begin = (job: JobRow): void => {
    const work = run(job);
    running.add(work);
    work.then(
      () => running.delete(work),
      () => running.delete(work),
    );
  };

  return {
    async resume() {
      for (const job of await store.listJobs()) if (job.state === 'running') begin(job);
    },
    async start(job) {
      const row = await store.startJob(job);
      begin(row);
      return row;
    },
    async stop() {
      isStopped = true;
      for (const cancel of Array.from(cancels)) cancel();
      await Promise.all(running);
    },
  };
}

function stepMessages({ ratePerSecond }: JobRow): number {
  if (ratePerSecond === undefined) return STEP_MESSAGES;
  return Math.max(1, Math.min(STEP_MESSAGES, Math.floor(ratePerSecond / STEPS_PER_SECOND)));
}
