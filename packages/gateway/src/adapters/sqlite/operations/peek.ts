import type Database from 'better-sqlite3';
import { formatCursor, parseCursor } from '../../../core/receipt.ts';
import { StoreError } from '../../../core/store-error.ts';
import type { PeekPage, PeekRequest } from '../../../ports/gateway-store.ts';
import { keyOfPlace, placeOfKey, queueEnd, queueStart } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import { contentBytes, MESSAGE_COLUMNS, type MessageColumns, storedMessage } from './stored-message.ts';

/** Looks at a page of a queue. Fails with `queue-not-found`, and with `invalid-request` for a false cursor. */
export type Peek = (request: PeekRequest) => PeekPage;

export function preparePeek(database: Database.Database, symbols: Symbols, queues: QueueStates): Peek {
  const withBodies = prepareSelect(database, 'body, checksum');
  const withoutBodies = prepareSelect(database, "x'' AS body, NULL AS checksum");

  return ({ queue: name, cursor, limit, bytesMax = Number.POSITIVE_INFINITY, bodies, now }) => {
    const queue = queues.get(name);
    const select = bodies ? withBodies : withoutBodies;
    const messages: PeekPage['messages'][number][] = [];
    let bytes = 0;
    let lastKey = 0;
    // One more than asked for tells whether there is a next page.
    for (const row of select.iterate(keyAfter(queue.number, cursor), queueEnd(queue.number), limit + 1)) {
      if (messages.length === limit || bytes >= bytesMax) {
        return { messages, cursor: formatCursor(placeOfKey(lastKey)) };
      }
      messages.push({
        ...storedMessage(row, row.deliveries ?? 0, symbols),
        state: row.until === null || row.until <= now ? 'ready' : row.token === null ? 'delayed' : 'leased',
      });
      bytes += contentBytes(row);
      lastKey = row.key;
    }
    return { messages };
  };
}

type PeekColumns = MessageColumns & {
  readonly until: number | null;
  readonly token: string | null;
  readonly deliveries: number | null;
};

function prepareSelect(
  database: Database.Database,
  body: string,
): Database.Statement<[number, number, number], PeekColumns> {
  return database.prepare(
    `SELECT ${MESSAGE_COLUMNS}, ${body}, hold.until, hold.token, hold.deliveries
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? ORDER BY message.key LIMIT ?`,
  );
}

function keyAfter(queueNumber: number, cursor: string | undefined): number {
  if (cursor === undefined) return queueStart(queueNumber);
  const place = parseCursor(cursor);
  const key = place === undefined ? undefined : keyOfPlace(queueNumber, place);
  if (key === undefined)
    throw new StoreError('invalid-request', `"${cursor}" is not a cursor that a peek answered with`);
  return key + 1;
}
