import type Database from 'better-sqlite3';
import type { MessageStory } from '../../../ports/gateway-store.ts';
import type { QueueState } from '../queue-states.ts';

/** Where a message was before it came to its queue; undefined for one that was nowhere else. */
export type StoryOf = (queue: QueueState, key: number) => MessageStory | undefined;

export function prepareStoryOf(database: Database.Database): StoryOf {
  const select = database.prepare<[number], { story: string }>('SELECT story FROM stories WHERE key = ?');
  return (queue, key) => {
    const text = queue.has.stories ? select.get(key)?.story : undefined;
    return text === undefined ? undefined : (JSON.parse(text) as MessageStory);
  };
}
