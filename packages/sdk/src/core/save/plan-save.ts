import type { EpochId, MessageId } from '@fieldpost/protocol';
import type { EpochTail, Lane, NewSegment, SaveDecision, TransactionPart } from '../../ports/outbox-store.ts';
import { laneText } from '../lane.ts';

/** Messages of one lane, encoded and packed, that have no numbers yet. */
export interface Draft {
  readonly lane: Lane;
  readonly count: number;
  /** Length-prefixed messages. */
  readonly messages: Uint8Array;
  /** Unix milliseconds of the device. */
  readonly savedAt: number;
  readonly suppliedIds?: readonly MessageId[];
  readonly expiresInMs?: number;
  readonly part?: TransactionPart;
}

/** By lane text: the last number that this tab has seen committed in its epoch. */
export type SeenNumbers = Readonly<Record<string, number>>;

/**
 * Draws the numbers of a save. Runs inside the write transaction, on the tail as it is there, so that numbers follow the
 * order of commits and an abort gives them back.
 *
 * - The same write again is `found`: an earlier attempt was committed although its caller never heard.
 * - A tail behind what this tab saw committed is `rolled-back`: the disk has gone back in time, and going on in this epoch
 *   would give a second message an old number.
 */
export function planSave(
  epoch: EpochId,
  tail: EpochTail | undefined,
  drafts: readonly Draft[],
  seen: SeenNumbers,
  write: string,
): SaveDecision {
  const earlier = tail?.writes.find((recent) => recent.write === write);
  if (earlier !== undefined) return { type: 'found', segments: earlier.segments };
  const lanes = new Map(Object.entries(tail?.lanes ?? {}));
  for (const [lane, number] of Object.entries(seen)) {
    if ((lanes.get(lane) ?? 0) < number) return { type: 'rolled-back' };
  }
  const segments = drafts.map((draft): NewSegment => {
    const lane = laneText(draft.lane);
    const last = lanes.get(lane) ?? 0;
    lanes.set(lane, last + draft.count);
    return {
      stream: { epoch, queue: draft.lane.queue, priority: draft.lane.priority },
      first: last + 1,
      count: draft.count,
      messages: draft.messages,
      savedAt: draft.savedAt,
      ...(draft.suppliedIds === undefined ? {} : { suppliedIds: draft.suppliedIds }),
      ...(draft.expiresInMs === undefined ? {} : { expiresInMs: draft.expiresInMs }),
      ...(draft.part === undefined ? {} : { part: draft.part }),
    };
  });
  return { type: 'write', write, segments };
}
