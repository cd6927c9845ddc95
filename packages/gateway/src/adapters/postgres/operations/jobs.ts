import { uuidFromBytes } from '@fieldpost/protocol';
import { formatJobPlace, type JobPlace, parseJobPlace } from '../../../core/job-place.ts';
import {
  codeOfJob,
  hasRoom,
  isForJob,
  jobAfterStep,
  newJobRow,
  targetOf,
  termsAfterMove,
} from '../../../core/job.ts';
import { idOfHead, propertiesOfHead } from '../../../core/message-head.ts';
import {
  arrivalOfKey,
  keyOfPlace,
  nextPriorityStart,
  placeOfKey,
  queueEnd,
} from '../../../core/message-key.ts';
import { parentOf } from '../../../core/queue-address.ts';
import { QueueRoom } from '../../../core/queue-room.ts';
import type {
  DeliveryTerms,
  JobRow,
  JobStep,
  JobStepRequest,
  NewJob,
  QueueUsage,
} from '../../../ports/gateway-store.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import type { Leaving } from '../notices.ts';
import { type QueueState, usageOf } from '../queue-rows.ts';
import type { QueueWork } from '../queue-work.ts';
import { MESSAGE_COLUMNS, type MessageColumns, priorityOfRow, storyOfRow } from '../stored-message.ts';
import type { Transaction } from '../transaction.ts';
import { endMessages, moveMessages } from './end-messages.ts';
import type { TakenMessage } from './take-out.ts';

/** Jobs that have ended and are still told of. */
const ENDED_MAX = 100;

const PUT: Statement = {
  name: 'jobs-put',
  text: `INSERT INTO fieldpost.jobs (id, job) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET job = excluded.job`,
};
const LOCK: Statement = {
  name: 'jobs-lock',
  text: 'SELECT job FROM fieldpost.jobs WHERE id = $1 FOR UPDATE',
};
const LIST: Statement = { name: 'jobs-list', text: 'SELECT job FROM fieldpost.jobs ORDER BY id' };
const REMOVE: Statement = { name: 'jobs-remove', text: 'DELETE FROM fieldpost.jobs WHERE id = ANY($1)' };
const LOOK: Statement = {
  name: 'jobs-look',
  text: `SELECT ${MESSAGE_COLUMNS}, octet_length(body) AS body_bytes, stories.story, holds.until, holds.token
         FROM fieldpost.messages LEFT JOIN fieldpost.holds ON holds.key = messages.key
         LEFT JOIN fieldpost.stories ON stories.key = messages.key
         WHERE messages.key >= $1 AND messages.key < $2 ORDER BY messages.key LIMIT $3`,
};
const LOCK_MESSAGES: Statement = {
  name: 'jobs-lock-messages',
  text: 'SELECT key FROM fieldpost.messages WHERE key = ANY($1::bigint[]) ORDER BY key FOR UPDATE',
};
const LEASED: Statement = {
  name: 'jobs-leased',
  text: `SELECT key FROM fieldpost.holds WHERE key = ANY($1::bigint[]) AND token IS NOT NULL AND until > $2`,
};

/** All running jobs, and the latest of those that have ended. */
export async function listJobs(transaction: Transaction): Promise<readonly JobRow[]> {
  const rows = await transaction.rows<{ job: string }>(LIST);
  return rows.map(({ job }) => JSON.parse(job) as JobRow);
}

export async function startJob(work: QueueWork, job: NewJob): Promise<JobRow> {
  const { queues, transaction } = work;
  await queues.read([job.queue, ...(job.target === undefined ? [] : [job.target])]);
  const queue = queues.findOrEmpty(job.queue);
  if (job.target !== undefined) queues.get(parentOf(job.target));
  const ended = (await listJobs(transaction)).filter(({ state }) => state !== 'running');
  const old = ended.toSorted((one, other) => other.updatedAt - one.updatedAt).slice(ENDED_MAX);
  if (old.length > 0) await transaction.run(REMOVE, [old.map(({ id }) => id)]);
  // What is not there has nothing in it, now and for this job always.
  const place: JobPlace = { queue: queue?.number ?? -1, arrivals: queue?.arrivals ?? 0, next: 0 };
  return save(transaction, newJobRow(job, formatJobPlace(place)));
}

export async function cancelJob(work: QueueWork, id: string, now: number): Promise<JobRow | undefined> {
  const job = await lock(work.transaction, id);
  if (job?.state !== 'running') return job;
  return save(work.transaction, { ...job, state: 'cancelled', updatedAt: now });
}

export async function stepJob(
  work: QueueWork,
  { id, max, now }: JobStepRequest,
): Promise<JobStep | undefined> {
  const { transaction, queues } = work;
  const job = await lock(transaction, id);
  if (job?.state !== 'running') return undefined;
  const place = parseJobPlace(job.position);
  await queues.read([job.queue]);
  const queue = queues.find(job.queue);
  // Another queue of this name holds nothing of what the job is for.
  if (queue === undefined || queue.number !== place.queue) {
    const ended = jobAfterStep(job, { looked: 0, done: 0, position: undefined }, now);
    return { job: await save(transaction, ended), done: 0, arrivals: [], isHeldBack: false };
  }
  const looked = await new Look(work, queue, job, place).look(max, now);
  const chosen = await lockChosen(transaction, job, looked.chosen, now);
  const arrivals = await apply(work, queue, job, chosen, now);
  const position = looked.next === undefined ? undefined : formatJobPlace({ ...place, next: looked.next });
  const after = jobAfterStep(job, { looked: looked.looked, done: chosen.size, position }, now);
  return {
    job: await save(transaction, after),
    done: chosen.size,
    arrivals,
    isHeldBack: looked.isHeldBack,
  };
}

/** The messages to be taken, each with where it goes. */
type Chosen = ReadonlyMap<number, string | undefined>;

/** Others may have taken or leased some of them between the look and the lock. */
async function lockChosen(
  transaction: Transaction,
  job: JobRow,
  chosen: Chosen,
  now: number,
): Promise<Chosen> {
  if (chosen.size === 0) return chosen;
  const keys = bigintArray([...chosen.keys()]);
  const there = await transaction.rows<{ key: number }>(LOCK_MESSAGES, [keys]);
  const leased = await transaction.rows<{ key: number }>(LEASED, [keys, now]);
  const kept = new Set(there.map(({ key }) => key));
  // Whoever has a message leased may finish it, unless everything goes.
  if (job.kind !== 'purge') for (const { key } of leased) kept.delete(key);
  return new Map([...chosen].filter(([key]) => kept.has(key)));
}

/** Takes the messages out that a step chose; answers the queues that got some. */
async function apply(
  work: QueueWork,
  queue: QueueState,
  job: JobRow,
  chosen: Chosen,
  now: number,
): Promise<readonly string[]> {
  const leaving: Leaving = { code: codeOfJob(job) };
  const byTarget = new Map<string | undefined, Map<number, Leaving>>();
  for (const [key, target] of chosen)
    byTarget.set(target, (byTarget.get(target) ?? new Map<number, Leaving>()).set(key, leaving));
  const arrivals: string[] = [];
  for (const [target, fates] of byTarget) {
    if (target === undefined) {
      await endMessages(work, queue, fates, now);
      continue;
    }
    arrivals.push(target);
    const terms = (message: TakenMessage): DeliveryTerms =>
      termsAfterMove(job.queue, propertiesOfHead(message.head), message.sent_at, now);
    await moveMessages(work, queue, fates, { target, now, terms });
  }
  return arrivals;
}

interface Looked {
  readonly chosen: Chosen;
  readonly looked: number;
  /** The place to go on at; undefined at the end of the queue. */
  readonly next: number | undefined;
  readonly isHeldBack: boolean;
}

type LookedRow = MessageColumns & {
  readonly body_bytes: number;
  readonly until: number | null;
  readonly token: string | null;
};

/** One look of a job at a queue. */
class Look {
  readonly #work: QueueWork;
  readonly #queue: QueueState;
  readonly #job: JobRow;
  readonly #place: JobPlace;
  readonly #rooms = new Map<string, QueueRoom>();
  readonly #chosen = new Map<number, string | undefined>();
  #looked = 0;

  constructor(work: QueueWork, queue: QueueState, job: JobRow, place: JobPlace) {
    this.#work = work;
    this.#queue = queue;
    this.#job = job;
    this.#place = place;
  }

  async look(max: number, now: number): Promise<Looked> {
    const end = queueEnd(this.#queue.number);
    let from = keyOfPlace(this.#queue.number, this.#place.next) ?? end;
    while (from < end) {
      const rows = await this.#work.transaction.rows<LookedRow>(LOOK, [from, end, max - this.#looked + 1]);
      if (rows.length === 0) break;
      for (const row of rows) {
        // It arrived after the job began, and so did all behind it of this priority.
        if (arrivalOfKey(row.key) > this.#place.arrivals) {
          from = nextPriorityStart(row.key);
          break;
        }
        if (this.#looked === max || this.#chosen.size >= this.#most(max)) return this.#stop(row.key, false);
        if (!(await this.#consider(row, now))) return this.#stop(row.key, true);
        this.#looked += 1;
        from = row.key + 1;
      }
    }
    return this.#stop(end, false);
  }

  /** Returns false when there is no room for it where it goes. */
  async #consider(row: LookedRow, now: number): Promise<boolean> {
    const story = storyOfRow(row);
    const target = targetOf(this.#job, story);
    const isWanted = isForJob(this.#job, {
      id: uuidFromBytes(idOfHead(row.head)),
      properties: propertiesOfHead(row.head),
      priority: priorityOfRow(row),
      arrivedAt: row.arrived_at,
      isLeased: row.token !== null && (row.until ?? 0) > now,
      story,
    });
    if (!isWanted) return true;
    if (target === undefined) {
      if (this.#job.kind === 'purge') this.#chosen.set(row.key, undefined);
      return true;
    }
    const parent = parentOf(target);
    await this.#work.queues.read([parent]);
    // A dead letter whose queue is no more has nowhere to go back to.
    if (this.#work.queues.find(parent) === undefined || target === this.#job.queue) return true;
    if (!(await this.#fits(parent, row))) return false;
    this.#chosen.set(row.key, target);
    return true;
  }

  /** Whether there is room for a message in the queue that it goes to. Within one queue with its subqueues there always is. */
  async #fits(target: string, row: LookedRow): Promise<boolean> {
    if (parentOf(this.#job.queue) === target) return true;
    let room = this.#rooms.get(target);
    if (room === undefined) {
      // Nobody else fills it before these messages are there.
      await this.#work.queues.lock([target]);
      room = new QueueRoom(new Map([[target, await this.#usage(target)]]));
      this.#rooms.set(target, room);
    }
    const message = { properties: propertiesOfHead(row.head), body: { length: row.body_bytes } };
    return hasRoom(room, this.#work.queues.get(target).row, message);
  }

  async #usage(name: string): Promise<QueueUsage> {
    return usageOf(await this.#work.queues.held(name));
  }

  #most(max: number): number {
    return Math.min(max, (this.#job.filter.max ?? Number.POSITIVE_INFINITY) - this.#job.done);
  }

  #stop(key: number, isHeldBack: boolean): Looked {
    const next = key >= queueEnd(this.#queue.number) ? undefined : placeOfKey(key);
    return { chosen: this.#chosen, looked: this.#looked, next, isHeldBack };
  }
}

async function lock(transaction: Transaction, id: string): Promise<JobRow | undefined> {
  const [row] = await transaction.rows<{ job: string }>(LOCK, [id]);
  return row === undefined ? undefined : (JSON.parse(row.job) as JobRow);
}

async function save(transaction: Transaction, job: JobRow): Promise<JobRow> {
  await transaction.run(PUT, [job.id, JSON.stringify(job)]);
  return job;
}
