import { type MessageId, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import { StoreError } from '../../core/store-error.ts';
import type {
  Change,
  LostPage,
  LostRange,
  LostRequest,
  NumberedFate,
  StreamRow,
} from '../../ports/gateway-store.ts';
import { bigintArray, smallintArray, uuidArray } from './binary-array.ts';
import type { Statement, Value } from './connection.ts';
import { epochOf } from './device-rows.ts';
import { KeptRows, type UndoLog } from './kept-rows.ts';
import { TryAgain } from './postgres-error.ts';
import type { Transaction } from './transaction.ts';

const KEYS = `unnest($1::uuid[], $2::text[], $3::smallint[])`;

const LOCK: Statement = {
  name: 'streams-lock',
  text: `SELECT epoch, queue, priority, accepted, accepted_id
         FROM ${KEYS} AS asked (epoch, queue, priority) JOIN fieldpost.streams USING (epoch, queue, priority)
         ORDER BY epoch, queue, priority FOR UPDATE OF streams`,
};
const FATES: Statement = {
  name: 'fates-select',
  text: `SELECT epoch, queue, priority, found.number, found.kind, found.id, found.code
         FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bigint[]) AS asked (epoch, queue, priority, since)
         CROSS JOIN LATERAL (SELECT number, kind, id, code FROM fieldpost.fates
           WHERE fates.epoch = asked.epoch AND fates.queue = asked.queue AND fates.priority = asked.priority
             AND fates.number > asked.since
           ORDER BY number LIMIT $5) AS found`,
};
const LOST: Statement = {
  name: 'lost-select',
  text: `SELECT epoch, queue, priority, first, last, device, recorded_at
         FROM ${KEYS} AS asked (epoch, queue, priority) JOIN fieldpost.lost USING (epoch, queue, priority)`,
};
const LIST_LOST: Statement = {
  name: 'lost-list',
  text: `SELECT epoch, queue, priority, first, last, device, recorded_at FROM fieldpost.lost
         WHERE (epoch, queue, priority, first) > ($1, $2, $3, $4)
         ORDER BY epoch, queue, priority, first LIMIT $5`,
};
/** The mark is compared again as it is set: what keeps every message single does not rest on the lock alone. */
const UPDATE: Statement = {
  name: 'streams-update',
  text: `UPDATE fieldpost.streams SET accepted = new.accepted, accepted_id = new.accepted_id
         FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bigint[], $5::uuid[], $6::bigint[])
           AS new (epoch, queue, priority, accepted, accepted_id, before)
         WHERE streams.epoch = new.epoch AND streams.queue = new.queue AND streams.priority = new.priority
           AND streams.accepted = new.before`,
};
const INSERT: Statement = {
  name: 'streams-insert',
  text: `INSERT INTO fieldpost.streams (epoch, queue, priority, accepted, accepted_id)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bigint[], $5::uuid[])
         ON CONFLICT DO NOTHING`,
};
const INSERT_FATES: Statement = {
  name: 'fates-insert',
  text: `INSERT INTO fieldpost.fates (epoch, queue, priority, number, kind, id, code)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::bigint[], $5::text[], $6::uuid[], $7::text[])`,
};
const PUT_LOST: Statement = {
  name: 'lost-put',
  text: `INSERT INTO fieldpost.lost (epoch, queue, priority, first, last, device, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (epoch, queue, priority, first)
         DO UPDATE SET last = excluded.last, device = excluded.device, recorded_at = excluded.recorded_at`,
};
const REMOVE_LOST: Statement = {
  name: 'lost-remove',
  text: 'DELETE FROM fieldpost.lost WHERE epoch = $1 AND queue = $2 AND priority = $3 AND first = $4',
};

interface StreamColumns {
  readonly epoch: string;
  readonly queue: string;
  readonly priority: number;
}
type MarkColumns = StreamColumns & { readonly accepted: number; readonly accepted_id: string };
type FateColumns = StreamColumns & Fate & NumberedFate;
type LostColumns = StreamColumns & {
  readonly first: number;
  readonly last: number;
  readonly device: LostRange['device'];
  readonly recorded_at: number;
};

interface Mark {
  readonly key: StreamKey;
  readonly accepted: number;
  readonly id: MessageId;
}

interface Fate extends NumberedFate {
  readonly kind: 'refuse' | 'skip';
}

/** Refusals and skips of a stream above `since`: all of them, or the first so many. */
interface Fates {
  readonly since: number;
  readonly isComplete: boolean;
  readonly list: readonly Fate[];
}

/** A stream that a call wants to see. */
export interface AskedStream {
  readonly key: StreamKey;
  readonly since: number;
  readonly fatesMax: number;
}

/** The streams that a transaction has to do with, locked, with their refusals, skips and lost ranges. */
export class StreamRows {
  readonly #transaction: Transaction;
  readonly #undo: UndoLog;
  readonly #marks: KeptRows<Mark>;
  readonly #fates: KeptRows<Fates>;
  readonly #lost: KeptRows<readonly LostRange[]>;
  #newFates: { readonly key: StreamKey; readonly fate: Fate }[] = [];
  #lostWrites: { readonly statement: Statement; readonly values: readonly Value[] }[] = [];

  constructor(transaction: Transaction, undo: UndoLog) {
    this.#transaction = transaction;
    this.#undo = undo;
    this.#marks = new KeptRows(undo);
    this.#fates = new KeptRows(undo);
    this.#lost = new KeptRows(undo);
  }

  /** Whether everything that is asked for is here. */
  covers({ key, since, fatesMax }: AskedStream): boolean {
    const text = streamKeyText(key);
    const fates = this.#fates.get(text);
    if (!this.#marks.isLoaded(text) || fates === undefined) return false;
    if (fates.isComplete) return fates.since <= since;
    return fates.since === since && fatesMax < fates.list.length;
  }

  /** Locks streams and reads what belongs to them. */
  async lock(asked: readonly AskedStream[]): Promise<void> {
    const missing = asked.filter((stream) => !this.covers(stream));
    if (missing.length === 0) return;
    const streams = new Map<string, AskedStream>();
    for (const { key, since, fatesMax } of missing) {
      const known = streams.get(streamKeyText(key));
      // Of one that two ask for differently, everything.
      const isSame = known === undefined || (known.since === since && known.fatesMax === fatesMax);
      const all = isSame ? fatesMax : ALL;
      streams.set(streamKeyText(key), { key, since: Math.min(since, known?.since ?? since), fatesMax: all });
    }
    const list = [...streams.values()];
    const fatesMax = list.reduce((most, stream) => Math.max(most, stream.fatesMax), 0);
    const keys = keyValues(list.map(({ key }) => key));
    const since = bigintArray(list.map((stream) => stream.since));
    const limit = Math.min(fatesMax, ALL) + 1;
    const [marks, fates, lost] = await Promise.all([
      this.#transaction.rows<MarkColumns>(LOCK, keys),
      this.#transaction.rows<FateColumns>(FATES, [...keys, since, limit]),
      this.#transaction.rows<LostColumns>(LOST, keys),
    ]);
    const markOf = byStream(marks);
    const fatesOf = byStream(fates);
    const lostOf = byStream(lost);
    for (const [text, stream] of streams) {
      const [mark] = markOf.get(text) ?? [];
      this.#marks.load(text, mark === undefined ? undefined : markRow(mark));
      const found = (fatesOf.get(text) ?? []).map(({ number, kind, id, code }): Fate => ({
        number,
        kind,
        id,
        code,
      }));
      this.#fates.load(text, { since: stream.since, isComplete: found.length < limit, list: found });
      this.#lost.load(
        text,
        (lostOf.get(text) ?? []).map(rangeOf).toSorted((one, other) => one.first - other.first),
      );
    }
  }

  /** Locks streams of which only the mark is needed. */
  lockMarks(keys: readonly StreamKey[]): Promise<void> {
    const missing = keys.filter((key) => !this.#marks.isLoaded(streamKeyText(key)));
    return this.lock(missing.map((key) => ({ key, since: Number.MAX_SAFE_INTEGER, fatesMax: 0 })));
  }

  /** A stream that is covered; undefined when it was never heard of. */
  get({ key, since, fatesMax }: AskedStream): StreamRow | undefined {
    const text = streamKeyText(key);
    const mark = this.#marks.get(text);
    if (mark === undefined) return undefined;
    const above = (this.#fates.get(text)?.list ?? []).filter(({ number }) => number > since);
    const told = above.slice(0, fatesMax);
    const lost = this.#lost.get(text) ?? [];
    return {
      accepted: mark.accepted,
      acceptedId: mark.id,
      refusals: told.filter(({ kind }) => kind === 'refuse').map(numberedFate),
      skips: told.filter(({ kind }) => kind === 'skip').map(numberedFate),
      ...(above.length > fatesMax ? { hasMoreFates: true } : {}),
      ...(lost.length === 0 ? {} : { lost }),
    };
  }

  /** Fails with `conflict` when the mark is not at `from`. */
  advance({ stream: key, from, to, id }: Extract<Change, { type: 'advance' }>): void {
    const text = streamKeyText(key);
    const accepted = this.#marks.get(text)?.accepted ?? 0;
    if (accepted !== from) {
      throw new StoreError(
        'conflict',
        `stream (${key.epoch}, ${key.queue}, ${key.priority}) stands at ${accepted}, not at ${from}: decide on a fresh snapshot`,
      );
    }
    this.#marks.set(text, { key, accepted: to, id });
  }

  addFate({ type: kind, stream: key, fate }: Extract<Change, { type: 'refuse' | 'skip' }>): void {
    const added: Fate = { ...fate, kind };
    const before = this.#newFates.length;
    this.#newFates.push({ key, fate: added });
    this.#undo.add(() => (this.#newFates.length = before));
    const text = streamKeyText(key);
    const known = this.#fates.get(text);
    if (known === undefined) return;
    const list = [...known.list, added].toSorted((one, other) => one.number - other.number);
    // What is known in part may hold others between: then it is read again when it is asked for.
    this.#fates.set(text, known.isComplete ? { ...known, list } : undefined);
  }

  putLost({ stream, range }: Extract<Change, { type: 'put-lost' }>): void {
    const { first, last, device, recordedAt } = range;
    this.#writeLost(stream, PUT_LOST, [...place(stream), first, last, device, recordedAt], (ranges) =>
      [...ranges.filter((known) => known.first !== first), range].toSorted(
        (one, other) => one.first - other.first,
      ),
    );
  }

  removeLost({ stream, first }: Extract<Change, { type: 'remove-lost' }>): void {
    this.#writeLost(stream, REMOVE_LOST, [...place(stream), first], (ranges) =>
      ranges.filter((known) => known.first !== first),
    );
  }

  flush(): readonly Promise<unknown>[] {
    const marks = this.#marks
      .takeChanges()
      .flatMap(({ stored, row }) => (row === undefined ? [] : [{ stored, row }]));
    const [fates, lost] = [this.#newFates, this.#lostWrites];
    [this.#newFates, this.#lostWrites] = [[], []];
    const sent = [
      this.#writeMarks(
        UPDATE,
        marks.filter(({ stored }) => stored !== undefined),
      ),
      this.#writeMarks(
        INSERT,
        marks.filter(({ stored }) => stored === undefined),
      ),
    ];
    if (fates.length > 0) {
      const values = [
        ...keyValues(fates.map(({ key }) => key)),
        bigintArray(fates.map(({ fate }) => fate.number)),
        fates.map(({ fate }) => fate.kind),
        uuidArray(fates.map(({ fate }) => fate.id)),
        fates.map(({ fate }) => fate.code),
      ];
      sent.push(this.#transaction.run(INSERT_FATES, values).then(() => undefined));
    }
    for (const { statement, values } of lost)
      sent.push(this.#transaction.run(statement, values).then(() => undefined));
    return sent;
  }

  async #writeMarks(
    statement: Statement,
    marks: readonly { stored: Mark | undefined; row: Mark }[],
  ): Promise<void> {
    if (marks.length === 0) return;
    const values: Value[] = [
      ...keyValues(marks.map(({ row }) => row.key)),
      bigintArray(marks.map(({ row }) => row.accepted)),
      uuidArray(marks.map(({ row }) => row.id)),
    ];
    if (statement === UPDATE) values.push(bigintArray(marks.map(({ stored }) => stored?.accepted ?? 0)));
    const { count } = await this.#transaction.run(statement, values);
    if (count !== marks.length) throw new TryAgain('a stream was advanced by another transaction');
  }

  #writeLost(
    stream: StreamKey,
    statement: Statement,
    values: readonly Value[],
    change: (ranges: readonly LostRange[]) => readonly LostRange[],
  ): void {
    const before = this.#lostWrites.length;
    this.#lostWrites.push({ statement, values });
    this.#undo.add(() => (this.#lostWrites.length = before));
    const text = streamKeyText(stream);
    if (this.#lost.isLoaded(text)) this.#lost.set(text, change(this.#lost.get(text) ?? []));
  }
}

/** Ranges that no device had any more when the store had gone back in time. */
export async function listLost(transaction: Transaction, { cursor, limit }: LostRequest): Promise<LostPage> {
  const after = cursor === undefined ? BEFORE_ALL : parseLostCursor(cursor);
  const rows = await transaction.rows<LostColumns>(LIST_LOST, [...after, limit + 1]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    ranges: page.map((row) => ({ ...rangeOf(row), stream: keyOf(row) })),
    ...(last === undefined || page.length === rows.length ? {} : { cursor: formatLostCursor(last) }),
  };
}

const BEFORE_ALL: readonly Value[] = ['0'.repeat(32), '', -1, -1];

function formatLostCursor({ epoch, queue, priority, first }: LostColumns): string {
  return `${epochOf(epoch)}.${priority}.${first.toString(36)}.${queue}`;
}

function parseLostCursor(cursor: string): readonly Value[] {
  const [, epoch, priority, first, queue] =
    /^([0-9a-f]{32})\.([0-7])\.([0-9a-z]{1,11})\.(.+)$/s.exec(cursor) ?? [];
  const number = Number.parseInt(first ?? '', 36);
  if (epoch === undefined || queue === undefined || !Number.isSafeInteger(number))
    throw new StoreError('invalid-request', `no page of lost ranges ended with the cursor "${cursor}"`);
  return [epoch, queue, Number(priority), number];
}

/** As many as PostgreSQL counts to here; nobody has so many. */
export const ALL = 2 ** 31 - 2;

function keyValues(keys: readonly StreamKey[]): Value[] {
  return [
    uuidArray(keys.map(({ epoch }) => epoch)),
    keys.map(({ queue }) => queue),
    smallintArray(keys.map(({ priority }) => priority)),
  ];
}

function place({ epoch, queue, priority }: StreamKey): readonly Value[] {
  return [epoch, queue, priority];
}

function keyOf({ epoch, queue, priority }: StreamColumns): StreamKey {
  return { epoch: epochOf(epoch), queue, priority };
}

function byStream<Row extends StreamColumns>(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const streams = new Map<string, Row[]>();
  for (const row of rows) {
    const text = streamKeyText(keyOf(row));
    const known = streams.get(text);
    if (known === undefined) streams.set(text, [row]);
    else known.push(row);
  }
  return streams;
}

function markRow(row: MarkColumns): Mark {
  return { key: keyOf(row), accepted: row.accepted, id: row.accepted_id as MessageId };
}

function numberedFate({ number, id, code }: Fate): NumberedFate {
  return { number, id, code };
}

function rangeOf({ first, last, device, recorded_at: recordedAt }: LostColumns): LostRange {
  return { first, last, device, recordedAt };
}
