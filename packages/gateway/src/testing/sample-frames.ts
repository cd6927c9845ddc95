import {
  type DeviceId,
  encodeMessage,
  type EpochId,
  type GenerationId,
  type Hello,
  type MessageId,
  type MessageProperties,
  packEntries,
  type Push,
  type Run,
  type Session,
  type SessionNonce,
} from '@fieldpost/protocol';
import type { Principal } from '../ports/authenticator.ts';

// Frames and rows for tests, each with defaults for what a test does not speak of.

/** A device id of a small number. */
export function deviceId(index: number): DeviceId {
  return uuid('d', index) as DeviceId;
}

/** A message id of a small number. */
export function messageId(index: number): MessageId {
  return uuid('a', index) as MessageId;
}

/** An epoch of a small number. */
export function epochId(index: number): EpochId {
  return index.toString(16).padStart(32, '0') as EpochId;
}

/** A generation of a small number. */
export function generationId(index: number): GenerationId {
  return uuid('e', index) as GenerationId;
}

/** A session with a nonce of its own. */
export function session(number: number, nonce = 'aa'): Session {
  return { number, nonce: nonce.padStart(16, '0') as SessionNonce };
}

/** A bearer who may do everything, for an hour from time 0 on. */
export function principal(overrides: Partial<Principal> = {}): Principal {
  return {
    subject: 'rep',
    expiresAt: 3_600_000,
    grants: { send: ['*'], receive: ['*'], manage: ['*'] },
    ...overrides,
  };
}

/** The bytes of a message: by default with a JSON body that holds its index. */
export function messageBytes(
  index: number,
  overrides: { readonly body?: Uint8Array; readonly properties?: MessageProperties } = {},
): Uint8Array<ArrayBuffer> {
  const body = overrides.body ?? new TextEncoder().encode(JSON.stringify({ n: index }));
  return encodeMessage({ id: messageId(index), properties: overrides.properties ?? {}, body });
}

/** A run: entries as given, from number 1 of epoch 1 to `orders` at priority 3 unless told otherwise. */
export function run(entries: readonly Uint8Array[], overrides: Partial<Run> = {}): Run {
  return {
    epoch: epochId(1),
    queue: 'orders',
    priority: 3,
    first: 1,
    acknowledged: 0,
    attempt: 0,
    ageMs: 0,
    messages: packEntries(entries),
    ...overrides,
  };
}

/** A run of the messages `first` to `last`, whose ids and bodies tell their numbers. */
export function runOf(first: number, last: number, overrides: Partial<Run> = {}): Run {
  const entries = Array.from({ length: last - first + 1 }, (_, index) => messageBytes(first + index));
  return run(entries, { first, ...overrides });
}

/** A push of session 1. */
export function push(runs: readonly Run[], overrides: Partial<Push> = {}): Push {
  return { type: 'push', session: session(1), runs: [...runs], ...overrides };
}

/** A hello of device 1 that holds nothing. */
export function hello(overrides: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    versions: [1, 1],
    device: deviceId(1),
    streams: [],
    waiting: { messages: 0, bytes: 0, oldestAgeMs: 0 },
    ...overrides,
  };
}

function uuid(kind: string, index: number): string {
  const digits = index.toString(16).padStart(12, '0');
  return `0190${kind}000-0000-7000-8000-${digits}`;
}
