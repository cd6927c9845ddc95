import { type GenerationId, type Hello, LIMITS, type Welcome } from '@fieldpost/protocol';
import type { OutboxState, Stream } from '../outbox/outbox-state.ts';

/**
 * Which streams the gateway has been asked about, since its store has the generation that it has. One hello names so many
 * streams only; a device with more asks about the others in further ones, so that a store that went back in time hears of all.
 */
export interface Naming {
  generation: GenerationId | undefined;
  /** Streams of hellos that were welcomed under this generation, by their text. Empty where one hello has room for all. */
  readonly named: Set<string>;
  /** Those of the hello that is on its way, if it has no room for all. */
  asked: readonly Stream[];
  /** At the last welcome there were streams that no hello had named. */
  isIncomplete: boolean;
}

export function createNaming(): Naming {
  return { generation: undefined, named: new Set(), asked: [], isIncomplete: false };
}

/**
 * What a hello names: streams with something that waits, and then those of which something was acknowledged: where that is
 * forgotten, the log may still have it. Of too many, those that nobody can have forgotten anything of come last.
 */
export function nameStreams(naming: Naming, outbox: OutboxState): Hello['streams'] {
  const streams = streamsToName(naming, outbox);
  naming.asked = streams.length < LIMITS.helloStreams ? [] : streams;
  return streams.map(({ key, acknowledged }) => ({ ...key, acknowledged }));
}

/** The hello on its way was welcomed. */
export function noteWelcome(naming: Naming, outbox: OutboxState, { generation }: Welcome): void {
  const { asked, named } = naming;
  if (asked.length === 0 || naming.generation !== generation) named.clear();
  naming.isIncomplete = false;
  if (asked.length === 0) return;
  naming.generation = generation;
  for (const { text } of asked) named.add(text);
  naming.asked = [];
  naming.isIncomplete = [...outbox.streams.values()].some(
    (stream) => isKnown(stream) && !naming.named.has(stream.text),
  );
}

/** Whether one more hello would name a stream that none has named: each does so with some, so that they come to an end. */
export function hasMoreToName(naming: Naming, outbox: OutboxState): boolean {
  return streamsToName(naming, outbox).some((stream) => isKnown(stream) && !naming.named.has(stream.text));
}

function streamsToName({ named }: Naming, { streams }: OutboxState): Stream[] {
  const all = [...streams.values()];
  const settled = all.filter((stream) => !waits(stream) && isKnown(stream));
  return [
    ...all.filter((stream) => waits(stream) && isKnown(stream)),
    ...all.filter((stream) => waits(stream) && !isKnown(stream)),
    ...settled.filter(({ text }) => !named.has(text)),
    ...settled.filter(({ text }) => named.has(text)),
  ].slice(0, LIMITS.helloStreams);
}

function waits(stream: Stream): boolean {
  return stream.segments.length > 0;
}

function isKnown(stream: Stream): boolean {
  return stream.acknowledged > 0;
}
