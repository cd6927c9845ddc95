/** How to take back what was changed in memory since a mark. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  add(step: () => void): void {
    this.#steps.push(step);
  }

  mark(): number {
    return this.#steps.length;
  }

  /** Takes back everything since `mark`, the latest first. */
  takeBack(mark: number): void {
    for (const step of this.#steps.splice(mark).reverse()) step();
  }
}

/** A row as it is stored, and as it will be. */
export interface ChangedRow<Row> {
  readonly key: string;
  readonly stored: Row | undefined;
  readonly row: Row | undefined;
}

interface KeptRow<Row> {
  readonly stored: Row | undefined;
  readonly row: Row | undefined;
}

/** Rows of one kind that a transaction has read, and what it means to write over them. Undefined: there is no such row. */
export class KeptRows<Row> {
  readonly #undo: UndoLog;
  readonly #kept = new Map<string, KeptRow<Row>>();

  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  isLoaded(key: string): boolean {
    return this.#kept.has(key);
  }

  /** Notes what is stored. */
  load(key: string, stored: Row | undefined): void {
    this.#kept.set(key, { stored, row: stored });
  }

  get(key: string): Row | undefined {
    return this.#kept.get(key)?.row;
  }

  /** What was there before this transaction changed it. */
  stored(key: string): Row | undefined {
    return this.#kept.get(key)?.stored;
  }

  set(key: string, row: Row | undefined): void {
    const before = this.#kept.get(key);
    this.#kept.set(key, { stored: before?.stored, row });
    this.#undo.add(() => {
      if (before === undefined) this.#kept.delete(key);
      else this.#kept.set(key, before);
    });
  }

  /** What is to be written. From then on it counts as stored. */
  takeChanges(): readonly ChangedRow<Row>[] {
    const changes: ChangedRow<Row>[] = [];
    for (const [key, { stored, row }] of this.#kept) {
      if (stored === row) continue;
      changes.push({ key, stored, row });
      this.#kept.set(key, { stored: row, row });
    }
    return changes;
  }
}
