import { type Hello, LIMITS } from '@fieldpost/protocol';
import type { OutboxState, Stream } from '../outbox/outbox-state.ts';

/**
 * Streams with something that waits, and then those of which something was acknowledged: where that is forgotten, the log
 * may still have it. Of too many, those that nobody can have forgotten anything of come last.
 */
export function streamsToName({ streams }: OutboxState): Hello['streams'] {
  const all = [...streams.values()];
  const waits = (stream: Stream): boolean => stream.segments.length > 0;
  const isKnown = (stream: Stream): boolean => stream.acknowledged > 0;
  return [
    ...all.filter((stream) => waits(stream) && isKnown(stream)),
    ...all.filter((stream) => waits(stream) && !isKnown(stream)),
    ...all.filter((stream) => !waits(stream) && isKnown(stream)),
  ]
    .slice(0, LIMITS.helloStreams)
    .map(({ key, acknowledged }) => ({ ...key, acknowledged }));
}
