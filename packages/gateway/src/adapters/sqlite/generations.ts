import { randomUUID } from 'node:crypto';
import type { GenerationId } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import type { Change, Generations as GenerationsRow } from '../../ports/gateway-store.ts';

/** Which store this is and which it was, remembered until writes are taken back. */
export class Generations {
  readonly #database: Database.Database;
  readonly #setCurrent: Database.Statement<[string]>;
  readonly #addFormer: Database.Statement<[string]>;
  readonly #opening = randomUUID();
  #row: GenerationsRow | undefined;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#setCurrent = database.prepare("UPDATE meta SET value = ? WHERE name = 'generation'");
    this.#addFormer = database.prepare(
      'INSERT INTO former_generations (generation) VALUES (?) ON CONFLICT DO NOTHING',
    );
  }

  get(): GenerationsRow {
    this.#row ??= this.#load();
    return this.#row;
  }

  change({ generation, former }: Extract<Change, { type: 'change-generation' }>): void {
    for (const known of [this.get().current, ...former]) this.#addFormer.run(known);
    this.#setCurrent.run(generation);
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
      .prepare<[], { generation: string }>('SELECT generation FROM former_generations')
      .all();
    return {
      current: current.value as GenerationId,
      opening: this.#opening,
      former: new Set(former.map(({ generation }) => generation as GenerationId)),
    };
  }
}
