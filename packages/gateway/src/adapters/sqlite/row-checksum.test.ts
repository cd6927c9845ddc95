import { expect, test } from 'vitest';
import { messageChecksum, type RowNumbers, streamChecksum } from './row-checksum.ts';

const NUMBERS: RowNumbers = [2 ** 52 + 1, 1_800_000_000_000, 1_800_000_000_001, 7, 42];
const HEAD = Uint8Array.of(1, 2, 3);
const BODY = Uint8Array.of(4, 5, 6);
const checksum = messageChecksum(NUMBERS, HEAD, BODY);

test('the same row has the same checksum', () => {
  expect(messageChecksum([...NUMBERS], HEAD.slice(), BODY.slice())).toBe(checksum);
});

test('bytes that lie behind one another have the checksum that they have apart', () => {
  const both = Uint8Array.of(0, ...HEAD, ...BODY, 0);
  expect(messageChecksum(NUMBERS, both.subarray(1, 4), both.subarray(4, 7))).toBe(checksum);
  expect(messageChecksum(NUMBERS, both.subarray(1, 4), both.subarray(3, 6))).not.toBe(checksum);
});

test.each(NUMBERS.flatMap((_, column) => [1, 2 ** 31, 2 ** 40].map((bit) => ({ column, bit }))))(
  'a changed number is seen: %j',
  ({ column, bit }) => {
    const changed = NUMBERS.map((number, index) => (index === column ? number + bit : number));
    expect(messageChecksum(changed as unknown as RowNumbers, HEAD, BODY)).not.toBe(checksum);
  },
);

test('every turned bit of the bytes is seen', () => {
  for (const [index, bytes] of [HEAD, BODY].entries()) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = bytes.slice();
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found =
        index === 0 ? messageChecksum(NUMBERS, turned, BODY) : messageChecksum(NUMBERS, HEAD, turned);
      expect(found).not.toBe(checksum);
    }
  }
});

test("another stream's mark is not taken for this one's", () => {
  const id = new Uint8Array(16);
  const own = streamChecksum([1, 2, 3, 400], id);
  for (const other of [
    [2, 2, 3, 400],
    [1, 3, 3, 400],
    [1, 2, 4, 400],
    [1, 2, 3, 401],
    [2, 1, 3, 400],
  ] as const)
    expect(streamChecksum(other, id)).not.toBe(own);
});
