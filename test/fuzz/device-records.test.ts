import assert from 'node:assert/strict';
import { createRng, type Rng } from '@fieldpost/protocol';
import { fuzz } from './fuzz.ts';
import { hostileNumber, hostileText, mutatedBytes } from './hostile-values.ts';
import { crc32, parseSegmentKey, records } from './internals.ts';

// What the outbox reads back from IndexedDB: written by an older release, by somebody in the browser's tools, or by a disk.

const NAMES = [
  'settledUpTo',
  'session',
  'generation',
  'number',
  'nonce',
  'through',
  'lanes',
  'savedAt',
  'messages',
  'checksum',
  'acknowledged',
  'acknowledgedId',
  'holder',
  'until',
  'id',
  'stream',
  'epoch',
  'queue',
  'priority',
  'state',
  'code',
  'setAsideAt',
  '__proto__',
] as const;

fuzz(
  () => ({
    name: 'stored device records',
    // Values of IndexedDB are more than a text can hold: the text is the seed they are made of.
    draw: (rng) => Buffer.from(rng.bytes(8)).toString('hex'),
    feed: (seed) => {
      const rng = createRng(seed);
      const value = hostileValue(rng);
      records.parseDevice(value);
      const log = records.parseLog(value);
      assert.deepEqual(records.parseLog(log), log);
      stable(records.parseLease, value);
      stable(records.parsePosition, value);
      stable(records.parseEpochRecord, value);
      const key = hostileValue(rng);
      records.parseMark(key, value);
      parseSegmentKey(key);
      const letter = records.parseDeadLetter(value);
      if (letter !== undefined)
        assert.deepEqual(records.parseDeadLetter(records.deadLetterRecord(letter)), letter);
      segment(rng);
    },
  }),
  'stored device records',
);

/** What is taken is taken again, as the same. */
function stable<Value>(parse: (stored: unknown) => Value | undefined, stored: unknown): void {
  const value = parse(stored);
  if (value !== undefined) assert.deepEqual(parse(value), value);
}

/** A segment of which anything was changed is not taken for the one that was saved. */
function segment(rng: Rng): void {
  const key = rng.bytes(40);
  const messages = rng.bytes(1 + rng.below(200));
  const checksum = crc32(key, messages);
  const changed = rng.chance(0.5) ? mutatedBytes(messages, rng) : messages;
  const isSame = Buffer.compare(changed, messages) === 0;
  const read = records.parseSegment({ messages: changed, checksum }, key.buffer, messages.length);
  assert.equal(read !== undefined, isSame, 'taken, although it was changed; or not, although it was not');
  const otherKey = mutatedBytes(key, rng);
  if (Buffer.compare(otherKey, key) === 0) return;
  const moved = records.parseSegment(
    { messages, checksum },
    Uint8Array.from(otherKey).buffer,
    messages.length,
  );
  assert.equal(moved, undefined, 'taken under another key');
}

function hostileValue(rng: Rng, depth = 0): unknown {
  const deeper = (): unknown => hostileValue(rng, depth + 1);
  const kinds: readonly (() => unknown)[] = [
    () => hostileText(rng),
    () => hostileNumber(rng),
    () => undefined,
    () => null,
    () => rng.bytes(rng.below(48)),
    () => rng.bytes(rng.below(48)).buffer,
    () => new Date(hostileNumber(rng)),
    () =>
      rng.pick([
        'refused',
        'unreadable',
        'in-doubt',
        '01890000-0000-7000-8000-000000000001',
        '0'.repeat(32),
        '0'.repeat(16),
      ]),
    () => Array.from({ length: rng.below(4) }, deeper),
    () => Object.fromEntries(NAMES.filter(() => rng.chance(0.4)).map((name) => [name, deeper()])),
    () => new Map([[hostileText(rng), deeper()]]),
  ];
  return rng.pick(depth > 2 ? kinds.slice(0, 8) : [...kinds, ...kinds.slice(9, 10), ...kinds.slice(9, 10)])();
}
