import {
  codeOfJob,
  hasRoom,
  isForJob,
  jobAfterStep,
  newJobRow,
  targetOf,
  termsAfterMove,
} from '../../core/job.ts';
import { parentOf } from '../../core/queue-address.ts';
import { QueueRoom } from '../../core/queue-room.ts';
import { StoreError } from '../../core/store-error.ts';
import type { JobRow, JobStep, JobStepRequest, NewJob, QueueUsage } from '../../ports/gateway-store.ts';
import { endMessage, moveMessage } from './end-messages.ts';
import {
  arrivalOf,
  inQueueOrder,
  type MemoryDisk,
  type MemoryMessage,
  type MemoryQueue,
} from './memory-disk.ts';

const ENDED_MAX = 100;

/** Begins a job on what the queue holds now. */
export function startMemoryJob(disk: MemoryDisk, job: NewJob): JobRow {
  for (const name of [job.queue, ...(job.target === undefined ? [] : [job.target])]) {
    if (!disk.queues.has(parentOf(name)))
      throw new StoreError('queue-not-found', `no queue is named "${name}"`);
  }
  const ended = [...disk.jobs.values()].filter(({ state }) => state !== 'running');
  for (const { id } of ended.toSorted((one, other) => other.updatedAt - one.updatedAt).slice(ENDED_MAX))
    disk.jobs.delete(id);
  const queue = disk.queues.get(job.queue);
  const position = `${queue?.serial ?? -1} ${queue?.arrivals ?? 0} 0`;
  const row = newJobRow(job, position);
  disk.jobs.set(row.id, row);
  return row;
}

/** Does the next step of a job. */
export function stepMemoryJob(
  disk: MemoryDisk,
  { id, max, now }: JobStepRequest,
  usage: (name: string) => QueueUsage,
): JobStep | undefined {
  const job = disk.jobs.get(id);
  if (job?.state !== 'running') return undefined;
  const [serial = 0, arrivals = 0, next = 0] = job.position.split(' ').map(Number);
  const found = disk.queues.get(job.queue);
  const queue = found?.serial === serial ? found : undefined;
  const messages =
    queue === undefined
      ? []
      : Array.from(inQueueOrder(queue)).filter((one) => one.key >= next && arrivalOf(one) <= arrivals);
  const most = Math.min(max, (job.filter.max ?? Number.POSITIVE_INFINITY) - job.done);
  const rooms = new Map<string, QueueRoom>();
  const chosen = new Map<MemoryMessage, string | undefined>();
  let looked = 0;
  let stopped: MemoryMessage | undefined;
  let isHeldBack = false;
  for (const message of messages) {
    if (looked === max || chosen.size >= most) stopped = message;
    const target = targetOf(job, message.story);
    const known = target === undefined ? undefined : disk.queues.get(parentOf(target));
    const isPossible = job.kind === 'purge' || (known !== undefined && target !== job.queue);
    const isWanted = stopped === undefined && isPossible && isForJob(job, described(message, now));
    if (isWanted && known !== undefined && !fits(rooms, job.queue, known, message, usage)) {
      stopped = message;
      isHeldBack = true;
    }
    if (stopped !== undefined) break;
    if (isWanted) chosen.set(message, target);
    looked += 1;
  }
  const targets = queue === undefined ? [] : apply(disk, queue, job, chosen, now);
  const position = stopped === undefined ? undefined : `${serial} ${arrivals} ${stopped.key}`;
  const after = jobAfterStep(job, { looked, done: chosen.size, position }, now);
  disk.jobs.set(id, after);
  return { job: after, done: chosen.size, arrivals: targets, isHeldBack };
}

/** Ends a job where it is. */
export function cancelMemoryJob(disk: MemoryDisk, id: string, now: number): JobRow | undefined {
  const job = disk.jobs.get(id);
  if (job?.state !== 'running') return job;
  const cancelled: JobRow = { ...job, state: 'cancelled', updatedAt: now };
  disk.jobs.set(id, cancelled);
  return cancelled;
}

function apply(
  disk: MemoryDisk,
  queue: MemoryQueue,
  job: JobRow,
  chosen: ReadonlyMap<MemoryMessage, string | undefined>,
  now: number,
): string[] {
  const leaving = { code: codeOfJob(job) };
  for (const [message, target] of chosen) {
    if (target === undefined) endMessage(disk, queue, message, leaving, now);
    else {
      const terms = termsAfterMove(job.queue, message.properties, message.sentAt, now);
      moveMessage(disk, queue, message, target, leaving, now, terms);
    }
  }
  return [...new Set(chosen.values())].filter((target) => target !== undefined);
}

function described(message: MemoryMessage, now: number): Parameters<typeof isForJob>[1] {
  const { id, properties, priority, arrivedAt, story, leaseToken, leasedUntil } = message;
  const isLeased = leaseToken !== undefined && leasedUntil > now;
  return { id, properties, priority, arrivedAt, isLeased, story };
}

function fits(
  rooms: Map<string, QueueRoom>,
  from: string,
  { row }: MemoryQueue,
  message: MemoryMessage,
  usage: (name: string) => QueueUsage,
): boolean {
  if (parentOf(from) === row.name) return true;
  const room = rooms.get(row.name) ?? new QueueRoom(new Map([[row.name, usage(row.name)]]));
  rooms.set(row.name, room);
  return hasRoom(room, row, message);
}
