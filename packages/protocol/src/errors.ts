/**
 * Every code of the product in one table: on the wire, in HTTP problem details, in the SDK and in the docs.
 *
 * - `about`: what it speaks of: `reach` (did the message get into the queue), `receive` (was it consumed), as in MSMQ's
 *   acknowledgement classes; `request` (a call was wrong), `session` (a device's connection), `gateway` (the server's
 *   state), `device` (the local outbox).
 * - `retry`: `never` (the same call fails again), `later` (wait, then try again), `now` (try again at once).
 * - `status`: the HTTP status where the code answers an HTTP request.
 */
export const CODES = {
  // Fates of a message.
  reached: { about: 'reach', retry: 'never', status: 200, meaning: 'The message is durably in its queue.' },
  received: {
    about: 'receive',
    retry: 'never',
    status: 200,
    meaning: 'A consumer acknowledged the message.',
  },
  'queue-not-found': { about: 'reach', retry: 'never', status: 404, meaning: 'No queue has this name.' },
  'access-denied': {
    about: 'reach',
    retry: 'never',
    status: 403,
    meaning: 'The token does not allow this operation on this queue.',
  },
  'bad-signature': {
    about: 'reach',
    retry: 'never',
    status: 403,
    meaning: 'The message is not signed by an enrolled device.',
  },
  'too-large': {
    about: 'reach',
    retry: 'never',
    status: 413,
    meaning: 'The message is larger than the queue or the protocol allows.',
  },
  'schema-mismatch': {
    about: 'reach',
    retry: 'never',
    status: 422,
    meaning: "The body does not match the queue's JSON Schema.",
  },
  'bad-message': {
    about: 'reach',
    retry: 'never',
    status: 422,
    meaning: 'The message cannot be read, or a property is out of bounds.',
  },
  'quota-exceeded': {
    about: 'reach',
    retry: 'later',
    status: 429,
    meaning: 'The queue is full; the sender keeps the message and tries again.',
  },
  'queue-paused': {
    about: 'reach',
    retry: 'later',
    status: 503,
    meaning: 'The queue is paused; the sender keeps the message and tries again.',
  },
  'reach-timeout': {
    about: 'reach',
    retry: 'never',
    status: 410,
    meaning: 'The time to reach the queue ran out.',
  },
  'receive-timeout': {
    about: 'receive',
    retry: 'never',
    status: 410,
    meaning: 'The time to live ran out before a consumer had the message.',
  },
  'max-deliveries': {
    about: 'receive',
    retry: 'never',
    status: 410,
    meaning: 'The message was handed out too often without success.',
  },
  'rejected-by-receiver': {
    about: 'receive',
    retry: 'never',
    status: 410,
    meaning: 'A consumer refused the message for good.',
  },
  purged: { about: 'receive', retry: 'never', status: 410, meaning: 'An operator emptied the queue.' },
  'queue-deleted': {
    about: 'receive',
    retry: 'never',
    status: 410,
    meaning: 'An operator deleted the queue.',
  },
  cancelled: {
    about: 'reach',
    retry: 'never',
    status: 410,
    meaning: 'The sender took the message back before it was sent.',
  },
  'transaction-refused': {
    about: 'reach',
    retry: 'never',
    status: 409,
    meaning: 'Another message of the same transaction was refused.',
  },
  unreadable: {
    about: 'device',
    retry: 'never',
    status: 422,
    meaning: "The device's stored copy was damaged; it was set aside and its number skipped.",
  },
  'epoch-retired': {
    about: 'reach',
    retry: 'never',
    status: 410,
    meaning:
      'The stream was closed so long ago that the gateway has forgotten what it held; the message is set aside in doubt.',
  },

  // Requests.
  'invalid-request': {
    about: 'request',
    retry: 'never',
    status: 400,
    meaning: 'The request does not have the documented shape.',
  },
  'not-found': {
    about: 'request',
    retry: 'never',
    status: 404,
    meaning: 'There is nothing at this address.',
  },
  'method-not-allowed': {
    about: 'request',
    retry: 'never',
    status: 405,
    meaning: 'The address exists, but not for this method.',
  },
  'unsupported-media-type': {
    about: 'request',
    retry: 'never',
    status: 415,
    meaning: 'The content type of the request is not one the route reads.',
  },
  'payload-too-large': {
    about: 'request',
    retry: 'never',
    status: 413,
    meaning: 'The request is larger than the gateway reads; send less at once.',
  },
  conflict: {
    about: 'request',
    retry: 'never',
    status: 409,
    meaning: 'The same id was used before with other content.',
  },
  'queue-exists': {
    about: 'request',
    retry: 'never',
    status: 409,
    meaning: 'A queue of this name exists with other properties.',
  },
  'queue-not-empty': {
    about: 'request',
    retry: 'never',
    status: 409,
    meaning: 'The queue holds messages; empty it first or say that they go too.',
  },
  'lease-lost': {
    about: 'receive',
    retry: 'never',
    status: 409,
    meaning:
      'The receipt is no longer the live lease of its message: it expired, or the message was settled.',
  },
  unauthorized: {
    about: 'request',
    retry: 'later',
    status: 401,
    meaning: 'The token is missing, invalid or expired; get a new one.',
  },
  'origin-not-allowed': {
    about: 'request',
    retry: 'never',
    status: 403,
    meaning: "The page's origin is not among the allowed ones.",
  },

  // Sessions of a device.
  'malformed-frame': {
    about: 'session',
    retry: 'never',
    status: 400,
    meaning: 'The bytes are not a frame of this protocol.',
  },
  'unexpected-frame': {
    about: 'session',
    retry: 'never',
    status: 409,
    meaning: 'The frame is not allowed at this point of the session.',
  },
  'upgrade-required': {
    about: 'session',
    retry: 'never',
    status: 426,
    meaning: 'The two sides share no protocol version.',
  },
  'newer-connection': {
    about: 'session',
    retry: 'later',
    status: 409,
    meaning: 'A newer session of this device fenced this one.',
  },
  revoked: {
    about: 'session',
    retry: 'never',
    status: 403,
    meaning: 'The device is revoked or belongs to another subject.',
  },

  // The gateway's state.
  busy: {
    about: 'gateway',
    retry: 'later',
    status: 503,
    meaning: 'The gateway has too much to do; wait as long as it says.',
  },
  'shutting-down': {
    about: 'gateway',
    retry: 'later',
    status: 503,
    meaning: 'The gateway is stopping; another start will answer.',
  },
  stalled: {
    about: 'gateway',
    retry: 'later',
    status: 503,
    meaning: 'The stream has to wait; its messages stay on the device.',
  },
  internal: {
    about: 'gateway',
    retry: 'later',
    status: 500,
    meaning: 'The gateway failed; nothing was acknowledged. Its log has the cause.',
  },
  'storage-unsafe': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: 'The store does not give the durability that was asked for; the gateway refuses to start.',
  },
  'store-locked': {
    about: 'gateway',
    retry: 'later',
    status: 500,
    meaning: 'Another process has this store open.',
  },
  'store-full': {
    about: 'gateway',
    retry: 'later',
    status: 507,
    meaning: "The gateway's disk is full; nothing of the call was stored.",
  },
  'store-read-only': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: "The gateway may not write to its store's files or their folder.",
  },
  'store-failed': {
    about: 'gateway',
    retry: 'later',
    status: 500,
    meaning:
      'The store failed in a way that leaves its last write in doubt; the gateway acknowledges nothing more and has to be started again.',
  },
  'store-unavailable': {
    about: 'gateway',
    retry: 'later',
    status: 503,
    meaning:
      "The gateway's database does not answer now, and may or may not have stored the call; make the same call again.",
  },
  'store-damaged': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: "The store's files are damaged, or do not belong together.",
  },
  'schema-too-new': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: 'The store was written by a newer release that this one cannot read.',
  },
  'invalid-configuration': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: 'A setting is missing, unknown or out of bounds.',
  },
  'port-in-use': {
    about: 'gateway',
    retry: 'never',
    status: 500,
    meaning: 'Another program listens on the port.',
  },

  unreachable: {
    about: 'gateway',
    retry: 'later',
    status: 503,
    meaning:
      'No gateway answered, or something else answered in its place. Said by clients, never on the wire.',
  },

  // The device's outbox (never on the wire).
  'not-serialisable': {
    about: 'device',
    retry: 'never',
    status: 422,
    meaning: 'The body has no JSON or byte form.',
  },
  'invalid-argument': {
    about: 'device',
    retry: 'never',
    status: 400,
    meaning: 'An argument is out of bounds; the message says which.',
  },
  'token-unavailable': {
    about: 'device',
    retry: 'later',
    status: 503,
    meaning: "The app's token() gave no token, such as while its server is not reached; it is asked again.",
  },
  closed: { about: 'device', retry: 'never', status: 409, meaning: 'The connection object was closed.' },
  'storage-full': {
    about: 'device',
    retry: 'later',
    status: 507,
    meaning: "The browser's storage quota is used up; nothing was saved.",
  },
  'storage-blocked': {
    about: 'device',
    retry: 'later',
    status: 503,
    meaning: 'Another tab holds an older version of the database open.',
  },
  'storage-failed': {
    about: 'device',
    retry: 'later',
    status: 500,
    meaning: 'The local database failed; nothing was saved unless told otherwise.',
  },
  'storage-lost': {
    about: 'device',
    retry: 'never',
    status: 500,
    meaning: 'The local database was found empty or older than its marker.',
  },
  'transaction-inactive': {
    about: 'device',
    retry: 'never',
    status: 409,
    meaning: "The app's transaction had ended, or does not include the outbox's stores.",
  },
  'in-doubt': {
    about: 'device',
    retry: 'never',
    status: 409,
    meaning: 'The gateway holds another message under this number; whether this one arrived is not known.',
  },
} as const satisfies Record<string, CodeEntry>;

/** One row of {@link CODES}. */
export interface CodeEntry {
  readonly about: 'reach' | 'receive' | 'request' | 'session' | 'gateway' | 'device';
  readonly retry: 'never' | 'later' | 'now';
  readonly status: number;
  readonly meaning: string;
}

/** A stable code; programs branch on it, never on a text. */
export type Code = keyof typeof CODES;

/** Whether `text` is a code of this version's table. */
export function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text);
}

/** A code and what to do about it, as every error class of the product carries them. */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  /** The stable code; see {@link CODES}. */
  readonly code: Code;
  /** Whether and when the same call may succeed. */
  readonly retry: CodeEntry['retry'];

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retry = CODES[code].retry;
  }
}

/** The other side broke the protocol: its bytes are no frame, or a frame out of place. */
export class ProtocolError extends CodedError {
  override readonly name = 'ProtocolError';
}
