import { grantsOf, TINY_BYTES } from '../gateway/tokens.ts';
import type { History, SavedMessage } from '../history.ts';
import type { World } from '../world.ts';

/** What a checker judges by. */
interface Evidence {
  readonly world: World;
  readonly history: History;
  /** Whether everything was done in time after the faults ended; without, much is missing that is merely late. */
  readonly isDrained: boolean;
}

/** One question to a world that is over. To add one: write it into a file of this folder and list it in `all-checkers.ts`. */
export interface Checker {
  readonly name: string;
  /** What it holds the world to, in one line. */
  readonly about: string;
  /** What is wrong, one line each; nothing when all is well. */
  check(evidence: Evidence): readonly string[];
}

/** The code under which a message has to be refused; undefined when it has to arrive. */
export function rightRefusal(message: SavedMessage, world: World): string | undefined {
  const { queue } = message.stream;
  const subject = world.devices.find(({ name }) => name === message.device)?.traits.subject ?? '';
  const mayBeSent = grantsOf(subject).send.some((pattern) =>
    pattern.endsWith('*') ? queue.startsWith(pattern.slice(0, -1)) : pattern === queue,
  );
  if (!mayBeSent) return 'access-denied';
  if (queue === 'missing') return 'queue-not-found';
  return queue === 'tiny' && message.bodyBytes > TINY_BYTES ? 'too-large' : undefined;
}

/** Queue and priority, as a key. */
export function laneOf({ stream }: SavedMessage): string {
  return `${stream.queue} ${stream.priority}`;
}
