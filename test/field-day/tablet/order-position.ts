const storeName = 'book';
const key = 'position';

/**
 * How far the rep is in the order book: in an IndexedDB of the page's own, durable before the next order is taken. A
 * tablet that dies between an order's `send` and this note sends that order again, under the same id.
 */
export class OrderPosition {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  static async open(): Promise<OrderPosition> {
    const request = indexedDB.open('field-day', 1);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(storeName));
    return new OrderPosition(await result(request));
  }

  async read(): Promise<number> {
    const value: unknown = await result(
      this.#database.transaction(storeName).objectStore(storeName).get(key),
    );
    return typeof value === 'number' ? value : 0;
  }

  async write(position: number): Promise<void> {
    const transaction = this.#database.transaction(storeName, 'readwrite', { durability: 'strict' });
    transaction.objectStore(storeName).put(position, key);
    await new Promise<void>((resolve, reject) => {
      transaction.addEventListener('complete', () => resolve());
      transaction.addEventListener('abort', () =>
        reject(new Error('the position was not saved', { cause: transaction.error })),
      );
    });
  }
}

function result<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(new Error('IndexedDB failed', { cause: request.error })));
  });
}
