import { type FateCursor, isUuid, type MessageId } from '@fieldpost/protocol';
import type { AskedMessage, Hearing, HeardFate } from '../../ports/outbox-store.ts';
import { fields, isCount, parseLease, parseStream } from './record.ts';
import type { Db, Transaction } from './schema.ts';
import { readIn, together, unheard, writeIn } from './transact.ts';

// Messages whose fates were asked for, by id, whatever becomes of the log: `{ stream, number, savedAt, fate, order }`.

/** What makes the oldest of those that wait, or of those that are known, come first. */
type Order = readonly [isKnown: 0 | 1, since: number];

/** A message that was saved a moment ago. */
export function putAsked(transaction: Transaction<'readwrite'>, message: AskedMessage): void {
  const { id, stream, number, savedAt } = message;
  const order: Order = [0, savedAt];
  unheard(transaction.objectStore('asked').put({ stream, number, savedAt, order }, id));
}

/** Writes fates down, with the place up to which the gateway has told them. */
export function hear(db: Db, holder: string, { fates, cursor, heardAt }: Hearing): Promise<boolean> {
  return writeIn<boolean>(db, ['state', 'asked'], 'strict', async (transaction) => {
    const state = transaction.objectStore('state');
    const asked = transaction.objectStore('asked');
    const [lease, ...known] = await together<unknown[]>(
      () => state.get('lease'),
      ...fates.map(
        ({ id }) =>
          () =>
            asked.get(id),
      ),
    );
    if (parseLease(lease)?.holder !== holder) return { abort: false };
    const order: Order = [1, heardAt];
    for (const [index, { id, fate }] of fates.entries()) {
      const message = parseAsked(id, known[index]);
      if (message === undefined) continue;
      const { stream, number, savedAt } = message;
      unheard(asked.put({ stream, number, savedAt, fate, order }, id));
    }
    unheard(state.put(cursor, 'heard'));
    return true;
  });
}

export function findAsked(db: Db, id: MessageId): Promise<AskedMessage | undefined> {
  return readIn(db, ['asked'], async (transaction) =>
    parseAsked(id, await transaction.objectStore('asked').get(id)),
  );
}

export function listAsked(db: Db, limit: number): Promise<readonly AskedMessage[]> {
  return readIn(db, ['asked'], async (transaction) => {
    const asked = transaction.objectStore('asked');
    const [keys, values] = await together(
      () => asked.getAllKeys(undefined, limit),
      () => asked.getAll(undefined, limit),
    );
    return keys
      .map((key, index) => parseAsked(key, values[index]))
      .filter((message) => message !== undefined);
  });
}

/** Forgets what waits since before `savedBefore`, and what is known since before `heardBefore`. */
export function forgetAsked(
  db: Db,
  { savedBefore, heardBefore }: { readonly savedBefore: number; readonly heardBefore: number },
): Promise<number> {
  return writeIn<number>(db, ['asked'], 'relaxed', async (transaction) => {
    const asked = transaction.objectStore('asked');
    const byAge = asked.index('order');
    const [waiting, known] = await together(
      () => byAge.getAllKeys(rangeOf(0, savedBefore)),
      () => byAge.getAllKeys(rangeOf(1, heardBefore)),
    );
    const old = [...waiting, ...known];
    if (old.length === 0) return { abort: 0 };
    for (const key of old) unheard(asked.delete(key));
    return old.length;
  });
}

function rangeOf(isKnown: Order[0], before: number): IDBKeyRange {
  return IDBKeyRange.bound([isKnown, Number.NEGATIVE_INFINITY], [isKnown, before], false, true);
}

export function parseCursor(stored: unknown): FateCursor | undefined {
  const { number, id } = fields(stored);
  if (!isCount(number) || number === 0 || !isId(id)) return undefined;
  return { number, id };
}

function parseAsked(id: unknown, stored: unknown): AskedMessage | undefined {
  const { stream, number, savedAt, fate } = fields(stored);
  const { epoch, queue, priority } = fields(stream);
  const key = parseStream([epoch, queue, priority]);
  if (!isId(id) || key === undefined || !isCount(number) || typeof savedAt !== 'number') return undefined;
  const message = { id, stream: key, number, savedAt };
  const known = parseFate(fate);
  return known === undefined ? message : { ...message, fate: known };
}

function parseFate(stored: unknown): HeardFate['fate'] | undefined {
  const { code, reason, endedAt } = fields(stored);
  if (typeof code !== 'string' || typeof endedAt !== 'number') return undefined;
  return { code, endedAt, ...(typeof reason === 'string' ? { reason } : {}) };
}

function isId(value: unknown): value is MessageId {
  return typeof value === 'string' && isUuid(value);
}
