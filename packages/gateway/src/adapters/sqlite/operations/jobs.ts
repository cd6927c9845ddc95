import { uuidFromBytes } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
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
import type { JobRow, JobStep, JobStepRequest, NewJob } from '../../../ports/gateway-store.ts';
import type { QueueState, QueueStates } from '../queue-states.ts';
import type { EndMessages, Leaving } from './end-messages.ts';
import { usageOf } from './load-snapshot.ts';
import { MESSAGE_COLUMNS, type MessageColumns, priorityOfRow } from './stored-message.ts';
import { prepareStoryOf } from './story-of.ts';

/** Purges, moves and redrives: see the port. */
export interface Jobs {
  start(job: NewJob): JobRow;
  step(request: JobStepRequest): JobStep | undefined;
  cancel(id: string, now: number): JobRow | undefined;
  list(): readonly JobRow[];
}

/** Jobs that have ended and are still told of. */
const ENDED_MAX = 100;

export function prepareJobs(database: Database.Database, queues: QueueStates, ending: EndMessages): Jobs {
  const put = database.prepare<[string, string]>(
    'INSERT INTO jobs (id, job) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET job = excluded.job',
  );
  const select = database.prepare<[string], { job: string }>('SELECT job FROM jobs WHERE id = ?');
  const selectAll = database.prepare<[], { job: string }>('SELECT job FROM jobs');
  const remove = database.prepare<[string]>('DELETE FROM jobs WHERE id = ?');
  const look = prepareLook(database, queues);

  const find = (id: string): JobRow | undefined => {
    const text = select.get(id)?.job;
    return text === undefined ? undefined : (JSON.parse(text) as JobRow);
  };
  const save = (job: JobRow): JobRow => {
    put.run(job.id, JSON.stringify(job));
    return job;
  };
  const list = (): readonly JobRow[] => selectAll.all().map(({ job }) => JSON.parse(job) as JobRow);

  const apply = prepareApply(ending);

  return {
    list,
    start(job) {
      const queue = queues.findOrEmpty(job.queue);
      if (job.target !== undefined) queues.get(parentOf(job.target));
      const ended = list().filter(({ state }) => state !== 'running');
      for (const { id } of ended.toSorted((one, other) => other.updatedAt - one.updatedAt).slice(ENDED_MAX))
        remove.run(id);
      // What is not there has nothing in it, now and for this job always.
      const place: JobPlace = { queue: queue?.number ?? -1, arrivals: queue?.arrivals ?? 0, next: 0 };
      return save(newJobRow(job, formatJobPlace(place)));
    },
    step({ id, max, now }) {
      const job = find(id);
      if (job?.state !== 'running') return undefined;
      const queue = queues.find(job.queue);
      const place = parseJobPlace(job.position);
      // Another queue of this name holds nothing of what the job is for.
      if (queue === undefined || queue.number !== place.queue) {
        const ended = jobAfterStep(job, { looked: 0, done: 0, position: undefined }, now);
        return { job: save(ended), done: 0, arrivals: [], isHeldBack: false };
      }
      const { chosen, looked, next, isHeldBack } = look(queue, job, place, max, now);
      const arrivals = apply(queue, job, chosen, now);
      const position = next === undefined ? undefined : formatJobPlace({ ...place, next });
      const after = jobAfterStep(job, { looked, done: chosen.size, position }, now);
      return { job: save(after), done: chosen.size, arrivals, isHeldBack };
    },
    cancel(id, now) {
      const job = find(id);
      if (job?.state !== 'running') return job;
      return save({ ...job, state: 'cancelled', updatedAt: now });
    },
  };
}

type Apply = (
  queue: QueueState,
  job: JobRow,
  chosen: ReadonlyMap<number, string | undefined>,
  now: number,
) => readonly string[];

/** Takes the messages out that a step chose; answers the queues that got some. */
function prepareApply(ending: EndMessages): Apply {
  return (queue: QueueState, job: JobRow, chosen: ReadonlyMap<number, string | undefined>, now: number) => {
    const code = codeOfJob(job);
    const byTarget = new Map<string | undefined, number[]>();
    for (const [key, target] of chosen) byTarget.set(target, [...(byTarget.get(target) ?? []), key]);
    for (const [target, keys] of byTarget) {
      const leaving = (): Leaving => ({ code });
      if (target === undefined) ending.end(queue, new Map(keys.map((key) => [key, { code }])), now);
      else
        ending.move(queue, keys, target, leaving, now, (message) =>
          termsAfterMove(job.queue, propertiesOfHead(message.head), message.sent_at, now),
        );
    }
    return [...byTarget.keys()].filter((target) => target !== undefined);
  };
}

interface Looked {
  /** The messages to be taken, each with where it goes. */
  readonly chosen: ReadonlyMap<number, string | undefined>;
  readonly looked: number;
  /** The place to go on at; undefined at the end of the queue. */
  readonly next: number | undefined;
  readonly isHeldBack: boolean;
}

type Look = (queue: QueueState, job: JobRow, place: JobPlace, max: number, now: number) => Looked;

function prepareLook(database: Database.Database, queues: QueueStates): Look {
  const select = database.prepare<[number, number, number], LookedColumns>(
    `SELECT ${MESSAGE_COLUMNS}, length(body) AS body_bytes, hold.until, hold.token
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? ORDER BY message.key LIMIT ?`,
  );
  const storyOf = prepareStoryOf(database);

  return (queue, job, place, max, now) => {
    const end = queueEnd(queue.number);
    const most = Math.min(max, (job.filter.max ?? Number.POSITIVE_INFINITY) - job.done);
    const rooms = new Map<string, QueueRoom>();
    const chosen = new Map<number, string | undefined>();
    let looked = 0;
    let from = keyOfPlace(queue.number, place.next) ?? end;
    const stop = (key: number, isHeldBack: boolean): Looked => ({
      chosen,
      looked,
      next: key >= end ? undefined : placeOfKey(key),
      isHeldBack,
    });
    while (from < end) {
      const rows = select.all(from, end, max - looked + 1);
      if (rows.length === 0) return stop(end, false);
      for (const row of rows) {
        // It arrived after the job began, and so did all behind it of this priority.
        if (arrivalOfKey(row.key) > place.arrivals) {
          from = nextPriorityStart(row.key);
          break;
        }
        if (looked === max || chosen.size >= most) return stop(row.key, false);
        const story = storyOf(queue, row.key);
        const target = targetOf(job, story);
        const isWanted = isForJob(job, {
          id: uuidFromBytes(idOfHead(row.head)),
          properties: propertiesOfHead(row.head),
          priority: priorityOfRow(row),
          arrivedAt: row.arrived_at,
          isLeased: row.token !== null && (row.until ?? 0) > now,
          story,
        });
        // A dead letter whose queue is no more has nowhere to go back to.
        const known = target === undefined ? undefined : queues.find(parentOf(target));
        const isPossible = job.kind === 'purge' || (known !== undefined && target !== job.queue);
        if (isWanted && isPossible) {
          if (known !== undefined && !fits(queues, rooms, queue, known, row)) return stop(row.key, true);
          chosen.set(row.key, target);
        }
        looked += 1;
        from = row.key + 1;
      }
    }
    return stop(end, false);
  };
}

/** Whether there is room for a message in the queue that it goes to. Within one queue with its subqueues there always is. */
function fits(
  queues: QueueStates,
  rooms: Map<string, QueueRoom>,
  from: QueueState,
  target: QueueState,
  row: LookedColumns,
): boolean {
  const { name } = target.row;
  if (parentOf(from.row.name) === name) return true;
  const room = rooms.get(name) ?? new QueueRoom(new Map([[name, usageOf(queues, target.row) ?? NO_USAGE]]));
  rooms.set(name, room);
  return hasRoom(room, target.row, {
    properties: propertiesOfHead(row.head),
    body: { length: row.body_bytes },
  });
}

const NO_USAGE = { messages: 0, bytes: 0 };

type LookedColumns = MessageColumns & {
  readonly body_bytes: number;
  readonly until: number | null;
  readonly token: string | null;
};
