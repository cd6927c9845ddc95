import type { QueueRow, QueueUsage } from '../ports/gateway-store.ts';

/** Why a message has to wait with its sender, and when to try again. */
export interface HeldBack {
  readonly code: 'quota-exceeded' | 'queue-paused';
  readonly retryAfterMs: number;
}

/** A message, as far as it takes room. */
export interface SizedMessage {
  readonly properties: { readonly length: number };
  readonly body: { readonly length: number };
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

  /** What is left now, apart: what is taken of it is not taken here. */
  fork(): QueueRoom {
    const fork = new QueueRoom(this.#stored);
    for (const [queue, usage] of this.#taken) fork.#taken.set(queue, usage);
    return fork;
  }

  /** Takes the room of one message; or says why it has to wait, and how long. */
  take(queue: QueueRow, message: SizedMessage): HeldBack | undefined {
    const held = this.#look(queue, message);
    if (held !== undefined) return held;
    if (hasQuota(queue)) this.#taken.set(queue.name, this.#with(queue, message));
    return undefined;
  }

  /** The same for a message that goes to several queues: it takes its room in all of them, or waits for all of them. */
  takeAll(
    arrivals: readonly { readonly queue: QueueRow; readonly message: SizedMessage }[],
  ): HeldBack | undefined {
    for (const { queue, message } of arrivals) {
      const held = this.#look(queue, message);
      if (held !== undefined) return held;
    }
    for (const { queue, message } of arrivals) this.take(queue, message);
    return undefined;
  }

  /** Makes the room of a message that leaves within the same transaction. */
  free({ name }: QueueRow, messageBytes: number): void {
    const used = this.#taken.get(name) ?? this.#stored.get(name);
    if (used === undefined) return;
    this.#taken.set(name, { messages: used.messages - 1, bytes: used.bytes - messageBytes });
  }

  #look(queue: QueueRow, message: SizedMessage): HeldBack | undefined {
    const { quotaMessages, quotaBytes } = queue;
    if (queue.sendingPaused) return PAUSED;
    if (!hasQuota(queue)) return undefined;
    const { messages, bytes } = this.#with(queue, message);
    // An empty queue takes what its other settings allow: a message that never fits would hold its stream back for ever.
    const isFull = messages > (quotaMessages ?? messages) || bytes > (quotaBytes ?? bytes);
    return isFull && messages > 1 ? FULL : undefined;
  }

  #with({ name }: QueueRow, { properties, body }: SizedMessage): QueueUsage {
    const used = this.#taken.get(name) ?? this.#stored.get(name) ?? NOTHING;
    return { messages: used.messages + 1, bytes: used.bytes + properties.length + body.length };
  }
}

/** Whether it is a queue that has to wait, and not one stream of a device. */
export function isHeldByQueue(code: string): boolean {
  return code === FULL.code || code === PAUSED.code;
}

function hasQuota({ quotaMessages, quotaBytes }: QueueRow): boolean {
  return quotaMessages !== undefined || quotaBytes !== undefined;
}

/** How long senders wait before they try again. */
const FULL: HeldBack = { code: 'quota-exceeded', retryAfterMs: 5_000 };
const PAUSED: HeldBack = { code: 'queue-paused', retryAfterMs: 5_000 };
const NOTHING: QueueUsage = { messages: 0, bytes: 0 };
