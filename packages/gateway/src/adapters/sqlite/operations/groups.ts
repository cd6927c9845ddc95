import type Database from 'better-sqlite3';
import { queueEnd, queueStart } from '../../../core/message-key.ts';
import { noteVisible, type QueueState } from '../queue-states.ts';

/**
 * Groups of messages. In each queue one message of a group, its head, is visible, delayed or leased; the others are
 * blocked until the head has left the queue, and then the first of them in queue order is the head.
 */
export interface Groups {
  /** Adds a message; true when it is blocked. */
  add(queue: QueueState, key: number, name: string, visibleAt: number): boolean;
  /** The groups of messages that are being taken out, whose rows here go. `wasBlocked` says which were no heads. */
  remove(ranges: readonly (readonly [number, number])[], wasBlocked: (key: number) => boolean): Set<string>;
  /** Makes the first message of a group its head, once the old head is gone. */
  promote(queue: QueueState, name: string, now: number): void;
}

export function prepareGroups(database: Database.Database): Groups {
  const insert = database.prepare('INSERT INTO members (key, name, visible_at) VALUES (?, ?, ?)');
  const selectFirst = database.prepare<[string, number, number], { key: number; visible_at: number }>(
    'SELECT key, visible_at FROM members WHERE name = ? AND key >= ? AND key < ? ORDER BY key LIMIT 1',
  );
  const remove = database.prepare<[number, number], { key: number; name: string }>(
    'DELETE FROM members WHERE key BETWEEN ? AND ? RETURNING key, name',
  );
  const release = database.prepare('DELETE FROM holds WHERE key = ?');
  const delay = database.prepare('UPDATE holds SET until = ?, visible_at = ? WHERE key = ?');

  return {
    add(queue, key, name, visibleAt) {
      const first = selectFirst.get(name, queueStart(queue.number), queueEnd(queue.number));
      insert.run(key, name, visibleAt);
      queue.has.members = true;
      return first !== undefined;
    },
    remove(ranges, wasBlocked) {
      const headless = new Set<string>();
      for (const [first, last] of ranges) {
        for (const { key, name } of remove.all(first, last)) if (!wasBlocked(key)) headless.add(name);
      }
      return headless;
    },
    promote(queue, name, now) {
      const first = selectFirst.get(name, queueStart(queue.number), queueEnd(queue.number));
      if (first === undefined) return;
      if (first.visible_at <= now) release.run(first.key);
      else delay.run(first.visible_at, first.visible_at, first.key);
      noteVisible(queue, first.key, first.visible_at, now);
    },
  };
}
