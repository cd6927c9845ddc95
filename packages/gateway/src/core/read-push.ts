import {
  type CloseEpochs,
  type DeviceId,
  type EpochId,
  LIMITS,
  type MessageId,
  ProtocolError,
  type Push,
  type Run,
  type Session,
  type StreamKey,
  streamKeyText,
  unpackEntries,
} from '@fieldpost/protocol';
import type { Scope } from '../ports/gateway-store.ts';

/** A push whose packing has been read; its messages have not. */
export interface ReadPush {
  readonly session: Session;
  readonly device?: DeviceId;
  readonly runs: readonly ReadRun[];
  /** Entries of all runs, skips among them. */
  readonly messages: number;
  /** Of the packed entries. */
  readonly bytes: number;
}

/** A run with its entries taken apart: views on the frame's bytes. */
export interface ReadRun {
  readonly stream: StreamKey;
  readonly streamText: string;
  readonly first: number;
  readonly acknowledged: number;
  readonly attempt: number;
  readonly ageMs: number;
  readonly after?: { readonly epoch: EpochId; readonly number: number };
  readonly lost?: Run['lost'];
  readonly again?: true;
  /** The transaction that it is a part of. */
  readonly atomic?: number;
  readonly entries: readonly Uint8Array[];
  /** By index: entries of no bytes, for messages that will never come. */
  readonly skips: ReadonlyMap<number, Skip>;
}

/** Why a number holds no message. */
interface Skip {
  readonly id: MessageId;
  readonly code: string;
}

/**
 * Takes the runs of a push apart.
 *
 * @throws ProtocolError `malformed-frame` when a run is not packed as the protocol says: then nothing of the push counts
 */
export function readPush(push: Push): ReadPush {
  const runs: ReadRun[] = [];
  let messages = 0;
  let bytes = 0;
  for (const run of push.runs) {
    const read = readRun(run);
    messages += read.entries.length;
    bytes += run.messages.length;
    if (messages > LIMITS.windowMessages) {
      throw new ProtocolError('malformed-frame', `a push of more than ${LIMITS.windowMessages} messages`);
    }
    runs.push(read);
  }
  for (const transaction of transactionsOf(runs)) checkTransaction(transaction);
  return {
    session: push.session,
    ...(push.device === undefined ? {} : { device: push.device }),
    runs,
    messages,
    bytes,
  };
}

/** The runs of a push in pieces that are taken whole: a run, or neighbours that are one transaction. */
export function piecesOf(runs: readonly ReadRun[]): ReadRun[][] {
  const pieces: ReadRun[][] = [];
  for (const run of runs) {
    const piece = pieces.at(-1);
    if (run.atomic !== undefined && piece?.[0]?.atomic === run.atomic) piece.push(run);
    else pieces.push([run]);
  }
  return pieces;
}

function transactionsOf(runs: readonly ReadRun[]): ReadRun[][] {
  if (runs.every(({ atomic }) => atomic === undefined)) return [];
  const transactions = piecesOf(runs).filter(([first]) => first?.atomic !== undefined);
  const numbers = new Set(transactions.map(([first]) => first?.atomic));
  if (numbers.size < transactions.length)
    throw new ProtocolError('malformed-frame', 'the runs of a transaction do not stand side by side');
  return transactions;
}

function checkTransaction(runs: readonly ReadRun[]): void {
  const count = runs.reduce((messages, { entries }) => messages + entries.length, 0);
  const streams = new Set(runs.map(({ streamText }) => streamText));
  if (count <= LIMITS.transactionMessages && streams.size === runs.length && !runs.some(({ lost }) => lost))
    return;
  throw new ProtocolError(
    'malformed-frame',
    `a transaction of ${count} messages in ${runs.length} runs: at most ${LIMITS.transactionMessages}, one run for each stream, nothing lost`,
  );
}

/** How many streams a push is of. */
export function streamsOf(push: ReadPush): number {
  return new Set(push.runs.map(({ streamText }) => streamText)).size;
}

/** What has to be loaded to decide on a push. */
export function scopeOfPush(push: ReadPush, device: DeviceId, fatesMax: number = LIMITS.fatesTold): Scope {
  const streams = new Map<string, { key: StreamKey; since: number }>();
  const epochs = new Set<EpochId>();
  const queues = new Set<string>();
  for (const run of push.runs) {
    const known = streams.get(run.streamText);
    const since = Math.min(known?.since ?? run.acknowledged, run.acknowledged);
    streams.set(run.streamText, { key: run.stream, since });
    epochs.add(run.stream.epoch);
    queues.add(run.stream.queue);
  }
  for (const run of push.runs) {
    if (run.after === undefined) continue;
    // Only its high-water mark is looked at: no refusal stands above the largest number.
    const key = predecessorKey(run, run.after.epoch);
    const text = streamKeyText(key);
    if (!streams.has(text)) streams.set(text, { key, since: LIMITS.numberMax });
  }
  return { device, epochs: [...epochs], streams: [...streams.values()], queues: [...queues], fatesMax };
}

/** What has to be loaded to decide on a close-epochs. */
export function scopeOfCloseEpochs(frame: CloseEpochs, device: DeviceId): Scope {
  return { device, epochs: [...new Set(frame.epochs)] };
}

/** The stream of another epoch in the same lane (same queue and priority) as `run`. */
export function predecessorKey(run: ReadRun, epoch: EpochId): StreamKey {
  return { epoch, queue: run.stream.queue, priority: run.stream.priority };
}

/** The highest attempt of each stream, by `streamKeyText`, once the runs of `push` have been seen. */
export function raiseAttempts(
  attempts: ReadonlyMap<string, number>,
  push: ReadPush,
): ReadonlyMap<string, number> {
  let raised: Map<string, number> | undefined;
  for (const { streamText, attempt } of push.runs) {
    if (((raised ?? attempts).get(streamText) ?? -1) >= attempt) continue;
    raised ??= new Map(attempts);
    raised.set(streamText, attempt);
  }
  return raised ?? attempts;
}

function readRun(run: Run): ReadRun {
  const entries = unpackEntries(run.messages, LIMITS.runMessages);
  if (run.first + entries.length > LIMITS.numberMax) {
    throw new ProtocolError('malformed-frame', `a run from ${run.first} on reaches past the largest number`);
  }
  if (run.lost !== undefined && run.lost.first >= run.first) {
    throw new ProtocolError(
      'malformed-frame',
      `lost from ${run.lost.first} on, in a run from ${run.first} on`,
    );
  }
  const stream: StreamKey = { epoch: run.epoch, queue: run.queue, priority: run.priority };
  return {
    stream,
    streamText: streamKeyText(stream),
    first: run.first,
    acknowledged: run.acknowledged,
    attempt: run.attempt,
    ageMs: run.ageMs,
    ...(run.after === undefined ? {} : { after: run.after }),
    ...(run.lost === undefined ? {} : { lost: run.lost }),
    ...(run.again === undefined ? {} : { again: run.again }),
    ...(run.atomic === undefined ? {} : { atomic: run.atomic }),
    entries,
    skips: readSkips(run, entries),
  };
}

const NO_SKIPS: ReadonlyMap<number, Skip> = new Map();

function readSkips(run: Run, entries: readonly Uint8Array[]): ReadonlyMap<number, Skip> {
  if (run.skips === undefined || run.skips.length === 0) return NO_SKIPS;
  const skips = new Map<number, Skip>();
  for (const { index, id, code } of run.skips) {
    const entry = entries[index];
    if (entry === undefined || entry.length > 0 || skips.has(index)) {
      throw new ProtocolError(
        'malformed-frame',
        `skip ${index} does not stand for one empty entry of its run`,
      );
    }
    skips.set(index, { id, code });
  }
  return skips;
}
