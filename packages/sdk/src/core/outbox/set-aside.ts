import { bytesFromHex, type MessageId, type StreamKey, uuidFromBytes } from '@fieldpost/protocol';
import type { DeadLetter } from '../../ports/outbox-store.ts';
import type { Moment } from '../moment.ts';
import { entryAt, messageIdOf } from './entry-walk.ts';
import { stateOfCode } from './fate-state.ts';
import { segmentOf } from './follow-log.ts';
import type { PendingSegment, Stream } from './outbox-state.ts';

/** Makes a dead letter of a message that the gateway refused, or knows to be skipped. */
export function setAside(
  stream: Stream,
  fate: { readonly number: number; readonly id: MessageId; readonly code: string },
  kind: 'refused' | 'skipped',
  moment: Moment,
): void {
  if (fate.number <= stream.acknowledged || stream.setAside.has(fate.number)) return;
  // Heard of before, and set aside then: the app may have discarded it since.
  if (stream.knownFates.has(fate.number)) return;
  const segment = segmentOf(stream, fate.number);
  if (segment === undefined) return;
  // Of what is here no more nobody here waits to hear.
  if (segment.isHole && fate.number <= (stream.reopened?.upTo ?? 0)) return;
  const known = stream.skips.get(fate.number);
  const state = stateOfCode(fate.code);
  if (kind === 'skipped' && (known?.isFinal === true || state === 'cancelled')) {
    stream.takenBack.set(fate.number, known?.isFinal === true ? known.code : fate.code);
    return;
  }
  const message = messageAt(segment, fate.number);
  stream.setAside.set(fate.number, {
    id: message === undefined ? standInId(stream.key, fate.number) : messageIdOf(message),
    stream: stream.key,
    number: fate.number,
    // A skip of a message that can be read after all was written when it could not be: it is unreadable to the gateway.
    state: state === 'expired' || (state === 'unreadable' && kind === 'skipped') ? state : 'refused',
    code: fate.code,
    message,
    savedAt: segment.key.savedAt,
    setAsideAt: moment.wallMs,
  });
}

/** Makes dead letters of messages of which nobody can say whether the gateway has them. */
export function setAsideInDoubt(stream: Stream, upTo: number, code: string, moment: Moment): void {
  for (let number = stream.acknowledged + 1; number <= upTo; number++) {
    const segment = segmentOf(stream, number);
    if (segment === undefined || stream.setAside.has(number) || stream.knownFates.has(number)) continue;
    // Whoever waited for it was told that it will never be sent.
    if (stream.skips.get(number)?.isFinal === true) continue;
    const message = messageAt(segment, number);
    stream.setAside.set(number, {
      id: message === undefined ? standInId(stream.key, number) : messageIdOf(message),
      stream: stream.key,
      number,
      state: 'in-doubt',
      code,
      message,
      savedAt: segment.key.savedAt,
      setAsideAt: moment.wallMs,
    });
  }
}

/** A copy of a message: a view would keep the whole segment in memory, and in the dead-letter record. */
export function messageAt(segment: PendingSegment, number: number): Uint8Array | undefined {
  if (!(segment.content instanceof Uint8Array)) return undefined;
  const entry = entryAt(segment.content, number - segment.key.first);
  return entry.length < 16 ? undefined : entry.slice();
}

/** An id for a message whose own cannot be read: the same at every reading, and no other message's. */
function standInId(stream: StreamKey, number: number): DeadLetter['id'] {
  const bytes = new Uint8Array(16);
  bytes.set(bytesFromHex(stream.epoch).subarray(0, 8));
  let lane = 0x811c9dc5;
  const text = `${stream.priority}${stream.queue}`;
  for (let index = 0; index < text.length; index++)
    lane = Math.imul(lane ^ text.charCodeAt(index), 0x01000193);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, lane >>> 0);
  view.setUint32(12, number >>> 0);
  // Version 8 (custom) and the variant of RFC 9562, so that no UUIDv7 can be equal.
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return uuidFromBytes(bytes) as MessageId;
}
