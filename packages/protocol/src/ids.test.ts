import { describe, expect, test } from 'vitest';
import {
  bytesFromHex,
  bytesFromUuid,
  hexFromBytes,
  isQueueName,
  isUuid,
  messageIdFrom,
  streamKeyText,
  uuidFromBytes,
} from './ids.ts';
import { InvariantError } from './invariant.ts';

describe('hexadecimal digits', () => {
  test('go both ways for every byte', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
    expect(hexFromBytes(bytes)).toBe(Buffer.from(bytes).toString('hex'));
    expect(bytesFromHex(hexFromBytes(bytes))).toEqual(bytes);
  });

  test.each(['0', '0g', ' 00', '00\n', '٠٠'])('refuse %j', (text) => {
    expect(() => bytesFromHex(text)).toThrow(InvariantError);
  });
});

describe('UUIDs', () => {
  const uuid = '0192bd1e-4800-7abc-8def-0123456789ab';

  test('go both ways', () => {
    expect(uuidFromBytes(bytesFromUuid(uuid))).toBe(uuid);
  });

  test.each([
    ['upper case', uuid.toUpperCase()],
    ['no dashes', uuid.replaceAll('-', '')],
    ['a line end', `${uuid}\n`],
    ['one digit less', uuid.slice(1)],
    ['nothing', ''],
  ])('with %s are none', (_what, text) => {
    expect(isUuid(text)).toBe(false);
    expect(() => bytesFromUuid(text)).toThrow(InvariantError);
  });

  test('have 16 bytes', () => {
    expect(() => uuidFromBytes(new Uint8Array(15))).toThrow(InvariantError);
  });
});

describe('message ids', () => {
  test('are the example of RFC 9562, appendix A.6', () => {
    const random = bytesFromHex('0cc318c4dc0c0c07398f');
    expect(messageIdFrom(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  test('sort as their times do', () => {
    const random = new Uint8Array(10).fill(0xff);
    const ids = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 48 - 1].map((time) => messageIdFrom(time, random));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('are UUIDs at a clock before 1970, or between milliseconds', () => {
    expect(messageIdFrom(-5, new Uint8Array(10))).toBe('00000000-0000-7000-8000-000000000000');
    expect(messageIdFrom(1.9, new Uint8Array(10))).toBe('00000000-0001-7000-8000-000000000000');
  });

  test('take ten random bytes', () => {
    expect(() => messageIdFrom(0, new Uint8Array(9))).toThrow(InvariantError);
  });
});

describe('queue names', () => {
  test.each(['a', '0', 'orders', 'orders.north-2_b', 'sys.dead-letter', 'q'.repeat(128), 'constructor'])(
    '%s',
    (name) => {
      expect(isQueueName(name)).toBe(true);
    },
  );

  test.each([
    '',
    '.a',
    '-a',
    '_a',
    'A',
    'a b',
    'a\n',
    'a/b',
    'a;b',
    '../a',
    'a%2F',
    'ä',
    'q'.repeat(129),
    '__proto__',
  ])('not %j', (name) => {
    expect(isQueueName(name)).toBe(false);
  });
});

test('two streams never share a key', () => {
  const epoch = '00'.repeat(16) as never;
  expect(streamKeyText({ epoch, queue: '1a', priority: 0 })).not.toBe(
    streamKeyText({ epoch, queue: 'a', priority: 1 }),
  );
});
