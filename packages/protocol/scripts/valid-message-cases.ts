import { bytesFromUuid, encodeUp, LIMITS, type Message, type MessageId } from '@fieldpost/protocol';
import type { ValidCase } from './corpus-case.ts';
import * as raw from './raw-messagepack.ts';
import { EPOCH, messageId, order, runOfOrders, SESSION, utf8 } from './sample-values.ts';

const plain: Message = { id: messageId(1), properties: {}, body: utf8('{"order":1}') };

function withProperties(properties: Message['properties']): Message {
  return { ...plain, properties };
}

export const validMessageCases: readonly ValidCase[] = [
  { name: 'message-plain', kind: 'message', about: 'no property: JSON', value: plain },
  {
    name: 'message-empty-body',
    kind: 'message',
    about: 'the smallest message: 18 bytes',
    value: { ...plain, body: new Uint8Array(0) },
  },
  {
    name: 'message-zero-id',
    kind: 'message',
    about: 'an id is any 16 bytes to the codec',
    value: { ...plain, id: '00000000-0000-0000-0000-000000000000' as MessageId },
  },
  {
    name: 'message-every-property',
    kind: 'message',
    about: 'each property once, a binary body',
    value: {
      id: messageId(2),
      properties: {
        contentType: 'application/octet-stream',
        headers: { tenant: 'north', 'x-shop': '42' },
        label: 'Order 42, second try',
        correlationId: 'visit-2026-11-23',
        replyTo: 'user:anna',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        replaces: messageId(1),
        timeToReachQueueMs: 3_600_000,
        timeToLiveMs: 86_400_000,
        deliverAfterMs: 60_000,
        groupId: 'shop-42',
        ack: 'full',
      },
      body: Uint8Array.of(0, 255, 128, 10, 13),
    },
  },
  {
    name: 'message-longest-texts',
    kind: 'message',
    about: 'every text at its limit',
    value: withProperties({
      contentType: 't'.repeat(LIMITS.contentTypeCharacters),
      label: 'l'.repeat(LIMITS.labelCharacters),
      correlationId: 'c'.repeat(LIMITS.tokenCharacters),
      replyTo: 'r'.repeat(LIMITS.tokenCharacters),
      traceparent: 'p'.repeat(LIMITS.tokenCharacters),
      replaces: 'm'.repeat(LIMITS.tokenCharacters),
      groupId: 'g'.repeat(LIMITS.tokenCharacters),
    }),
  },
  {
    name: 'message-shortest-times',
    kind: 'message',
    about: 'times of 0: expired at once, visible at once',
    value: withProperties({ timeToReachQueueMs: 0, timeToLiveMs: 0, deliverAfterMs: 0, ack: 'none' }),
  },
  {
    name: 'message-default-ack',
    kind: 'message',
    about: 'the default said: it is the same as saying nothing, and kept as it was said',
    value: withProperties({ ack: 'reach' }),
  },
  {
    name: 'message-longest-times',
    kind: 'message',
    about: 'every time at its limit',
    value: withProperties({
      timeToReachQueueMs: LIMITS.durationMs,
      timeToLiveMs: LIMITS.durationMs,
      deliverAfterMs: LIMITS.durationMs,
      ack: 'receive',
    }),
  },
  {
    name: 'message-most-headers',
    kind: 'message',
    about: 'as many headers as a message has',
    value: withProperties({
      headers: Object.fromEntries(Array.from({ length: LIMITS.headers }, (_, index) => [`h${index}`, ''])),
    }),
  },
  {
    name: 'message-largest-headers',
    kind: 'message',
    about: 'headers of the most bytes, counted in UTF-8',
    value: withProperties({ headers: { ä: '€'.repeat((LIMITS.headersBytes - 2) / 3) } }),
  },
  {
    name: 'message-no-headers',
    kind: 'message',
    about: 'an empty map of headers; an empty label',
    value: withProperties({ headers: {}, label: '' }),
  },
  {
    name: 'message-unicode',
    kind: 'message',
    about: 'two-, three- and four-byte characters, right-to-left text with marks, a leading U+FEFF',
    value: withProperties({
      label: '\u{feff}Größe \u{20ac} \u{1f69a} \u{202e}\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{202c}',
      headers: { '\u{1f511}': '\u{10ffff}\u{ffff}' },
    }),
  },
  {
    name: 'message-long-leading-mark',
    kind: 'message',
    about: 'a leading U+FEFF stays, in long texts too: 225 characters, 675 bytes',
    value: withProperties({ label: '\u{feff}'.repeat(225) }),
  },
  {
    name: 'message-names-of-objects',
    kind: 'message',
    about: 'headers named like what objects inherit are headers like others',
    value: withProperties({
      headers: { constructor: 'a', prototype: 'b', toString: 'c', hasOwnProperty: 'd', '10': 'e', '2': 'f' },
    }),
  },
  {
    name: 'message-markup',
    kind: 'message',
    about: 'markup is text: who shows it escapes it',
    value: {
      ...withProperties({ label: '<script>alert(1)</script>', headers: { a: '"><img src=x>' } }),
      body: utf8('<script>alert(1)</script>'),
    },
  },
  {
    name: 'message-deep-body',
    kind: 'message',
    about: 'the codec does not look into bodies: JSON 10,000 levels deep',
    value: { ...plain, body: utf8('['.repeat(10_000) + ']'.repeat(10_000)) },
  },
  {
    name: 'message-largest-body',
    kind: 'message',
    about: 'a body of the largest size',
    value: { ...plain, body: new Uint8Array(LIMITS.bodyBytesMax).fill(0x20) },
  },
  {
    name: 'message-unknown-property',
    kind: 'message',
    about: 'properties of a later version are passed over',
    value: withProperties({ label: 'x' }),
    bytes: rawMessage(raw.map({ later: raw.array(raw.TRUE), label: raw.text('x') })),
  },
  {
    name: 'message-empty-map',
    kind: 'message',
    about: 'a map without entries says the same as no bytes',
    value: plain,
    bytes: rawMessage(raw.hex('80')),
  },
  ...validFramesCases(),
];

/** Bodies of an HTTP sync: frames one after the other, each behind its length. */
function validFramesCases(): ValidCase[] {
  const frames = [
    encodeUp({ type: 'push', session: SESSION, runs: [runOfOrders(1, 1)] }),
    encodeUp({ type: 'close-epochs', session: SESSION, epochs: [EPOCH] }),
  ];
  return [
    { name: 'frames-none', kind: 'frames', about: 'a body of no bytes holds no frame', value: [] },
    { name: 'frames-two', kind: 'frames', about: 'two frames', value: frames },
    {
      name: 'frames-empty-entries',
      kind: 'frames',
      about: 'entries may be empty; no frame is, so who reads it as one refuses it',
      value: [new Uint8Array(0), order(1)],
    },
    {
      name: 'frames-most',
      kind: 'frames',
      about: 'as many frames as a request holds',
      value: Array.from({ length: LIMITS.syncFrames }, () => Uint8Array.of(0x80)),
    },
  ];
}

function rawMessage(properties: Uint8Array): Uint8Array {
  const length = Uint8Array.of(properties.length >> 8, properties.length & 0xff);
  return raw.join(bytesFromUuid(plain.id), length, properties, plain.body);
}
