import { LIMITS } from '@fieldpost/protocol';
import type { InvalidCase } from './corpus-case.ts';
import {
  ID,
  stream,
  hello,
  run,
  push,
  helloWith,
  runWith,
  stateWith,
  repeated,
  refused,
  closeEpochs,
  confirm,
  fates,
  toldNumbered,
  toldWith,
  pairs,
} from './frames-by-hand.ts';
import * as raw from './raw-messagepack.ts';
import { order } from './sample-values.ts';

/** What is said of a store that went back in time. */
export function lost(): InvalidCase[] {
  return [
    refused('push-lost-number', 'what is lost is a map', runWith({ lost: raw.small(1) })),
    refused('push-again-one', 'true, or absent', runWith({ again: raw.small(1) })),
    refused('push-again-false', 'true, or absent', runWith({ again: raw.FALSE })),
    refused('push-atomic-zero', 'a number from 1', runWith({ atomic: raw.small(0) })),
    refused(
      'ack-lost-map',
      'lost ranges are an array',
      stateWith({ lost: raw.map({ first: raw.small(1), last: raw.small(1) }) }),
      'down',
    ),
    refused(
      'ack-lost-falling',
      'the first number is not above the last',
      stateWith({ lost: raw.array(raw.map({ first: raw.small(2), last: raw.small(1) })) }),
      'down',
    ),
    refused(
      'ack-lost-too-many',
      `more than ${LIMITS.lostTold} ranges`,
      stateWith({
        lost: repeat(raw.map({ first: raw.small(1), last: raw.small(1) }), LIMITS.lostTold + 1),
      }),
      'down',
    ),
  ];
}

export function lists(): InvalidCase[] {
  const skip = raw.map({ index: raw.small(0), id: ID, code: raw.text('cancelled') });
  return [
    refused('push-no-runs', 'a push of no run says nothing', raw.map({ ...push, runs: raw.array() })),
    refused(
      'push-too-many-runs',
      `more than ${LIMITS.pushRuns} runs`,
      raw.map({ ...push, runs: repeat(raw.map(run), LIMITS.pushRuns + 1) }),
    ),
    refused(
      'push-too-many-skips',
      `more than ${LIMITS.runMessages} skips`,
      runWith({ skips: repeat(skip, LIMITS.runMessages + 1) }),
    ),
    refused('push-runs-map', 'runs are an array', raw.map({ ...push, runs: raw.map({ a: raw.map(run) }) })),
    refused('push-runs-missing', 'a push has runs', raw.map({ ...push, runs: undefined })),
    refused('push-run-nil', 'a run is a map', raw.map({ ...push, runs: raw.array(raw.NIL) })),
    refused('push-run-array', 'a run is a map', raw.map({ ...push, runs: raw.array(raw.array()) })),
    refused('push-messages-text', 'messages are bytes', runWith({ messages: raw.text('x') })),
    refused('push-messages-array', 'messages are bytes', runWith({ messages: raw.array(raw.bin(order(1))) })),
    refused('push-messages-missing', 'a run has messages', runWith({ messages: undefined })),
    refused(
      'hello-too-many-streams',
      `more than ${LIMITS.helloStreams} streams`,
      helloWith({ streams: repeat(raw.map(stream), LIMITS.helloStreams + 1) }),
    ),
    refused(
      'hello-versions-one',
      'two versions, the lowest and the highest',
      helloWith({ versions: raw.array(raw.small(1)) }),
    ),
    refused(
      'hello-versions-three',
      'two versions, no more',
      helloWith({ versions: raw.array(raw.small(1), raw.small(1), raw.small(1)) }),
    ),
    refused(
      'hello-versions-falling',
      'the lowest is not above the highest',
      helloWith({ versions: raw.array(raw.small(2), raw.small(1)) }),
    ),
    refused(
      'hello-versions-zero',
      'versions start at 1',
      helloWith({ versions: raw.array(raw.small(0), raw.small(1)) }),
    ),
    refused('close-epochs-none', 'at least one epoch', raw.map({ ...closeEpochs, epochs: raw.array() })),
    refused(
      'close-epochs-too-many',
      `more than ${LIMITS.closeEpochs} epochs`,
      raw.map({ ...closeEpochs, epochs: repeat(ID, LIMITS.closeEpochs + 1) }),
    ),
    refused(
      'close-epochs-without-session',
      'it names its session',
      raw.map({ ...closeEpochs, session: undefined }),
    ),
  ];
}

export function fateLists(): InvalidCase[] {
  return [
    refused('fates-none', 'at least one fate', raw.map({ ...fates, fates: raw.array() }), 'down'),
    refused(
      'fates-too-many',
      `more than ${LIMITS.fatesHeard} fates`,
      raw.map({ ...fates, fates: repeat(toldNumbered(1), LIMITS.fatesHeard + 1) }),
      'down',
    ),
    refused(
      'fates-falling',
      'a number is not above the one before',
      raw.map({ ...fates, fates: raw.array(toldNumbered(2), toldNumbered(2)) }),
      'down',
    ),
    refused(
      'fates-restart-false',
      'restart is true, or absent',
      raw.map({ ...fates, restart: raw.hex('c2') }),
      'down',
    ),
    refused('fates-code-number', 'a code is a text', toldWith({ code: raw.small(1) }), 'down'),
    refused('fates-id-short', 'an id has 16 bytes', toldWith({ id: raw.bin(new Uint8Array(15)) }), 'down'),
    refused(
      'fates-reason-too-long',
      `a reason of more than ${LIMITS.detailCharacters} characters`,
      toldWith({ reason: raw.text('x'.repeat(LIMITS.detailCharacters + 1)) }),
      'down',
    ),
    refused('confirm-without-fates', 'it names what it confirms', raw.map({ ...confirm, fates: undefined })),
    refused('confirm-without-session', 'it names its session', raw.map({ ...confirm, session: undefined })),
    refused(
      'hello-fates-without-id',
      'a cursor has an id',
      helloWith({ fates: raw.map({ heard: raw.map({ number: raw.small(1) }) }) }),
    ),
  ];
}

export function shapes(): InvalidCase[] {
  const shape = (name: string, about: string, bytes: Uint8Array): InvalidCase =>
    refused(`frame-${name}`, about, bytes);
  return [
    shape('nothing', 'no bytes', new Uint8Array(0)),
    shape('nil', 'a frame is a map', raw.NIL),
    shape('number', 'a frame is a map', raw.small(1)),
    shape('text', 'a frame is a map', raw.text('hello')),
    shape('array', 'a frame is a map', raw.array(raw.map(hello))),
    shape('no-type', 'a frame has a type', raw.map({ ...hello, type: undefined })),
    shape('unknown-type', 'not a type of this version', raw.map({ ...hello, type: raw.text('hullo') })),
    shape('type-of-objects', 'not a type', raw.map({ ...hello, type: raw.text('constructor') })),
    shape('type-number', 'a type is a text', raw.map({ ...hello, type: raw.small(1) })),
    shape('other-way', 'an ack does not travel up', raw.map({ type: raw.text('ack'), streams: raw.array() })),
    refused('frame-other-way-down', 'a push does not travel down', raw.map(push), 'down'),
    shape('trailing-byte', 'one byte after the frame', raw.join(raw.map(hello), raw.NIL)),
    shape('two', 'two frames where one belongs', raw.join(raw.map(hello), raw.map(hello))),
    shape('cut-off', 'the last byte is missing', raw.map(hello).subarray(0, -1)),
    shape(
      'key-twice',
      'a key stands twice',
      raw.mapOf([...pairs(hello), [raw.text('type'), raw.text('push')]]),
    ),
    shape(
      'key-proto',
      'the key __proto__',
      raw.map({ ...hello, ['__proto__']: raw.map({ type: raw.text('push') }) }),
    ),
    shape('key-number', 'keys are texts', raw.mapOf([...pairs(hello), [raw.small(1), raw.NIL]])),
    shape('key-map', 'keys are texts', raw.mapOf([...pairs(hello), [raw.map({}), raw.NIL]])),
    shape('timestamp', 'extension types are not used', raw.map({ ...hello, later: raw.hex('d6ff00000000') })),
    shape(
      'extension',
      'extension types are not used',
      raw.map({ ...hello, later: raw.hex('c705010102030405') }),
    ),
    shape(
      'unused-format',
      'the format that MessagePack never uses',
      raw.map({ ...hello, later: raw.hex('c1') }),
    ),
    shape('claims-4-gib-bytes', 'bytes that are not there', raw.hex('81a474797065c6ffffffff')),
    shape('claims-4-gib-text', 'a text that is not there', raw.hex('81a474797065dbffffffff')),
    shape('claims-4-gi-items', 'items that are not there', raw.hex('ddffffffff')),
    shape('claims-4-gi-entries', 'entries that are not there', raw.hex('dfffffffff')),
    shape(
      'claims-32-mi-items-nested',
      'arrays in arrays, each of 33,554,431 items, of five bytes',
      repeated('dd01ffffff', 1000),
    ),
    shape('deep-arrays', '10,000 levels', repeated('91', 10_000)),
    shape('deep-maps', '10,000 levels', repeated('81a161', 10_000)),
    shape(
      'too-many-values',
      'an array of a million nils under an unknown key',
      raw.mapOf([
        ...pairs(hello),
        [raw.text('later'), raw.join(raw.hex('dd000f4240'), repeated('c0', 1_000_000))],
      ]),
    ),
    shape('too-large', 'one byte more than a frame has', new Uint8Array(LIMITS.frameBytes + 1)),
    shape('json', 'the same in JSON', new TextEncoder().encode('{"type":"hello"}')),
    shape(
      'html',
      'the page of a captive portal',
      new TextEncoder().encode('<!doctype html><title>Log in</title>'),
    ),
    ...framesBodies(),
  ];
}

/** Bodies of an HTTP sync that are not length-prefixed frames. */
export function framesBodies(): InvalidCase[] {
  const body = (name: string, about: string, bytes: Uint8Array): InvalidCase =>
    refused(`frames-${name}`, about, bytes, 'frames');
  return [
    body('length-cut-off', 'three bytes of a length', raw.hex('000000')),
    body('claims-4-gib', 'an entry that is not there', raw.hex('ffffffff0000000000ff')),
    body('one-short', 'an entry one byte short', raw.hex('0000000200')),
    body(
      'prefix-then-garbage',
      'a whole entry, then what is none',
      raw.join(raw.entries(raw.map(hello)), raw.hex('0102')),
    ),
    body(
      'too-many',
      `more than ${LIMITS.syncFrames} entries`,
      raw.entries(...Array.from({ length: LIMITS.syncFrames + 1 }, () => raw.hex('80'))),
    ),
    body('a-million-empty', 'a million entries of no bytes', repeated('00000000', 1_000_000)),
  ];
}

function repeat(item: Uint8Array, times: number): Uint8Array {
  return raw.array(...Array.from({ length: times }, () => item));
}
