// The browser's IndexedDB without any library, for tests that look at a database, or harm it, behind a store's back.

/** Opens a database as it is; with a version, raises it to that. */
export function openRaw(name: string, version?: number): Promise<IDBDatabase> {
  return ended(indexedDB.open(name, version));
}

/** Every segment record with its key; not the fences beside them. */
export async function segmentsIn(
  name: string,
): Promise<readonly { readonly key: IDBValidKey; readonly value: unknown }[]> {
  const db = await openRaw(name);
  const segments = db.transaction('segments').objectStore('segments');
  const [keys, values] = await Promise.all([ended(segments.getAllKeys()), ended(segments.getAll())]);
  db.close();
  return keys
    .map((key, index) => ({ key, value: values[index] }))
    .filter(({ key }) => typeof key !== 'number');
}

/** The places in the log that fences stand on. */
export async function fencesIn(name: string): Promise<readonly IDBValidKey[]> {
  const db = await openRaw(name);
  const numbers = IDBKeyRange.bound(0, Number.MAX_SAFE_INTEGER);
  const keys = await ended(db.transaction('segments').objectStore('segments').getAllKeys(numbers));
  db.close();
  return keys;
}

/** Removes every record of a store. */
export async function clearStore(name: string, store: string): Promise<void> {
  const db = await openRaw(name);
  await ended(db.transaction(store, 'readwrite').objectStore(store).clear());
  db.close();
}

export async function putValue(
  name: string,
  store: string,
  value: unknown,
  key?: IDBValidKey,
): Promise<void> {
  const db = await openRaw(name);
  await ended(db.transaction(store, 'readwrite').objectStore(store).put(value, key));
  db.close();
}

/** Replaces properties of a stored object. */
export async function changeValue(
  name: string,
  store: string,
  key: IDBValidKey,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const db = await openRaw(name);
  const value: unknown = await ended(db.transaction(store).objectStore(store).get(key));
  db.close();
  if (typeof value !== 'object' || value === null) throw new Error('no object is stored there');
  await putValue(name, store, { ...value, ...change }, key);
}

/** The result of a request. */
export function ended<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('failed without a reason')));
  });
}
