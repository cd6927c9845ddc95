import {
  type DeviceId,
  encodeMessage,
  type EpochId,
  type MessageId,
  messageIdFrom,
  packEntries,
} from '@fieldpost/protocol';
import { createIndexedDbOutboxStore } from '@fieldpost/sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ended } from '../support/indexeddb-raw.ts';

// Asking for a message by its id: how much of a large log is read for it.

const EPOCH = 'e'.repeat(32) as EpochId;
const SEGMENTS = 96;
const SEGMENT_BYTES = 256 * 1024;
const BEGUN_AT = 1_800_000_000_000;

let name = '';
let store: ReturnType<typeof createIndexedDbOutboxStore>;
let bytesRead = 0;
const { getAll } = IDBObjectStore.prototype;

beforeEach(async () => {
  name = `outbox-${crypto.randomUUID()}`;
  store = createIndexedDbOutboxStore({ name });
  await store.open({ device: '11111111-1111-4111-8111-111111111111' as DeviceId, marker: undefined });
  bytesRead = 0;
  IDBObjectStore.prototype.getAll = function (this: IDBObjectStore, ...parameters: [IDBKeyRange?, number?]) {
    const request: IDBRequest<unknown[]> = Reflect.apply(getAll, this, parameters);
    request.addEventListener('success', () => {
      for (const value of request.result) bytesRead += sizeOf(value);
    });
    return request;
  };
});

afterEach(async () => {
  IDBObjectStore.prototype.getAll = getAll;
  await store.close();
  await ended(indexedDB.deleteDatabase(name));
});

test('a message is found beside its time, and what is not here does not read the whole log', async () => {
  const ids = await fill();
  for (const index of [0, 1, SEGMENTS / 2, SEGMENTS - 2, SEGMENTS - 1]) {
    bytesRead = 0;
    const id = ids[index];
    if (id === undefined) throw new Error(`nothing was saved at ${index}`);
    expect(await store.find(id)).toMatchObject({ number: index + 1, acknowledged: false });
    expect(bytesRead).toBeLessThanOrEqual(2.5 * 1024 * 1024);
  }
  for (const timeMs of [0, BEGUN_AT + 1_000 * (SEGMENTS / 2), BEGUN_AT * 2]) {
    bytesRead = 0;
    expect(await store.find(idAt(timeMs))).toBeUndefined();
    expect(bytesRead).toBeLessThanOrEqual(10.5 * 1024 * 1024);
  }
});

test('an id that the app supplied is found whatever time it tells', async () => {
  const ids = await fill();
  const supplied = idAt(BEGUN_AT * 2);
  await save(ids.length, supplied, [supplied]);
  bytesRead = 0;
  expect(await store.find(supplied)).toMatchObject({ number: ids.length + 1 });
  expect(bytesRead).toBeLessThanOrEqual(1024 * 1024);
});

async function fill(): Promise<MessageId[]> {
  const ids: MessageId[] = [];
  for (let index = 0; index < SEGMENTS; index++) {
    // As sending does: the id is made, and a moment later the segment is begun.
    const id = idAt(BEGUN_AT + 1_000 * index - 1);
    ids.push(id);
    await save(index, id);
  }
  return ids;
}

async function save(index: number, id: MessageId, suppliedIds?: readonly MessageId[]): Promise<void> {
  const message = encodeMessage({ id, properties: {}, body: new Uint8Array(SEGMENT_BYTES) });
  await store.save(EPOCH, () => ({
    type: 'write',
    write: crypto.randomUUID(),
    segments: [
      {
        stream: { epoch: EPOCH, queue: 'orders', priority: 3 },
        first: index + 1,
        count: 1,
        messages: packEntries([message]),
        savedAt: BEGUN_AT + 1_000 * index,
        ...(suppliedIds === undefined ? {} : { suppliedIds }),
      },
    ],
  }));
}

function idAt(timeMs: number): MessageId {
  return messageIdFrom(timeMs, crypto.getRandomValues(new Uint8Array(10)));
}

function sizeOf(value: unknown): number {
  const messages: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'messages') : undefined;
  return messages instanceof Uint8Array ? messages.byteLength : 0;
}
