import { type MessageId, type StreamKey, streamKeyText, uuidFromBytes } from '@fieldpost/protocol';
import type { MessagePlace, SegmentKey, Skip } from '../../ports/outbox-store.ts';
import { entryAt, messageIdOf } from './entry-walk.ts';
import { hollow } from './hollow.ts';

/** What a store finds of a message that is to be taken back, all of it in one transaction. */
export interface CancelSight {
  /** How far the message's stream is acknowledged. */
  readonly acknowledged: number;
  /** What is known to have become of the message. */
  readonly code: string | undefined;
  readonly offered: number;
  /** Of the unsettled part of the log. */
  readonly keys: readonly SegmentKey[];
}

/** What a store does to take a message back: the same for every adapter. */
export type CancelPlan =
  | { readonly outcome: 'settled'; readonly code: string | undefined }
  | {
      readonly outcome: 'cancelled' | 'asked';
      /** The segments concerned, and which of their numbers become skips. */
      readonly segments: readonly { readonly key: SegmentKey; readonly numbers: readonly number[] }[];
    };

/**
 * Whether a message can still be taken back. For good only beyond what was offered: `offered` is stored before anything up to
 * it is sent, and whoever stores more reads the skips in the same transaction.
 */
export function planCancel({ stream, number }: MessagePlace, sight: CancelSight): CancelPlan {
  const { acknowledged, code, offered, keys } = sight;
  if (code !== undefined || number <= acknowledged) return { outcome: 'settled', code };
  const text = streamKeyText(stream);
  const key = keys.find(
    (candidate) =>
      candidate.first <= number &&
      number < candidate.first + candidate.count &&
      streamKeyText(candidate.stream) === text,
  );
  // In no segment: it will be skipped as unreadable, unless it arrived. The answer says which.
  if (key === undefined) return { outcome: 'asked', segments: [] };
  const parts = partsOf(key, keys);
  const isUnsent = parts.every(({ position }) => position > offered);
  const numbersOf = ({ first, count, part }: SegmentKey): number[] =>
    part === undefined ? [number] : Array.from({ length: count }, (_, index) => first + index);
  return {
    outcome: isUnsent ? 'cancelled' : 'asked',
    segments: parts.map((part) => ({ key: part, numbers: numbersOf(part) })),
  };
}

/** All segments of the transaction that a segment is a part of. */
function partsOf(key: SegmentKey, keys: readonly SegmentKey[]): readonly SegmentKey[] {
  if (key.part === undefined) return [key];
  const from = key.position - key.part.index;
  return keys.filter(({ position }) => position >= from && position < from + (key.part?.parts ?? 1));
}

/** The skips of some numbers of a segment, and what stays of its messages. */
export function takeOut(
  { stream, first }: { readonly stream: StreamKey; readonly first: number },
  messages: Uint8Array | undefined,
  numbers: readonly number[],
  fate: Pick<Skip, 'code' | 'isFinal'>,
): { readonly skips: readonly Skip[]; readonly left: Uint8Array<ArrayBuffer> | undefined } {
  const idOf = (number: number): MessageId => {
    const message = messages === undefined ? undefined : entryAt(messages, number - first);
    return message === undefined || message.length < 16 ? NO_ID : messageIdOf(message);
  };
  const skips = numbers.map((number) => ({ stream, number, id: idOf(number), ...fate }));
  if (messages === undefined || !fate.isFinal) return { skips, left: undefined };
  return { skips, left: hollow(messages, new Set(numbers.map((number) => number - first))) };
}

/** Stands for an id that nobody can read. */
const NO_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;
