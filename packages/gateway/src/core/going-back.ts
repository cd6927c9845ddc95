import type { GenerationId } from '@fieldpost/protocol';
import type { Change, Generations } from '../ports/gateway-store.ts';

/** What a claim of knowing more than the store holds comes to. */
export interface GoingBack {
  /** In force from now on. */
  readonly generation: GenerationId;
  readonly changes: readonly Change[];
  /** The store has another generation from now on. */
  readonly isNew: boolean;
  /**
   * The claim names the generation in force, and the store cannot have gone back behind that one: it is a lie, or of a copy
   * of a device's data. (A device with more streams than one hello names claims so of those that it could not name before.)
   */
  readonly isUnexplained: boolean;
}

/**
 * Whether the store has gone back in time behind what a device was told, and what follows: it gets another generation, by
 * which every device can tell. A generation that this store never had is one that it has forgotten. Who knows the store by
 * a former generation has nothing new to say: that it went back since then is known.
 *
 * A store cannot go back while it is open, so one opening mints one generation at most, whatever devices claim.
 *
 * @param told the generation of the device's last welcome
 * @param isBehind whether the device was told more than the store holds
 * @param fresh a generation that nobody has used
 */
export function noticeGoingBack(
  generations: Generations,
  told: GenerationId | undefined,
  isBehind: boolean,
  fresh: GenerationId,
): GoingBack {
  const { current, former } = generations;
  const isForgotten = told !== undefined && told !== current && !former.has(told);
  const isNews = isForgotten || (isBehind && (told === undefined || told === current));
  const isMintedHere = generations.mintedIn === generations.opening;
  const isNew = isNews && !isMintedHere;
  const added = [...(isNew ? [current] : []), ...(isForgotten ? [told] : [])];
  return {
    generation: isNew ? fresh : current,
    changes: [
      ...oldestOf(former, former.size + added.length - FORMER_MAX),
      ...(isNew ? [{ type: 'change-generation', generation: fresh } as const] : []),
      ...(isForgotten ? [{ type: 'put-former', generation: told } as const] : []),
    ],
    isNew,
    isUnexplained: isBehind && isMintedHere && told === current,
  };
}

/**
 * Whether messages that were acknowledged under a generation may be missing here: the store went back since then. Of the
 * generation in force that is so as well once there was another: a device may have kept a mark from before, of a stream
 * that it could not name in the hello in which it learned the generation.
 *
 * @param told undefined when the device does not know under which
 */
export function hasGoneBackSince({ current, former }: Generations, told: GenerationId | undefined): boolean {
  return former.size > 0 || (told !== undefined && told !== current);
}

/** A store is restored a few times in its life: more than this are made up by devices, and the oldest are forgotten. */
const FORMER_MAX = 1024;

function oldestOf(former: ReadonlySet<GenerationId>, count: number): Change[] {
  if (count <= 0) return [];
  return [...former].slice(0, count).map((generation) => ({ type: 'remove-former', generation }));
}
