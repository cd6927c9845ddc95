import { invariant } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';

/** What a symbol names; a source is a device with an epoch it sent in. */
export type SymbolKind = 'epoch' | 'device' | 'queue' | 'source' | 'consumer';

/** Numbers for long names, remembered: rows hold the number. */
export class Symbols {
  readonly #find: Database.Statement<[string, string], { number: number }>;
  readonly #add: Database.Statement<[string, string]>;
  readonly #name: Database.Statement<[number], { kind: SymbolKind; name: string }>;
  readonly #numbers: Readonly<Record<SymbolKind, Map<string, number>>> = {
    epoch: new Map(),
    device: new Map(),
    queue: new Map(),
    source: new Map(),
    consumer: new Map(),
  };
  readonly #names = new Map<number, string>();
  #version = 0;

  constructor(database: Database.Database) {
    this.#find = database.prepare('SELECT number FROM symbols WHERE kind = ? AND name = ?');
    this.#add = database.prepare('INSERT INTO symbols (kind, name) VALUES (?, ?)');
    this.#name = database.prepare('SELECT kind, name FROM symbols WHERE number = ?');
  }

  /** Changes when numbers given so far may be wrong: see {@link forget}. */
  get version(): number {
    return this.#version;
  }

  /** The number of `name`; undefined when it has none yet. */
  find(kind: SymbolKind, name: string): number | undefined {
    const known = this.#numbers[kind].get(name);
    if (known !== undefined) return known;
    const number = this.#find.get(kind, name)?.number;
    if (number !== undefined) this.#remember(kind, name, number);
    return number;
  }

  /** The number of `name`, which gets one now if it has none. */
  intern(kind: SymbolKind, name: string): number {
    const known = this.find(kind, name);
    if (known !== undefined) return known;
    const number = Number(this.#add.run(kind, name).lastInsertRowid);
    this.#remember(kind, name, number);
    return number;
  }

  /** The name with this number. */
  name(number: number): string {
    const known = this.#names.get(number);
    if (known !== undefined) return known;
    const row = this.#name.get(number);
    invariant(row !== undefined, `no symbol has number ${number}`);
    this.#remember(row.kind, row.name, number);
    return row.name;
  }

  /** To be called when writes were taken back: numbers given in them are free again. */
  forget(): void {
    this.#version += 1;
    for (const numbers of Object.values(this.#numbers)) numbers.clear();
    this.#names.clear();
  }

  #remember(kind: SymbolKind, name: string, number: number): void {
    if (this.#names.size >= REMEMBERED_MAX) this.forget();
    this.#numbers[kind].set(name, number);
    this.#names.set(number, name);
  }
}

/** About 30 MB. */
const REMEMBERED_MAX = 100_000;
