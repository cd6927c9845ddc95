import {
  bytesFromUuid,
  encodeMessage,
  encodeProperties,
  LIMITS,
  type MessageId,
  packEntries,
} from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { type IdToPack, MessagePacker } from './message-packer.ts';

const NO_PROPERTIES = new Uint8Array(0);
const LANE = { queue: 'orders', priority: 3 };

/** JSON of every length in bytes for a unit of text, beside what a scan for the next gap could take for one. */
const TEXTS = ['1', '"plain"', '"Grüße"', '"価格"', '"🧾"', '"\\u0000"', '{"a":"é"}', '""', '"z"'];

interface Packed {
  readonly properties: Uint8Array;
  readonly body: string | Uint8Array;
}

test.each([1, 2, 9, 500])('%i messages of every form are packed as if each were encoded alone', (count) => {
  const forms: Packed[] = [
    ...TEXTS.map((body) => ({ properties: NO_PROPERTIES, body })),
    { properties: encodeProperties({ label: 'ü' }), body: '"with properties"' },
    { properties: encodeProperties({ contentType: 'text/plain' }), body: 'zero \0 and \0\0 in it' },
    { properties: encodeProperties({ contentType: 'image/png' }), body: new Uint8Array([0, 0, 0, 7]) },
    { properties: NO_PROPERTIES, body: `"${'x'.repeat(40_000)}"` },
  ];
  const messages = Array.from({ length: count }, (_, n) => ({
    id: `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    // Runs of JSON, broken by the other forms.
    ...(forms[n % 5 === 4 ? (n * 7) % forms.length : n % TEXTS.length] ?? forms[0]),
  }));
  const packer = new MessagePacker(LANE, 1, undefined);
  for (const { id, properties, body } of messages)
    packer.add(idOf(id), properties ?? NO_PROPERTIES, body ?? '');
  const { messages: packed, count: packedCount } = packer.toDraft();
  expect(packedCount).toBe(count);
  const alone = messages.map(({ id, properties = NO_PROPERTIES, body = '' }) =>
    joined(
      bytesFromUuid(id),
      new Uint8Array([properties.length >>> 8, properties.length]),
      properties,
      bytesOf(body),
    ),
  );
  expect(packed).toEqual(packEntries(alone));
});

test('the form of an entry is that of the protocol', () => {
  const id = '01890000-0000-7000-8000-000000000001' as MessageId;
  const packer = new MessagePacker(LANE, 1, undefined);
  packer.add(idOf(id), NO_PROPERTIES, '{"total":"€ 5"}');
  const body = new TextEncoder().encode('{"total":"€ 5"}');
  expect(packer.packed).toEqual(packEntries([encodeMessage({ id, properties: {}, body })]));
});

test('a body that is too large in bytes, though not in characters, is refused and leaves nothing behind', () => {
  const packer = new MessagePacker(LANE, 1, undefined);
  packer.add(idOf('01890000-0000-7000-8000-000000000001'), NO_PROPERTIES, '1');
  const before = packer.packed.slice();
  const large = `"${'ü'.repeat(LIMITS.bodyBytesMax / 2)}"`;
  const add = (): void => packer.add(idOf('01890000-0000-7000-8000-000000000002'), NO_PROPERTIES, large);
  expect(add).toThrow(expect.objectContaining({ code: 'too-large' }));
  expect([packer.count, packer.packed]).toEqual([1, before]);
  packer.add(idOf('01890000-0000-7000-8000-000000000003'), NO_PROPERTIES, '2');
  expect(packer.packed.length).toBe(2 * before.length);
});

test('text of three bytes for each unit does not make a segment that is too large for a push', () => {
  const packer = new MessagePacker(LANE, 1, undefined);
  const id = idOf('01890000-0000-7000-8000-000000000001');
  while (!packer.isFull) packer.add(id, NO_PROPERTIES, `"${'価'.repeat(1000)}"`);
  expect(packer.packed.length).toBeLessThan((192 + 96) * 1024);
});

function idOf(uuid: string): IdToPack {
  return { copyTo: (target, at) => target.set(bytesFromUuid(uuid), at) };
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const part of parts) for (const byte of part) bytes.push(byte);
  return Uint8Array.from(bytes);
}
