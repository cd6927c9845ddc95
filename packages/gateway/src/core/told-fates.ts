import type { MessageId, StreamState } from '@fieldpost/protocol';
import type { NumberedFate, StreamRow } from '../ports/gateway-store.ts';

/**
 * What one answer tells of a stream: the refusals and skips from the lowest number on, as many as it has room for. A
 * device that acknowledges them hears of the rest in the next answer, so that however many are unheard, no answer costs
 * more than this to load, to write and to send.
 */
export class ToldFates {
  readonly refusals: NumberedFate[];
  readonly skips: NumberedFate[];
  readonly #max: number;
  /** The last fate told, when there are more. */
  #last: NumberedFate | undefined;

  constructor(row: StreamRow | undefined, max: number) {
    this.refusals = [...(row?.refusals ?? [])];
    this.skips = [...(row?.skips ?? [])];
    this.#max = max;
    if (row?.hasMoreFates === true) this.#last = this.#highest();
  }

  /** Takes a fate with a number above all that were taken before, if there is room. */
  add(kind: 'refuse' | 'skip', fate: NumberedFate): void {
    if (this.#last !== undefined) return;
    if (this.refusals.length + this.skips.length >= this.#max) this.#last = this.#highest();
    else (kind === 'refuse' ? this.refusals : this.skips).push(fate);
  }

  /** Takes fates of numbers that had none although they were settled, unless the answer does not reach that far. */
  addLate({ refusals, skips }: ToldFates): void {
    const last = this.#last?.number ?? Number.POSITIVE_INFINITY;
    insert(this.refusals, refusals, last);
    insert(this.skips, skips, last);
  }

  /** How far the answer tells everything of a stream that is settled up to `accepted`, and what it tells. */
  state(
    accepted: number,
    acceptedId: MessageId | undefined,
  ): Pick<StreamState, 'accepted' | 'acceptedId' | 'refusals' | 'skips' | 'taken'> {
    const last = this.#last;
    const lists = {
      ...(this.refusals.length === 0 ? {} : { refusals: this.refusals }),
      ...(this.skips.length === 0 ? {} : { skips: this.skips }),
    };
    if (last !== undefined && last.number < accepted) {
      return { accepted: last.number, acceptedId: last.id, ...lists, taken: accepted };
    }
    return { accepted, ...(acceptedId === undefined ? {} : { acceptedId }), ...lists };
  }

  #highest(): NumberedFate | undefined {
    const refusal = this.refusals.at(-1);
    const skip = this.skips.at(-1);
    return (refusal?.number ?? 0) > (skip?.number ?? 0) ? refusal : skip;
  }
}

function insert(into: NumberedFate[], late: readonly NumberedFate[], upTo: number): void {
  into.push(...late.filter(({ number }) => number < upTo));
  into.sort((left, right) => left.number - right.number);
}

/** How many fates each stream gets of what an answer tells. One at least: nothing stands still. */
export function fatesOfEach(streams: number, fatesTold: number): number {
  return Math.max(1, Math.floor(fatesTold / Math.max(1, streams)));
}

/** The first `max` of a stream's refusals and skips, both in order of their numbers. */
export function firstFates(
  refusals: readonly NumberedFate[],
  skips: readonly NumberedFate[],
  max: number,
): Pick<StreamRow, 'refusals' | 'skips' | 'hasMoreFates'> {
  if (refusals.length + skips.length <= max) return { refusals, skips };
  const numbers = [...refusals, ...skips].map(({ number }) => number).toSorted((left, right) => left - right);
  const last = numbers[max - 1] ?? 0;
  const isTold = ({ number }: NumberedFate): boolean => number <= last;
  return { refusals: refusals.filter(isTold), skips: skips.filter(isTold), hasMoreFates: true };
}
