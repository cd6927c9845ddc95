import { randomUUID } from 'node:crypto';
import type { GenerationId } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import type { Change, Generations as GenerationsRow } from '../../ports/gateway-store.ts';

type GenerationChange = Extract<
  Change,
  { readonly type: 'change-generation' | 'put-former' | 'remove-former' }
>;

/** Which store this is and which it was, remembered until writes are taken back. */
export class Generations {
  readonly #database: Database.Database;
  readonly #setCurrent: Database.Statement<[string]>;
  readonly #setMintedIn: Database.Statement<[string]>;
  readonly #addFormer: Database.Statement<[string]>;
  readonly #removeFormer: Database.Statement<[string]>;
  readonly #opening = randomUUID();
  #row: GenerationsRow | undefined;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#setCurrent = database.prepare("UPDATE meta SET value = ? WHERE name = 'generation'");
    this.#setMintedIn = database.prepare(
      `INSERT INTO meta (name, value) VALUES ('minted-in', ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    );
    this.#addFormer = database.prepare(
      `INSERT INTO former_generations (generation, place)
       VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM former_generations)) ON CONFLICT DO NOTHING`,
    );
    this.#removeFormer = database.prepare('DELETE FROM former_generations WHERE generation = ?');
  }

  get(): GenerationsRow {
    this.#row ??= this.#load();
    return this.#row;
  }

  change({ type, generation }: GenerationChange): void {
    if (type === 'remove-former') this.#removeFormer.run(generation);
    else this.#addFormer.run(type === 'put-former' ? generation : this.get().current);
    if (type === 'change-generation') {
      this.#setCurrent.run(generation);
      this.#setMintedIn.run(this.#opening);
    }
    this.#row = undefined;
  }

  /** To be called when writes were taken back. */
  forget(): void {
    this.#row = undefined;
  }

  #load(): GenerationsRow {
    const current = this.#database
      .prepare<[], { value: string }>("SELECT value FROM meta WHERE name = 'generation'")
      .get();
    if (current === undefined) {
      throw new StoreError('store-damaged', `${this.#database.name} has no generation: restore a backup`);
    }
    const former = this.#database
      .prepare<[], { generation: string }>(
        'SELECT generation FROM former_generations ORDER BY place, generation',
      )
      .all();
    const mintedIn = this.#database
      .prepare<[], { value: string }>("SELECT value FROM meta WHERE name = 'minted-in'")
      .get();
    return {
      current: current.value as GenerationId,
      opening: this.#opening,
      former: new Set(former.map(({ generation }) => generation as GenerationId)),
      ...(mintedIn === undefined ? {} : { mintedIn: mintedIn.value }),
    };
  }
}
