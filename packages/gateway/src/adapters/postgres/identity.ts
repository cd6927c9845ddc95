import type { GenerationId } from '@fieldpost/protocol';
import { StoreError } from '../../core/store-error.ts';
import type { Change } from '../../ports/gateway-store.ts';
import type { Statement } from './connection.ts';
import { unavailable } from './postgres-error.ts';
import type { Transaction } from './transaction.ts';

/** Which store this is, and whether what it writes is safe: looked at in every transaction that writes. */
export interface Identity {
  readonly generation: GenerationId;
  /** In the order in which they became so. */
  readonly former: ReadonlySet<GenerationId>;
  /** The opening in which the generation in force was minted; undefined for that of a new store. */
  readonly mintedIn: string | undefined;
  /** Names the run of the server on this data: every gateway has the same, and another one after a restart. */
  readonly opening: string;
}

interface IdentityColumns {
  readonly generation: string | null;
  readonly former: string;
  readonly minted_in: string | null;
  readonly incarnation: string;
  readonly noted: string | null;
  readonly opening: string;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly in_recovery: boolean;
}

/**
 * The cluster, its timeline, and the table itself. A standby that was promoted has another timeline, a dump that was read
 * back another table: either may have lost what had been acknowledged.
 */
const INCARNATION = `(SELECT system_identifier FROM pg_control_system()) || '/'
  || CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
  || '/' || 'fieldpost.meta'::regclass::oid`;

const SELECT: Statement = {
  name: 'identity',
  text: `SELECT generation, noted, former, minted_in, incarnation, fsync, synchronous_commit, in_recovery,
           md5(incarnation || pg_postmaster_start_time()) AS opening
         FROM (SELECT (SELECT value FROM fieldpost.meta WHERE name = 'generation') AS generation,
                      (SELECT value FROM fieldpost.meta WHERE name = 'incarnation') AS noted,
                      (SELECT value FROM fieldpost.meta WHERE name = 'minted-in') AS minted_in,
                      (SELECT coalesce(string_agg(generation, ' ' ORDER BY place, generation), '')
                       FROM fieldpost.former_generations) AS former,
                      ${INCARNATION} AS incarnation,
                      current_setting('fsync') AS fsync,
                      current_setting('synchronous_commit') AS synchronous_commit,
                      pg_is_in_recovery() AS in_recovery) AS found`,
};

/** In a new store there is no row yet that could be locked. */
const LOCK: Statement = { name: 'identity-lock', text: 'SELECT pg_advisory_xact_lock(4100003)' };
const NOTE: Statement = {
  name: 'identity-note',
  text: `INSERT INTO fieldpost.meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
};
const ADD_FORMER: Statement = {
  name: 'generation-former',
  text: `INSERT INTO fieldpost.former_generations (generation, place)
         SELECT $1, coalesce(max(place), 0) + 1 FROM fieldpost.former_generations ON CONFLICT DO NOTHING`,
};
const REMOVE_FORMER: Statement = {
  name: 'generation-forget',
  text: 'DELETE FROM fieldpost.former_generations WHERE generation = $1',
};

/**
 * Reads the identity. A store that finds itself on other data than it was is another store from then on.
 *
 * @throws StoreError `storage-unsafe` when a commit would not be on disk; `store-unavailable` on a standby
 */
export async function readIdentity(transaction: Transaction, mint: () => GenerationId): Promise<Identity> {
  const found = await read(transaction);
  if (found.noted === found.incarnation) return identityOf(found);
  await transaction.run(LOCK);
  const locked = await read(transaction);
  if (locked.noted !== locked.incarnation) {
    const isNew = locked.generation === null;
    if (!isNew) await transaction.run(ADD_FORMER, [locked.generation]);
    if (!isNew) await transaction.run(NOTE, ['minted-in', locked.opening]);
    await transaction.run(NOTE, ['generation', mint()]);
    await transaction.run(NOTE, ['incarnation', locked.incarnation]);
  }
  return identityOf(await read(transaction));
}

/** A change of the generation, or of the former ones. */
export type GenerationChange = Extract<
  Change,
  { readonly type: 'change-generation' | 'put-former' | 'remove-former' }
>;

/** The identity behind a change. */
export function changedIdentity(identity: Identity, { type, generation }: GenerationChange): Identity {
  const former = new Set(identity.former);
  if (type === 'remove-former') former.delete(generation);
  else former.add(type === 'put-former' ? generation : identity.generation);
  if (type !== 'change-generation') return { ...identity, former };
  return { ...identity, former, generation, mintedIn: identity.opening };
}

/** Writes a change of the identity that stood before it. */
export function writeGenerationChange(
  transaction: Transaction,
  before: Identity,
  { type, generation }: GenerationChange,
): readonly Promise<unknown>[] {
  if (type === 'remove-former') return [transaction.run(REMOVE_FORMER, [generation])];
  if (type === 'put-former') return [transaction.run(ADD_FORMER, [generation])];
  return [
    transaction.run(ADD_FORMER, [before.generation]),
    transaction.run(NOTE, ['generation', generation]),
    transaction.run(NOTE, ['minted-in', before.opening]),
  ];
}

async function read(transaction: Transaction): Promise<IdentityColumns> {
  const [row] = await transaction.rows<IdentityColumns>(SELECT);
  if (row === undefined) throw unavailable('it does not say what it is');
  if (row.in_recovery) throw unavailable('it is a standby, which takes no writes');
  for (const name of ['fsync', 'synchronous_commit'] as const) {
    if (row[name] !== 'off') continue;
    throw new StoreError(
      'storage-unsafe',
      `the database has ${name} = off: a power cut would lose acknowledged messages; turn it on, also for this role and database`,
    );
  }
  return row;
}

function identityOf({ generation, former, minted_in: mintedIn, opening }: IdentityColumns): Identity {
  if (generation === null)
    throw new StoreError('store-damaged', 'the store has no generation: restore a backup');
  const names = former === '' ? [] : former.split(' ');
  return {
    generation: generation as GenerationId,
    former: new Set(names as GenerationId[]),
    mintedIn: mintedIn ?? undefined,
    opening,
  };
}
