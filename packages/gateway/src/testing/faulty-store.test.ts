import type { GenerationId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { createMemoryDisk } from '../adapters/memory/memory-disk.ts';
import { openMemoryStore } from '../adapters/memory/memory-store.ts';
import { createFaultyStore } from './faulty-store.ts';
import { append, newMessage, numbersIn, queueRow, write } from './gateway-store-suite/fixtures.ts';

test.each([
  { lasts: 'once', when: 'before', there: [1, 3, 4], struck: 1 },
  { lasts: 'once', when: 'after', there: [1, 2, 3, 4], struck: 1 },
  { lasts: 'for-good', when: 'before', there: [1], struck: 3 },
  { lasts: 'for-good', when: 'after', there: [1, 2, 3, 4], struck: 3 },
] as const)('the second call fails $lasts, $when its work', async ({ lasts, when, there, struck }) => {
  const store = openMemoryStore(createMemoryDisk('00000000-0000-4000-8000-000000000000' as GenerationId));
  await write(store, { type: 'put-queue', row: queueRow() });
  const faulty = createFaultyStore(store, { at: 2, lasts, when });
  const outcomes = [];
  for (let number = 1; number <= 4; number++) {
    outcomes.push(
      await append(faulty, [newMessage(number)]).then(
        () => 'done',
        (error: unknown) => error,
      ),
    );
  }
  expect(outcomes[1]).toMatchObject({ name: 'StoreError', code: 'store-failed' });
  expect(outcomes.filter((outcome) => outcome !== 'done')).toHaveLength(struck);
  expect(faulty.struck).toBe(struck);
  expect(await numbersIn(faulty)).toEqual(there);
});
