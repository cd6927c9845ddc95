import { streamKeyText } from '@fieldpost/protocol';
import { StoreError } from '../../core/store-error.ts';
import type { LostPage, LostRecord, LostRequest } from '../../ports/gateway-store.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** One page of the lost ranges, by the text of their stream and their first number. */
export function listLost(disk: MemoryDisk, { cursor, limit }: LostRequest): LostPage {
  const after = cursor === undefined ? undefined : parsePlace(cursor);
  const records = [...disk.streams.values()]
    .flatMap(({ key, lost }) => [...lost.values()].map((range): LostRecord => ({ ...range, stream: key })))
    .map((record) => ({ record, place: placeOf(record) }))
    .filter(({ place }) => after === undefined || compare(place, after) > 0)
    .toSorted((one, other) => compare(one.place, other.place));
  const page = records.slice(0, limit);
  const last = page.at(-1);
  return {
    ranges: page.map(({ record }) => record),
    ...(last === undefined || page.length === records.length
      ? {}
      : { cursor: `${last.place.first}@${last.place.stream}` }),
  };
}

interface Place {
  readonly stream: string;
  readonly first: number;
}

function placeOf({ stream, first }: LostRecord): Place {
  return { stream: streamKeyText(stream), first };
}

function compare(one: Place, other: Place): number {
  if (one.stream !== other.stream) return one.stream < other.stream ? -1 : 1;
  return one.first - other.first;
}

function parsePlace(cursor: string): Place {
  const [, first, stream] = /^(\d{1,16})@(.+)$/s.exec(cursor) ?? [];
  if (first === undefined || stream === undefined)
    throw new StoreError('invalid-request', `no page of lost ranges ended with the cursor "${cursor}"`);
  return { first: Number(first), stream };
}
