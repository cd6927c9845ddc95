import type { MessageStory, StoryEntry } from '../ports/gateway-store.ts';

/** Entries of a story that are kept: the first, which says where the message came from, and the latest. */
const ENTRIES_MAX = 32;

/** The story of a message that leaves a queue, told on. */
export function continueStory(
  story: MessageStory | undefined,
  entry: Omit<StoryEntry, 'deliveries'>,
  deliveries: number,
): MessageStory {
  const before = story?.entries ?? [];
  const kept =
    before.length < ENTRIES_MAX ? before : [...before.slice(0, 1), ...before.slice(2 - ENTRIES_MAX)];
  return {
    deliveries: (story?.deliveries ?? 0) + deliveries,
    entries: [...kept, { ...entry, deliveries }],
  };
}
