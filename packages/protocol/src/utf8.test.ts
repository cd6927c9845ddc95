import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlainText, readUtf8, utf8Bytes, wellFormed } from './utf8.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

test(
  'reads what the platform’s strict decoder reads, and refuses what that refuses',
  { timeout: 60_000 },
  () => {
    const mixed = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
      fc.uint8Array({ maxLength: 12 }),
      // Near the borders of the sequences, where mistakes live.
      fc
        .array(
          fc.constantFrom(
            0x7f,
            0x80,
            0x8f,
            0x90,
            0x9f,
            0xa0,
            0xbf,
            0xc0,
            0xc1,
            0xc2,
            0xe0,
            0xed,
            0xef,
            0xf0,
            0xf4,
            0xf5,
          ),
          { maxLength: 6 },
        )
        .map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(mixed, (bytes) => {
        let expected: string | undefined;
        try {
          expected = strict.decode(bytes);
        } catch {
          expected = undefined;
        }
        // Not `expect`, which would take most of the time.
        return readUtf8(bytes, 0, bytes.length) === expected;
      }),
      { numRuns: 10_000 },
    );
  },
);

test('reads long texts whole, with a character of two units across any border', () => {
  for (const pad of [4094, 4095, 4096]) {
    const text = `${'x'.repeat(pad)}\u{1f69a}${'y'.repeat(5000)}`;
    const bytes = new TextEncoder().encode(text);
    expect(readUtf8(bytes, 0, bytes.length)).toBe(text);
    expect(utf8Bytes(text)).toBe(bytes.length);
  }
});

test('reads a part and never beyond it', () => {
  const bytes = new TextEncoder().encode('a€b');
  expect(readUtf8(bytes, 1, 4)).toBe('€');
  expect(readUtf8(bytes, 1, 3)).toBeUndefined();
});

test('knows plain text', () => {
  for (const text of ['', 'Größe', '\u{1f69a}', '\u{202e}', '\u{a0}', '\u{feff}'])
    expect(isPlainText(text)).toBe(true);
  for (const text of ['\0', '\n', '\u{1b}', '\u{7f}', '\u{80}', '\u{9f}', '\u{d83d}', '\u{de9a}\u{d83d}']) {
    expect(isPlainText(text)).toBe(false);
  }
});

test('replaces half pairs and leaves whole ones', () => {
  expect(wellFormed('a\u{d83d}b\u{1f69a}\u{de9a}')).toBe('a\u{fffd}b\u{1f69a}\u{fffd}');
});
