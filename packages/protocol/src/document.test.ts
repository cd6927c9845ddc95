import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documentPath, withGeneratedParts } from '../scripts/document.ts';

test('the protocol’s document repeats the code as it is (else: npm run corpus)', () => {
  const text = readFileSync(documentPath, 'utf8');
  expect(text).toBe(withGeneratedParts(text));
});
