import { expect, test } from 'vitest';
import { createCryptoEntropy } from './crypto-entropy.ts';

test('no bytes are given twice, and what was given stays as it is', () => {
  const entropy = createCryptoEntropy();
  const given = Array.from({ length: 2000 }, () => entropy.bytes(16));
  const texts = given.map((bytes) => Buffer.from(bytes).toString('hex'));
  expect(new Set(texts).size).toBe(2000);
  entropy.bytes(8192);
  expect(given.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(texts);
});

test.each([0, 1, 16, 8191, 8192, 8193, 100_000])('%d bytes are as many, and not zeros', (length) => {
  const entropy = createCryptoEntropy();
  entropy.bytes(5000);
  const bytes = entropy.bytes(length);
  expect(bytes).toHaveLength(length);
  // Sixteen zeros in a row come once in 10^38 draws.
  for (let start = 0; start + 16 <= length; start += 16)
    expect(bytes.subarray(start, start + 16).some((byte) => byte !== 0)).toBe(true);
});
