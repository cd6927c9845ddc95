import { createMemoryOutboxStore, MemoryDatabase, type MemoryFault } from '@fieldpost/sdk/testing';
import type { OutboxPlace, StorageFault, StorageFaults } from '@fieldpost/sdk/testing/suites';

/** A memory database with a fault for any operation. */
export function memoryOutboxPlace(): OutboxPlace {
  const database = new MemoryDatabase();
  return {
    handle: () => createMemoryOutboxStore(database),
    faults: new MemoryFaults(database),
    damage: async (position) => database.damage(position),
    remove: async () => undefined,
  };
}

class MemoryFaults implements StorageFaults {
  readonly #database: MemoryDatabase;
  #struck = false;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  failAt(n: number, fault: StorageFault, lasting: 'once' | 'for-good'): void {
    let left = n;
    this.#struck = false;
    this.#database.fault = (_operation, writes): MemoryFault => {
      if (!writes && fault !== 'dead') return 'none';
      if (left > 0) left--;
      if (left > 0 || (this.#struck && lasting === 'once')) return 'none';
      this.#struck = true;
      return fault;
    };
  }

  clear(): boolean {
    this.#database.fault = () => 'none';
    return this.#struck;
  }
}
