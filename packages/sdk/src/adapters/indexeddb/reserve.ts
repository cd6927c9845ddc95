import type { Db } from './schema.ts';
import { readIn, writeIn } from './transact.ts';
import { trim } from './trim.ts';

/**
 * Space that is kept so that answers of the gateway can be written down, and leases taken, when the quota is used up:
 * without it a full device could never become less full. Larger than what browsers keep inside the database, so that it is
 * a file of its own whose space comes back at once.
 */
const RESERVE_BYTES = 512 * 1024;

/** Puts the reserve there if it is missing and there is space for it. */
export async function keepReserve(db: Db): Promise<void> {
  try {
    const key = await readIn(db, ['state'], (transaction) =>
      transaction.objectStore('state').getKey('reserve'),
    );
    if (key !== undefined) return;
    await writeIn(db, ['state'], 'relaxed', (transaction) =>
      transaction.objectStore('state').put(incompressible(RESERVE_BYTES), 'reserve'),
    );
  } catch {
    // Full already: the reserve comes back with the space. A dead handle is noticed by the next call.
  }
}

/** Gives up the reserve alone: for what is about to need the settled part of the log. */
export async function freeReserve(db: Db): Promise<void> {
  await writeIn(db, ['state'], 'relaxed', (transaction) =>
    transaction.objectStore('state').delete('reserve'),
  );
}

/** Gives up the reserve, and with it all that is kept only for convenience. */
export async function freeAllUnneeded(db: Db): Promise<void> {
  await freeReserve(db);
  await trim(db, { savedBefore: 0, keepBytes: 0 });
}

/** Bytes that no compression shrinks: databases compress what they store. */
function incompressible(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const chunk = 65_536;
  for (let offset = 0; offset < length; offset += chunk) {
    crypto.getRandomValues(bytes.subarray(offset, offset + chunk));
  }
  return bytes;
}
