import { readdirSync, readFileSync } from 'node:fs';
import { StoreError } from '../core/store-error.ts';

/** One numbered step of a store's schema. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  /** A release that does not know it must not use the store. */
  readonly breaking: boolean;
  readonly sql: string;
}

/** The migrations of a store that ship with this release, by number. */
export function readMigrations(folder: URL): readonly Migration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  return files.toSorted().map((file, index) => {
    const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file);
    const sql = readFileSync(new URL(file, folder), 'utf8');
    const breaking = /^-- breaking: (yes|no)\n/.exec(sql)?.[1];
    if (match?.[2] === undefined || Number(match[1]) !== index + 1 || breaking === undefined) {
      throw new StoreError(
        'internal',
        `migration ${file}: expected number ${index + 1} in its name and "-- breaking: yes|no" in its first line`,
      );
    }
    return { number: index + 1, name: match[2], breaking: breaking === 'yes', sql };
  });
}

/** What a store notes of a migration that it has. */
export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly breaking: boolean;
}

/**
 * The migrations that a store does not have yet.
 *
 * @param applied those it has, by number
 * @param place names the store in an error
 * @throws StoreError `schema-too-new` when a newer release changed the store in a way that this one cannot live with
 */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
  place: string,
): readonly Migration[] {
  const blocking = applied.findLast((row) => row.number > migrations.length && row.breaking);
  if (blocking !== undefined) {
    throw new StoreError(
      'schema-too-new',
      `${place} has schema ${blocking.number} (${blocking.name}); this release reads up to ${migrations.length}: install the newer release, or restore a backup from before the upgrade`,
    );
  }
  return migrations.slice(applied.length);
}
