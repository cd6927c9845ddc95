import assert from 'node:assert/strict';
import { CodedError, createRng, type Rng } from '@fieldpost/protocol';
import { fuzz } from './fuzz.ts';
import { hostileNumber, hostileText, mutatedBytes } from './hostile-values.ts';
import { checksumOf, type MessageColumns, storedMessage } from './internals.ts';

// Rows of the gateway's store that somebody edited, or a disk: given out as they were written, or refused as damaged.

type Symbols = Parameters<typeof storedMessage>[2];

/** One source, as every row here names it. */
const SYMBOLS = {
  name: () => `${'0'.repeat(32)} 00000000-0000-4000-8000-000000000001`,
} as unknown as Symbols;

fuzz(
  () => ({
    name: 'stored rows of the gateway',
    draw: (rng) => Buffer.from(rng.bytes(8)).toString('hex'),
    feed: (seed) => {
      const rng = createRng(seed);
      const written = row(rng);
      const whole = storedMessage(written, 1, SYMBOLS);
      const edited = edit(written, rng);
      let read;
      try {
        read = storedMessage(edited, 1, SYMBOLS);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        assert.equal(error.code, 'store-damaged');
        return;
      }
      assert.deepEqual(read, whole);
    },
  }),
  'stored rows of the gateway',
);

function row(rng: Rng): MessageColumns {
  const head = rng.bytes(18 + rng.below(40));
  const isSent = rng.chance(0.3);
  const columns = {
    key: 2 ** 40 + rng.below(1000),
    sent_at: 1_800_000_000_000 + rng.below(1e9),
    arrived_at: 1_800_000_000_000 + rng.below(1e9),
    source: isSent ? null : 1 + rng.below(50),
    number: isSent ? null : 1 + rng.below(5000),
    head,
    body: rng.bytes(rng.below(300)),
  };
  return { ...columns, priority: null, checksum: checksumOf(columns) };
}

const NUMBERS = ['key', 'sent_at', 'arrived_at', 'source', 'number'] as const;

function edit(written: MessageColumns, rng: Rng): MessageColumns {
  const kinds: readonly (() => object)[] = [
    () => ({ body: mutatedBytes(written.body, rng) }),
    () => ({ head: mutatedBytes(written.head, rng) }),
    () => ({ [rng.pick(NUMBERS)]: hostileNumber(rng) }),
    () => ({ [rng.pick(['head', 'body'])]: rng.pick([null, hostileText(rng), hostileNumber(rng)]) }),
    () => ({ [rng.pick(NUMBERS)]: rng.pick([null, hostileText(rng)]) }),
    () => ({ checksum: hostileNumber(rng) }),
    () => ({ head: written.body, body: written.head }),
    () => ({}),
  ];
  // What SQLite hands over may be of any type, whatever the table's columns say.
  return { ...written, ...rng.pick(kinds)() };
}
