import { LIMITS } from '@fieldpost/protocol';
import type { InvalidCase, Kind } from './corpus-case.ts';
import * as raw from './raw-messagepack.ts';
import { order } from './sample-values.ts';

// Every frame is built by hand: an encoder of ours would not make these bytes.

export type Fields = Readonly<Record<string, Uint8Array | undefined>>;

export const ID = raw.hex('c4100192bd1e480070008000000000000001');
export const session = raw.map({ number: raw.small(7), nonce: raw.bin(raw.hex('0102030405060708')) });
export const messages = raw.bin(raw.entries(order(1)));

export const waiting: Fields = { messages: raw.small(0), bytes: raw.small(0), oldestAgeMs: raw.small(0) };
export const stream: Fields = {
  epoch: ID,
  queue: raw.text('orders'),
  priority: raw.small(3),
  acknowledged: raw.small(0),
};
export const hello: Fields = {
  type: raw.text('hello'),
  versions: raw.array(raw.small(1), raw.small(1)),
  device: ID,
  streams: raw.array(raw.map(stream)),
  waiting: raw.map(waiting),
};
export const run: Fields = {
  ...stream,
  first: raw.small(1),
  attempt: raw.small(0),
  ageMs: raw.small(0),
  messages,
};
export const push: Fields = { type: raw.text('push'), session, runs: raw.array(raw.map(run)) };
export const closeEpochs: Fields = { type: raw.text('close-epochs'), session, epochs: raw.array(ID) };
export const state: Fields = {
  epoch: ID,
  queue: raw.text('orders'),
  priority: raw.small(3),
  attempt: raw.small(0),
  accepted: raw.small(1),
  acceptedId: ID,
  since: raw.small(0),
};
export const fate: Fields = { number: raw.small(1), id: ID, code: raw.text('bad-message') };

const told: Fields = { number: raw.small(1), id: ID, code: raw.text('received'), ageMs: raw.small(0) };
export const fates: Fields = { type: raw.text('fates'), fates: raw.array(raw.map(told)) };
export const confirm: Fields = {
  type: raw.text('confirm'),
  session,
  fates: raw.map({ number: raw.small(1), id: ID }),
};

export const toldWith = (fields: Fields): Uint8Array =>
  raw.map({ ...fates, fates: raw.array(raw.map({ ...told, ...fields })) });
export const toldNumbered = (number: number): Uint8Array => raw.map({ ...told, number: raw.small(number) });
export const confirmWith = (fields: Fields): Uint8Array =>
  raw.map({ ...confirm, fates: raw.map({ number: raw.small(1), id: ID, ...fields }) });
export const helloWith = (fields: Fields): Uint8Array => raw.map({ ...hello, ...fields });
export const runWith = (fields: Fields): Uint8Array =>
  raw.map({ ...push, runs: raw.array(raw.map({ ...run, ...fields })) });
export const stateWith = (fields: Fields): Uint8Array =>
  raw.map({ type: raw.text('ack'), streams: raw.array(raw.map({ ...state, ...fields })) });
export const skipWith = (fields: Fields): Uint8Array =>
  runWith({
    skips: raw.array(raw.map({ index: raw.small(0), id: ID, code: raw.text('cancelled'), ...fields })),
  });

/** What is never a whole number from 0 to 2^53 - 1. */
export const NOT_A_COUNT: Fields = {
  'minus-one': raw.hex('ff'),
  'minus-zero': raw.float64(-0),
  fraction: raw.float64(1.5),
  nan: raw.float64(Number.NaN),
  infinity: raw.float64(Number.POSITIVE_INFINITY),
  text: raw.text('1'),
  'two-to-53': raw.uint64(2n ** 53n),
  'two-to-53-plus-1': raw.uint64(2n ** 53n + 1n),
  'two-to-63': raw.uint64(2n ** 63n),
  'largest-uint64': raw.uint64(2n ** 64n - 1n),
  'least-int64': raw.int64(-(2n ** 63n)),
  nil: raw.NIL,
  true: raw.TRUE,
  array: raw.array(raw.small(1)),
  map: raw.map({}),
  bytes: raw.bin(raw.hex('01')),
  missing: undefined,
};

export const NOT_A_QUEUE_NAME: Readonly<Record<string, string>> = {
  empty: '',
  long: 'q'.repeat(LIMITS.queueNameCharacters + 1),
  'upper-case': 'Orders',
  nul: 'orders\0',
  'line-end': 'orders\n',
  'ansi-escape': '\u{1b}[31morders',
  bidi: 'orders\u{202e}sredro',
  umlaut: 'aufträge',
  'parent-folder': '../orders',
  slash: 'a/b',
  'encoded-slash': 'a%2Fb',
  'double-slash': '//orders',
  star: 'orders*',
  greater: 'orders.>',
  hash: 'orders/#',
  dot: '.orders',
  space: 'my orders',
};

export function pairs(fields: Fields): Uint8Array[][] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[raw.text(key), value]],
  );
}

export function repeated(digits: string, times: number): Uint8Array {
  return new Uint8Array(Buffer.alloc((digits.length / 2) * times, digits, 'hex'));
}

export function refused(name: string, about: string, bytes: Uint8Array, kind: Kind = 'up'): InvalidCase {
  return { name, about, kind, bytes, code: 'malformed-frame' };
}
