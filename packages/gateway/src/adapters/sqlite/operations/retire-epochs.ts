import { bytesFromHex } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { RetireRequest, RetireResult } from '../../../ports/gateway-store.ts';
import type { Symbols } from '../symbols.ts';

/**
 * Retires closed epochs. One that is chosen is retired with its tombstone at once, so that nothing of it counts any more;
 * its rows, of which there may be hundreds of thousands, are removed by this call and the next ones.
 */
export interface RetireEpochs {
  /** Whether there is anything to do. */
  isDue(closedBefore: number): boolean;
  retire(request: RetireRequest): RetireResult;
}

export function prepareRetireEpochs(database: Database.Database, symbols: Symbols): RetireEpochs {
  const removeRows = prepareRemoveRows(database, symbols);
  const due = database.prepare<[number, number], { epoch: number }>(
    'SELECT epoch FROM epochs WHERE closed_at < ? ORDER BY closed_at LIMIT ?',
  );
  const bury = database.prepare('INSERT INTO retired (epoch) VALUES (?) ON CONFLICT DO NOTHING');
  const begin = database.prepare('INSERT INTO retiring (epoch) VALUES (?) ON CONFLICT DO NOTHING');
  const forget = database.prepare('DELETE FROM epochs WHERE epoch = ?');

  const isRetiring = database.prepare('SELECT 1 FROM retiring WHERE epoch > 0 LIMIT 1');

  return {
    isDue: (closedBefore) => isRetiring.get() !== undefined || due.all(closedBefore, 1).length > 0,
    retire({ closedBefore, rowsMax }) {
      const left = removeRows(rowsMax);
      if (left <= 0) return { epochs: 0, isDone: false };
      const chosen = due.all(closedBefore, left);
      for (const { epoch } of chosen) {
        bury.run(bytesFromHex(symbols.name(epoch)));
        forget.run(epoch);
        begin.run(epoch);
      }
      return { epochs: chosen.length, isDone: chosen.length === 0 };
    },
  };
}

/** Removes rows of retired epochs, at most about as many. Returns how many more it might have removed. */
function prepareRemoveRows(database: Database.Database, symbols: Symbols): (rowsMax: number) => number {
  const next = database.prepare<[], { epoch: number }>(
    'SELECT epoch FROM retiring WHERE epoch > 0 ORDER BY epoch LIMIT 1',
  );
  const removeFates = database.prepare(
    `DELETE FROM fates WHERE (epoch, queue, priority, number, kind) IN
       (SELECT epoch, queue, priority, number, kind FROM fates WHERE epoch = ? LIMIT ?)`,
  );
  const rest = ['streams', 'lost', 'retiring'].map((table) =>
    database.prepare(`DELETE FROM ${table} WHERE epoch = ?`),
  );
  const removeSymbol = database.prepare('DELETE FROM symbols WHERE number = ?');

  return (rowsMax) => {
    let left = rowsMax;
    for (let row = next.get(); row !== undefined && left > 0; row = next.get()) {
      left -= removeFates.run(row.epoch, left).changes;
      if (left <= 0) break;
      for (const remove of rest) left -= remove.run(row.epoch).changes;
      removeSymbol.run(row.epoch);
      // Its number may be given to another name.
      symbols.forget();
    }
    return left;
  };
}
