import type Database from 'better-sqlite3';

export interface PruneSends {
  /** Whether there is any producer's id from before `before`. */
  readonly isDue: (before: number) => boolean;
  /** Forgets the oldest of them, at most `max`. Returns how many. */
  readonly prune: (before: number, max: number) => number;
}

export function preparePruneSends(database: Database.Database): PruneSends {
  const find = database.prepare<[number]>('SELECT 1 FROM sends WHERE sent_at < ? LIMIT 1');
  const select = database.prepare<[number, number], { queue: number; id: string }>(
    'SELECT queue, id FROM sends WHERE sent_at < ? ORDER BY sent_at LIMIT ?',
  );
  // Row by row: by a list of pairs SQLite would look through the whole queue for each.
  const remove = database.prepare('DELETE FROM sends WHERE queue = ? AND id = ?');

  return {
    isDue: (before) => find.get(before) !== undefined,
    prune: (before, max) => {
      const rows = select.all(before, max);
      for (const { queue, id } of rows) remove.run(queue, id);
      return rows.length;
    },
  };
}
