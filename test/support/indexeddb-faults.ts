import type { StorageFault, StorageFaults } from '@fieldpost/sdk/testing/suites';

/** The methods that make a storage operation, by the prototype that has them. */
const REQUESTS = ['add', 'clear', 'count', 'delete', 'get', 'getAll', 'getAllKeys', 'getKey', 'put'] as const;
const CURSORS = ['openCursor', 'openKeyCursor'] as const;

interface Plan {
  readonly fault: StorageFault;
  readonly lasting: 'once' | 'for-good';
  left: number;
  struck: boolean;
}

/**
 * Makes the browser's own IndexedDB fail, by wrapping the methods of its prototypes. Between `failAt` and `clear` every
 * new transaction and every request counts as one operation.
 */
export class IndexedDbFaults implements StorageFaults {
  #plan: Plan | undefined;
  readonly #unwrap: (() => void)[] = [];

  constructor() {
    this.#wrapTransaction();
    for (const prototype of [IDBObjectStore.prototype, IDBIndex.prototype]) {
      for (const method of [...REQUESTS, ...CURSORS]) this.#wrapRequest(prototype, method);
    }
    this.#wrapOpen();
  }

  failAt(n: number, fault: StorageFault, lasting: 'once' | 'for-good'): void {
    this.#plan = { fault, lasting, left: n, struck: false };
  }

  clear(): boolean {
    const struck = this.#plan?.struck === true;
    this.#plan = undefined;
    return struck;
  }

  remove(): void {
    for (const unwrap of this.#unwrap) unwrap();
  }

  /** Counts one operation and tells whether it is to fail. */
  #strikes(...faults: readonly StorageFault[]): boolean {
    const plan = this.#plan;
    if (plan === undefined || !faults.includes(plan.fault)) return false;
    if (plan.left > 0) plan.left--;
    const strikes = plan.left === 0 && !(plan.struck && plan.lasting === 'once');
    if (strikes) plan.struck = true;
    return strikes;
  }

  #wrapTransaction(): void {
    const original = Reflect.get(IDBDatabase.prototype, 'transaction');
    const strikes = (...faults: StorageFault[]): boolean => this.#strikes(...faults);
    this.#replace(IDBDatabase.prototype, 'transaction', function (this: IDBDatabase, ...call) {
      if (strikes('dead')) throw new DOMException('the connection is closing', 'InvalidStateError');
      const transaction: IDBTransaction = Reflect.apply(original, this, call);
      if (transaction.mode === 'readwrite') {
        transaction.addEventListener('complete', (event) => {
          if (!strikes('unheard')) return;
          event.stopImmediatePropagation();
          transaction.dispatchEvent(new Event('abort'));
        });
      }
      return transaction;
    });
  }

  #wrapRequest(prototype: object, method: string): void {
    const original: unknown = Reflect.get(prototype, method);
    if (typeof original !== 'function') return;
    const strikes = (...faults: StorageFault[]): boolean => this.#strikes(...faults);
    this.#replace(prototype, method, function (this: IDBObjectStore | IDBIndex, ...call) {
      const request: unknown = Reflect.apply(original, this, call);
      const store = this instanceof IDBIndex ? this.objectStore : this;
      if (strikes('dead')) store.transaction.abort();
      else if (writes(method) && strikes('full')) abortAsFull(store.transaction);
      return request;
    });
  }

  #wrapOpen(): void {
    const original = Reflect.get(IDBFactory.prototype, 'open');
    const strikes = (): boolean => this.#strikes('dead');
    this.#replace(IDBFactory.prototype, 'open', function (this: IDBFactory, ...call) {
      if (strikes()) throw new DOMException('internal error opening backing store', 'UnknownError');
      return Reflect.apply(original, this, call);
    });
  }

  #replace(prototype: object, name: string, method: (this: never, ...call: unknown[]) => unknown): void {
    const before = Object.getOwnPropertyDescriptor(prototype, name);
    if (before === undefined) throw new Error(`${name} is not there to be wrapped`);
    Object.defineProperty(prototype, name, { ...before, value: method });
    this.#unwrap.push(() => Object.defineProperty(prototype, name, before));
  }
}

function writes(method: string): boolean {
  return method === 'add' || method === 'put';
}

function abortAsFull(transaction: IDBTransaction): void {
  const error = new DOMException('the quota is used up', 'QuotaExceededError');
  Object.defineProperty(transaction, 'error', { value: error });
  transaction.abort();
}
