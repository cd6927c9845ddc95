import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { validCases } from '../scripts/corpus.ts';
import { documentPath, withGeneratedParts } from '../scripts/document.ts';
import { sampleSession } from '../scripts/sample-session.ts';
import { decodeDown, decodeUp, unpackFrames } from './codec.ts';

describe('docs/protocol/v1.md', () => {
  const text = readFileSync(documentPath, 'utf8');

  test('repeats codes, limits, history and sample bytes as the code has them (else: npm run corpus)', () => {
    expect(text).toBe(withGeneratedParts(text));
  });

  test('explains every field that a frame or a message can have', () => {
    const names = new Set(
      validCases.filter(({ kind }) => kind !== 'frames').flatMap(({ value }) => fieldNames(value)),
    );
    // What apps put into headers is no field.
    for (const { value } of validCases) {
      if ('properties' in value)
        for (const name of Object.keys(value.properties.headers ?? {})) names.delete(name);
    }
    expect(names.size).toBeGreaterThan(40);
    const missing = [...names].filter((name) => !new RegExp(`\\b${name}\\b\`?\\??[\`:, ]`).test(text));
    expect(missing).toEqual([]);
  });

  test('links to headings that it has', () => {
    const links = [...text.matchAll(/\]\(#([a-z0-9-]+)\)/g)].map(([, anchor]) => anchor);
    const anchors = new Set(
      [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replaceAll(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    expect(links.filter((anchor) => !anchors.has(anchor ?? ''))).toEqual([]);
  });

  test('shows a session that the codec reads', () => {
    for (const { direction, frames, body } of sampleSession) {
      const read = unpackFrames(body).map((bytes) =>
        direction === 'up' ? decodeUp(bytes) : decodeDown(bytes),
      );
      expect(read).toEqual(frames);
    }
  });
});

function fieldNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldNames);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldNames(inner)]);
}
