import type { FateCursor, Fates } from '@fieldpost/protocol';
import type { Hearing } from '../../ports/outbox-store.ts';

/**
 * What of a frame is new to a device that has heard up to a place; undefined when nothing is, because the gateway has not
 * heard that it was written down. Numbers below that place count after a restart only: the gateway's are of another history
 * then, and what it tells a second time is the same fate.
 */
export function planHearing(
  heard: FateCursor | undefined,
  { fates, restart }: Fates,
  wallMs: number,
): Hearing | undefined {
  const known = restart === true ? 0 : (heard?.number ?? 0);
  const news = fates.filter(({ number }) => number > known);
  const last = news.at(-1);
  if (last === undefined) return undefined;
  return {
    fates: news.map(({ id, code, reason, ageMs }) => ({
      id,
      fate: { code, ...(reason === undefined ? {} : { reason }), endedAt: wallMs - ageMs },
    })),
    cursor: { number: last.number, id: last.id },
    heardAt: wallMs,
  };
}
