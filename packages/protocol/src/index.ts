export { backoffDelayMs } from './backoff.ts';
export { decodeDown, decodeUp, encodeDown, encodeUp, packFrames, unpackFrames } from './codec.ts';
export { ENTRY_HEADER_BYTES, packEntries, unpackEntries } from './entries.ts';
export { type Code, type CodeEntry, CodedError, CODES, isCode, ProtocolError } from './errors.ts';
export {
  type ErrorFrameCode,
  FRAME_CODES,
  isErrorFrameCode,
  type RefusalCode,
  type StallCode,
} from './frame-codes.ts';
export type { Ack } from './frames/ack.ts';
export type { CloseEpochs } from './frames/close-epochs.ts';
export type { Confirm } from './frames/confirm.ts';
export type { DownFrame } from './frames/down.ts';
export type { ErrorFrame } from './frames/error.ts';
export type { Fates } from './frames/fates.ts';
export { FENCED_REASONS, type Fenced } from './frames/fenced.ts';
export type { FateCursor } from './frames/fields.ts';
export type { Hello } from './frames/hello.ts';
export type { Push, Run } from './frames/push.ts';
export type { StreamState } from './frames/stream-state.ts';
export type { Token } from './frames/token.ts';
export type { UpFrame } from './frames/up.ts';
export type { Welcome } from './frames/welcome.ts';
export {
  bytesFromHex,
  bytesFromUuid,
  type DeviceId,
  type EpochId,
  type GenerationId,
  hexFromBytes,
  isQueueName,
  isUuid,
  type MessageId,
  messageIdFrom,
  type Session,
  type SessionNonce,
  type StreamKey,
  streamKeyText,
  uuidFromBytes,
} from './ids.ts';
export { invariant, InvariantError, unreachable } from './invariant.ts';
export { LIMITS } from './limits.ts';
export {
  ACK_LEVELS,
  decodeMessage,
  decodeProperties,
  DEFAULT_CONTENT_TYPE,
  encodeMessage,
  encodeProperties,
  type Message,
  type MessageParts,
  type MessageProperties,
  splitMessage,
} from './message.ts';
export { isPlainText } from './utf8.ts';
export { createRng, type Rng } from './rng.ts';
export { type Duration, type Instant, instant, later, parseDuration } from './time.ts';
export {
  FRAME_EVENT,
  FRAMES_MEDIA_TYPE,
  PROTOCOL_HISTORY,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
} from './version.ts';
