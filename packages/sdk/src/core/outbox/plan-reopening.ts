import {
  type GenerationId,
  type MessageId,
  type StreamKey,
  streamKeyText,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { ReopenedStream, SegmentKey, StreamMark } from '../../ports/outbox-store.ts';

/** What a store writes to take settled messages back: the same for every adapter. */
export interface ReopeningPlan {
  readonly marks: readonly StreamMark[];
  /** Where the unsettled part of the log begins then. */
  readonly settledUpTo: number;
}

/**
 * Which marks go down, and to where. A mark goes down to what the gateway holds; and where it holds less than all below that,
 * to before what the log can give it of this.
 *
 * @param keys all segments of the log, in any order
 * @param generation under which the marks were written
 */
export function planReopening(
  streams: readonly ReopenedStream[],
  stored: {
    readonly marks: readonly StreamMark[];
    readonly settledUpTo: number;
    readonly generation: GenerationId | undefined;
  },
  keys: readonly SegmentKey[],
): ReopeningPlan {
  const marks = new Map(stored.marks.map((mark) => [streamKeyText(mark.stream), mark]));
  const lowered = new Map<string, StreamMark>();
  for (const reopening of streams) {
    const text = streamKeyText(reopening.stream);
    const mark = marks.get(text);
    if (mark === undefined) continue;
    const target = targetOf(reopening, mark, keys);
    if (target >= mark.acknowledged) continue;
    const isAccepted = target === reopening.accepted;
    lowered.set(text, {
      stream: mark.stream,
      acknowledged: target,
      acknowledgedId: (isAccepted ? reopening.acceptedId : undefined) ?? NO_ID,
      reopened: {
        upTo: Math.max(mark.acknowledged, mark.reopened?.upTo ?? 0),
        generation: stored.generation,
      },
    });
  }
  let { settledUpTo } = stored;
  for (const { stream, first, count, position } of keys) {
    const mark = lowered.get(streamKeyText(stream));
    if (mark !== undefined && first + count - 1 > mark.acknowledged)
      settledUpTo = Math.min(settledUpTo, position - 1);
  }
  return { marks: [...lowered.values()], settledUpTo };
}

function targetOf(
  { stream, accepted, lost }: ReopenedStream,
  mark: StreamMark,
  keys: readonly SegmentKey[],
): number {
  let target = Math.min(accepted, mark.acknowledged);
  if (lost.length === 0) return target;
  for (const key of keys) {
    if (!isSame(key.stream, stream)) continue;
    const last = key.first + key.count - 1;
    for (const range of lost) {
      const first = Math.max(range.first, key.first);
      if (first <= Math.min(range.last, last)) target = Math.min(target, first - 1);
    }
  }
  return target;
}

function isSame(one: StreamKey, other: StreamKey): boolean {
  return one.epoch === other.epoch && one.queue === other.queue && one.priority === other.priority;
}

/** Stands where the id under a mark is not known. */
const NO_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;
