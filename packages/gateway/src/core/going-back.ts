import type { GenerationId } from '@fieldpost/protocol';
import type { Change, Generations } from '../ports/gateway-store.ts';

/**
 * Whether the store has gone back in time behind what a device was told, and what follows: it gets another generation, by
 * which every device can tell. A generation that this store never had is one that it has forgotten. Who knows the store by
 * a former generation has nothing new to say: that it went back since then is known.
 *
 * @param told the generation of the device's last welcome
 * @param isBehind whether the device was told more than the store holds
 * @param fresh a generation that nobody has used
 */
export function noticeGoingBack(
  { current, former }: Generations,
  told: GenerationId | undefined,
  isBehind: boolean,
  fresh: GenerationId,
): { readonly generation: GenerationId; readonly changes: readonly Change[] } {
  const isForgotten = told !== undefined && told !== current && !former.has(told);
  const isNews = isForgotten || (isBehind && (told === undefined || told === current));
  if (!isNews || former.size >= FORMER_MAX) return { generation: current, changes: [] };
  const forgotten = isForgotten ? [told] : [];
  return {
    generation: fresh,
    changes: [{ type: 'change-generation', generation: fresh, former: forgotten }],
  };
}

/**
 * Whether messages that were acknowledged under a generation may be missing here: the store went back since then.
 *
 * @param told undefined when the device does not know under which
 */
export function hasGoneBackSince({ current, former }: Generations, told: GenerationId | undefined): boolean {
  return told === undefined ? former.size > 0 : told !== current;
}

/** A store is restored a few times in its life: more than this is a device that makes generations up. */
const FORMER_MAX = 1024;
