import type {
  DeliveryTerms,
  JobFilter,
  JobRow,
  MessageStory,
  NewJob,
  QueueRow,
} from '../ports/gateway-store.ts';
import { deliveryTerms, tellsFateOf } from './delivery-terms.ts';
import { isJournal } from './queue-address.ts';
import type { QueueRoom, SizedMessage } from './queue-room.ts';
import { readStoredProperties } from './stored-properties.ts';

/** A message as a job looks at it. */
export interface JobMessage {
  readonly id: string;
  readonly properties: Uint8Array;
  readonly priority: number;
  readonly arrivedAt: number;
  readonly isLeased: boolean;
  readonly story: MessageStory | undefined;
}

/** The row of a job that begins. */
export function newJobRow({ now, ...job }: NewJob, position: string): JobRow {
  return { ...job, state: 'running', createdAt: now, updatedAt: now, looked: 0, done: 0, position };
}

/** What a step of a job did. */
export interface JobProgress {
  readonly looked: number;
  readonly done: number;
  /** Undefined at the end of the queue. */
  readonly position: string | undefined;
}

/** The row of a job behind a step. */
export function jobAfterStep(job: JobRow, step: JobProgress, now: number): JobRow {
  const done = job.done + step.done;
  const isDone = step.position === undefined || done >= (job.filter.max ?? Number.POSITIVE_INFINITY);
  return {
    ...job,
    looked: job.looked + step.looked,
    done,
    updatedAt: now,
    position: step.position ?? job.position,
    state: isDone ? 'done' : 'running',
  };
}

/**
 * Whether a job is for this message. Whoever has a message leased may finish it: only a purge takes it away, as deleting the
 * queue would.
 */
export function isForJob({ kind, filter }: JobRow, message: JobMessage): boolean {
  if (message.isLeased && kind !== 'purge') return false;
  return isFiltered(filter, message) && isOfProperties(filter, message.properties);
}

/** The queue that a message of the job goes to; undefined when it goes nowhere. */
export function targetOf({ kind, target }: JobRow, story: MessageStory | undefined): string | undefined {
  if (kind === 'purge') return undefined;
  return target ?? story?.entries.at(-1)?.queue;
}

/** How the story of a message goes on that a job takes out of its queue. */
export function codeOfJob({ kind }: JobRow): string {
  return kind === 'purge' ? 'purged' : kind === 'move' ? 'moved' : 'redriven';
}

/** Whether a queue has room for another message of a job. A queue that is paused for sending has. */
export function hasRoom(room: QueueRoom, queue: QueueRow, message: SizedMessage): boolean {
  return room.take({ ...queue, sendingPaused: false }, message) === undefined;
}

/**
 * What a message asks of the queue that it is moved to: its group, and what is left of its times. One whose time had run out
 * before, and that is redriven all the same, has no end any more.
 */
export function termsAfterMove(
  from: string,
  properties: Uint8Array,
  sentAt: number,
  now: number,
): DeliveryTerms {
  const { ack, ...read } = readStoredProperties(properties);
  // What stands in a journal is a copy: the message has had its fate.
  const told = isJournal(from) ? {} : tellsFateOf(ack);
  const terms = deliveryTerms(read, sentAt, now, true);
  if (typeof terms !== 'string') return { ...terms, ...told };
  return read.groupId === undefined ? told : { groupId: read.groupId, ...told };
}

function isFiltered(filter: JobFilter, { id, priority, arrivedAt, story }: JobMessage): boolean {
  if (filter.ids?.includes(id as never) === false) return false;
  if (filter.priority !== undefined && filter.priority !== priority) return false;
  if (filter.arrivedBefore !== undefined && arrivedAt >= filter.arrivedBefore) return false;
  return filter.code === undefined || story?.entries.at(-1)?.code === filter.code;
}

function isOfProperties({ label, correlationId, groupId }: JobFilter, bytes: Uint8Array): boolean {
  if (label === undefined && correlationId === undefined && groupId === undefined) return true;
  const properties = readStoredProperties(bytes);
  return (
    (label === undefined || properties.label === label) &&
    (correlationId === undefined || properties.correlationId === correlationId) &&
    (groupId === undefined || properties.groupId === groupId)
  );
}
