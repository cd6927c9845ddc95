import type { Code } from './errors.ts';

/**
 * Which codes this version puts into which field of a frame. Later versions may add some: readers keep a code that they do
 * not know. Each of these stands in a valid case of the corpus, and a test holds the corpus to that.
 */
export const FRAME_CODES = {
  /** A message took its number and is not in its queue. */
  refusals: [
    'queue-not-found',
    'access-denied',
    'bad-message',
    'too-large',
    'schema-mismatch',
    'reach-timeout',
    'receive-timeout',
    'transaction-refused',
  ],
  /** The device says that a number will never hold a message. After a refusal that the gateway has forgotten: its code. */
  skips: [
    'cancelled',
    'unreadable',
    'too-large',
    'reach-timeout',
    'receive-timeout',
    'queue-not-found',
    'access-denied',
    'bad-message',
    'schema-mismatch',
    'transaction-refused',
  ],
  /** Nothing more is taken of a stream for now. */
  stall: ['quota-exceeded', 'queue-paused', 'access-denied', 'epoch-retired'],
  /** What became of a message behind its arrival. */
  fates: ['received', 'receive-timeout', 'max-deliveries', 'rejected-by-receiver', 'purged', 'queue-deleted'],
  /** A frame could not be served. */
  error: [
    'malformed-frame',
    'unexpected-frame',
    'unauthorized',
    'busy',
    'shutting-down',
    'internal',
    'store-full',
    'store-read-only',
    'store-failed',
    'store-unavailable',
    'store-damaged',
  ],
} as const satisfies Record<string, readonly Code[]>;

/** Why a message was refused for good. */
export type RefusalCode = (typeof FRAME_CODES.refusals)[number];

/** Why a stream waits. */
export type StallCode = (typeof FRAME_CODES.stall)[number];

/** Why a frame was not served. */
export type ErrorFrameCode = (typeof FRAME_CODES.error)[number];

/** Whether a code may stand in an error frame. */
export function isErrorFrameCode(code: Code): code is ErrorFrameCode {
  const codes: readonly Code[] = FRAME_CODES.error;
  return codes.includes(code);
}
