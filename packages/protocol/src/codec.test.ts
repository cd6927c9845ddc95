import { describe, expect, test } from 'vitest';
import { decodeDown, decodeUp, encodeDown, encodeUp, packFrames, unpackFrames } from './codec.ts';
import { InvariantError } from './invariant.ts';
import { LIMITS } from './limits.ts';
import {
  FRAME_EVENT,
  FRAMES_MEDIA_TYPE,
  PROTOCOL_HISTORY,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
} from './version.ts';

describe('the wire surface', () => {
  test('has the names and the version that devices in the field know', () => {
    expect({ FRAME_EVENT, FRAMES_MEDIA_TYPE, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN }).toEqual({
      FRAME_EVENT: 'frame',
      FRAMES_MEDIA_TYPE: 'application/vnd.fieldpost.frames',
      PROTOCOL_VERSION: 1,
      PROTOCOL_VERSION_MIN: 1,
    });
  });

  test('tells its history from the newest version down to the first', () => {
    expect(PROTOCOL_HISTORY.map(({ version }) => version)).toEqual(
      Array.from({ length: PROTOCOL_VERSION }, (_, index) => PROTOCOL_VERSION - index),
    );
  });

  test('puts ids as bytes into a map', () => {
    const bytes = encodeUp({
      type: 'close-epochs',
      session: { number: 1, nonce: '0001020304050607' as never },
      epochs: ['000102030405060708090a0b0c0d0e0f' as never],
    });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '83a474797065ac636c6f73652d65706f636873a773657373696f6e82a66e756d62657201a56e6f6e6365c4080001020304050607' +
        'a665706f63687391c410000102030405060708090a0b0c0d0e0f',
    );
  });
});

describe('encoding', () => {
  test('replaces what UTF-8 cannot carry', () => {
    const detail = `half \u{d83d}, whole \u{1f69a}, ${'x'.repeat(100)}`;
    const frame = decodeDown(encodeDown({ type: 'error', code: 'busy', detail }));
    expect(frame).toEqual({ type: 'error', code: 'busy', detail: detail.replace('\u{d83d}', '\u{fffd}') });
  });

  test('holds an id that is none for a programmer’s error', () => {
    const frame = {
      type: 'close-epochs',
      session: { number: 1, nonce: 'xyz' as never },
      epochs: [],
    } as const;
    expect(() => encodeUp({ ...frame, epochs: [] })).toThrow(InvariantError);
  });

  test('leaves out fields that are undefined', () => {
    const token = { type: 'token', token: 'x', later: undefined } as const;
    const bytes = encodeUp(token);
    expect(decodeUp(bytes)).toEqual({ type: 'token', token: 'x' });
    expect(bytes[0]).toBe(0x82);
  });
});

describe('decoding', () => {
  test('says where a frame is wrong', () => {
    const hello = '81a474797065a568656c6c6f';
    expect(() => decodeUp(Buffer.from(hello, 'hex'))).toThrow(/^versions: /);
    expect(() => decodeUp(Buffer.from('c1', 'hex'))).toThrow(
      'MessagePack, at byte 1: format 0xc1 is not used here',
    );
    expect(() => decodeUp(new Uint8Array(LIMITS.frameBytes + 1))).toThrow(
      'a frame of 8388609 bytes; at most 8388608',
    );
  });

  test('reads a frame out of the middle of other bytes', () => {
    const frame = encodeUp({ type: 'token', token: 'x' });
    const around = Buffer.concat([Buffer.from('ffff', 'hex'), frame, Buffer.from('ff', 'hex')]);
    expect(decodeUp(around.subarray(2, 2 + frame.length))).toEqual({ type: 'token', token: 'x' });
  });

  test('does not copy messages', () => {
    const run = {
      epoch: '00'.repeat(16) as never,
      queue: 'q',
      priority: 0,
      first: 1,
      acknowledged: 0,
      attempt: 0,
      ageMs: 0,
    };
    const session = { number: 1, nonce: '00'.repeat(8) as never };
    const bytes = encodeUp({ type: 'push', session, runs: [{ ...run, messages: new Uint8Array(50) }] });
    const frame = decodeUp(bytes);
    expect(frame.type === 'push' && frame.runs[0]?.messages.buffer).toBe(bytes.buffer);
  });
});

test('frames packed for HTTP come out as they went in', () => {
  const frames = [encodeUp({ type: 'token', token: 'a' }), encodeUp({ type: 'token', token: 'b' })];
  expect(unpackFrames(packFrames(frames))).toEqual(frames);
});
