import type { AskedMessage, Hearing } from '../../ports/outbox-store.ts';
import type { MemoryDatabase } from './memory-database.ts';

/** Writes fates down, with the place up to which the gateway has told them. */
export function hear(database: MemoryDatabase, holder: string, { fates, cursor, heardAt }: Hearing): boolean {
  if (database.lease?.holder !== holder) return false;
  for (const { id, fate } of fates) {
    const known = database.asked.get(id);
    if (known !== undefined) database.asked.set(id, { ...known, fate, heardAt });
  }
  database.heard = cursor;
  return true;
}

export function listAsked(database: MemoryDatabase, limit: number): readonly AskedMessage[] {
  const byId = [...database.asked.values()].toSorted((left, right) => (left.id < right.id ? -1 : 1));
  return byId.slice(0, limit).map(withoutTime);
}

/** Forgets what waits since before `savedBefore`, and what is known since before `heardBefore`. */
export function forgetAsked(
  database: MemoryDatabase,
  { savedBefore, heardBefore }: { readonly savedBefore: number; readonly heardBefore: number },
): number {
  const old = [...database.asked.values()].filter(({ heardAt, savedAt }) =>
    heardAt === undefined ? savedAt < savedBefore : heardAt < heardBefore,
  );
  for (const { id } of old) database.asked.delete(id);
  return old.length;
}

export function withoutTime(kept: AskedMessage & { readonly heardAt?: number }): AskedMessage {
  const { heardAt: _, ...message } = kept;
  return message;
}
