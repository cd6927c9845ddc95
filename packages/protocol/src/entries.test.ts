import { expect, test } from 'vitest';
import { ENTRY_HEADER_BYTES, packEntries, unpackEntries } from './entries.ts';
import { ProtocolError } from './errors.ts';

test('each entry stands behind its length', () => {
  const packed = packEntries([Uint8Array.of(7, 8), new Uint8Array(0), Uint8Array.of(9)]);
  expect([...packed]).toEqual([0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
  expect(packed).toHaveLength(3 * ENTRY_HEADER_BYTES + 3);
});

test('no entries are no bytes', () => {
  expect(packEntries([])).toHaveLength(0);
  expect(unpackEntries(new Uint8Array(0), 0)).toEqual([]);
});

test('entries are views on the same memory, wherever in it they stand', () => {
  const memory = Uint8Array.of(0xff, 0, 0, 0, 1, 42, 0xff);
  const [entry] = unpackEntries(memory.subarray(1, 6), 1);
  expect(entry?.buffer).toBe(memory.buffer);
  expect([...(entry ?? [])]).toEqual([42]);
});

test('as many entries as allowed, and not one more', () => {
  const packed = packEntries([new Uint8Array(0), new Uint8Array(0)]);
  expect(unpackEntries(packed, 2)).toHaveLength(2);
  expect(() => unpackEntries(packed, 1)).toThrow('more than 1 entries');
});

test.each([
  ['a length that is cut off', [0, 0, 0], 'entry 0: its length is cut off'],
  [
    'an entry that is not there',
    [0, 0, 0, 0, 255, 255, 255, 255, 1],
    'entry 1 claims 4294967295 bytes, 1 are left',
  ],
])('%s is a malformed frame', (_what, bytes, message) => {
  expect(() => unpackEntries(Uint8Array.from(bytes), 9)).toThrow(
    expect.objectContaining({ code: 'malformed-frame', message }),
  );
  expect(() => unpackEntries(Uint8Array.from(bytes), 9)).toThrow(ProtocolError);
});
