import type { QueueRow, QueueUsage } from '../ports/gateway-store.ts';

/** Why a message has to wait with its sender, and when to try again. */
export interface HeldBack {
  readonly code: 'quota-exceeded' | 'queue-paused';
  readonly retryAfterMs: number;
}

/** A message, as far as it takes room. */
interface SizedMessage {
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * What is left of the queues' quotas within one transaction. A queue that is full, or paused for sending, holds messages
 * back: nothing of them is lost or refused, and they are tried again.
 */
export class QueueRoom {
  readonly #stored: ReadonlyMap<string, QueueUsage>;
  readonly #taken = new Map<string, QueueUsage>();

  /** `stored`: what the queues with a quota hold. */
  constructor(stored: ReadonlyMap<string, QueueUsage>) {
    this.#stored = stored;
  }

  /** Takes the room of one message; or says why it has to wait, and how long. */
  take(queue: QueueRow, message: SizedMessage): HeldBack | undefined {
    const { quotaMessages, quotaBytes } = queue;
    if (queue.sendingPaused) return PAUSED;
    if (quotaMessages === undefined && quotaBytes === undefined) return undefined;
    const used = this.#taken.get(queue.name) ?? this.#stored.get(queue.name) ?? NOTHING;
    const messages = used.messages + 1;
    const bytes = used.bytes + message.properties.length + message.body.length;
    // An empty queue takes what its other settings allow: a message that never fits would hold its stream back for ever.
    const isFull = messages > (quotaMessages ?? messages) || bytes > (quotaBytes ?? bytes);
    if (isFull && used.messages > 0) return FULL;
    this.#taken.set(queue.name, { messages, bytes });
    return undefined;
  }
}

/** How long senders wait before they try again. */
const FULL: HeldBack = { code: 'quota-exceeded', retryAfterMs: 5_000 };
const PAUSED: HeldBack = { code: 'queue-paused', retryAfterMs: 5_000 };
const NOTHING: QueueUsage = { messages: 0, bytes: 0 };
