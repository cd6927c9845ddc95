import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromCorpusBytes, type Kind, toCorpusJson } from '../scripts/corpus-case.ts';
import { corpusFiles, invalidCases, validCases } from '../scripts/corpus.ts';
import { decodeDown, decodeUp, encodeDown, encodeUp, packFrames, unpackFrames } from './codec.ts';
import { ProtocolError } from './errors.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { PROTOCOL_VERSION } from './version.ts';

const folder = join(import.meta.dirname, '../corpus/v1');

describe('the corpus', () => {
  test(
    'is what the code makes of its cases (else: npm run corpus, and look at the difference)',
    { timeout: 30_000 },
    () => {
      const onDisk = ['valid', 'invalid'].flatMap((part) =>
        readdirSync(join(folder, part)).map((name) => `${part}/${name}`),
      );
      const expected = corpusFiles();
      expect(onDisk.toSorted()).toEqual([...expected.keys()].toSorted());
      for (const [path, text] of expected) expect(readFileSync(join(folder, path), 'utf8'), path).toBe(text);
    },
  );

  test(
    'is pinned: a change that a peer could notice raises the version and tells its history',
    { timeout: 30_000 },
    () => {
      const hash = createHash('sha256');
      for (const [path, text] of corpusFiles()) hash.update(`${path}\0${text}\0`);
      // New cases of the same protocol change the hash alone.
      expect({ version: PROTOCOL_VERSION, corpus: hash.digest('hex') }).toEqual({
        version: 1,
        corpus: 'e62e8e3e4861cd89f4d9abe2d8429e56196562118d6e0ec98309e2738c8a74ce',
      });
    },
  );
});

describe('valid', () => {
  test.each(validCases)('$name: $about', { timeout: 30_000 }, (one) => {
    const file: unknown = JSON.parse(readFileSync(join(folder, `valid/${one.name}.json`), 'utf8'));
    const { bytes } = expectFile(file);
    const decoded = decoders[one.kind](bytes);
    // Compared with bytes as digits: comparing megabytes item by item takes seconds.
    const meaning = toCorpusJson(one.value);
    expect(toCorpusJson(decoded)).toStrictEqual(meaning);
    expect(expectFile(file).decoded).toEqual(meaning);
    // Another order of keys is the same frame, so the values are compared again, not the bytes.
    expect(toCorpusJson(decoders[one.kind](encodeAgain(one.kind, decoded)))).toStrictEqual(meaning);
  });
});

describe('invalid', () => {
  test.each(invalidCases)('$name: $about', { timeout: 30_000 }, ({ name, kind, code }) => {
    const { bytes } = expectFile(JSON.parse(readFileSync(join(folder, `invalid/${name}.json`), 'utf8')));
    const thrown = thrownBy(() => decoders[kind](bytes));
    expect(thrown).toBeInstanceOf(ProtocolError);
    expect(thrown).toMatchObject({ code });
    // Something to read, of one line and bounded, whatever came in.
    expect((thrown as ProtocolError).message).toMatch(/^[^\p{Cc}]{5,1024}$/u);
  });
});

const decoders: Readonly<Record<Kind, (bytes: Uint8Array) => unknown>> = {
  up: decodeUp,
  down: decodeDown,
  message: decodeMessage,
  frames: unpackFrames,
};

function encodeAgain(kind: Kind, decoded: unknown): Uint8Array {
  switch (kind) {
    case 'up':
      return encodeUp(decoded as Parameters<typeof encodeUp>[0]);
    case 'down':
      return encodeDown(decoded as Parameters<typeof encodeDown>[0]);
    case 'message':
      return encodeMessage(decoded as Parameters<typeof encodeMessage>[0]);
    case 'frames':
      return packFrames(decoded as Uint8Array[]);
  }
}

function expectFile(file: unknown): { bytes: Uint8Array; decoded?: unknown } {
  const { bytes, decoded } = file as { bytes: Parameters<typeof fromCorpusBytes>[0]; decoded?: unknown };
  return { bytes: fromCorpusBytes(bytes), decoded };
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}
