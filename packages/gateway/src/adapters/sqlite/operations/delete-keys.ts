import type Database from 'better-sqlite3';

/** Deletes messages with their holds. */
export type DeleteKeys = (keys: Iterable<number>) => void;

/** Consumers mostly acknowledge what lies side by side: each stretch without a gap is one range. */
export function prepareDeleteKeys(database: Database.Database): DeleteKeys {
  const deleteMessages = database.prepare('DELETE FROM messages WHERE key BETWEEN ? AND ?');
  const deleteHolds = database.prepare('DELETE FROM holds WHERE key BETWEEN ? AND ?');

  return (keys) => {
    const sorted = [...keys].sort((left, right) => left - right);
    let first = 0;
    for (const [index, key] of sorted.entries()) {
      if (sorted[index + 1] === key + 1) continue;
      const start = sorted[first] ?? key;
      deleteMessages.run(start, key);
      deleteHolds.run(start, key);
      first = index + 1;
    }
  };
}
