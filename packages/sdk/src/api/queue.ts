import type { MessageId } from '@fieldpost/protocol';
import type { Sent } from './sent.ts';

/**
 * A place to send to.
 *
 * @since 0.1.0
 */
export interface Queue<Body = unknown> {
  readonly name: string;

  /**
   * Saves a message on this device and resolves when it is on disk, online or not. It will be delivered once, after
   * everything sent before it to the same queue with the same priority.
   *
   * A `Uint8Array` or `ArrayBuffer` travels as `application/octet-stream`, a string with a `contentType` of `text/…` as it
   * is, everything else as JSON. Values that JSON would drop or change without a word (`undefined`, functions, `NaN`, maps,
   * `Blob`) are refused with the path of the value; a `Date` becomes its ISO text, as `JSON.stringify` writes it.
   *
   * @returns the message, saved
   * @throws FieldpostError `not-serialisable`, `too-large`, `invalid-argument`, `conflict` (the id was used for another
   *   message), `unreadable` (the id was used before, and the saved copy is damaged: it will not arrive), `storage-full`,
   *   `storage-failed`, `closed`. Nothing is saved then, except with `outcome: 'unknown'`.
   * @since 0.1.0
   */
  send(body: Body, options?: SendOptions): Promise<Sent>;
}

/** How a message travels. */
export interface SendOptions {
  /** 0 to 7, higher goes first. Default 3. */
  readonly priority?: number;
  /**
   * A UUID of your own, 36 lower-case characters: a second `send` with it is the first one again, and saves nothing. Known
   * for as long as the message is on this device (three days after its delivery). Default: a new UUIDv7.
   */
  readonly id?: MessageId | string;
  /** A line for people, at most 250 characters. */
  readonly label?: string;
  /** Names and values, at most 32 and 8 KiB together, readable without the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** At most 128 characters. */
  readonly correlationId?: string;
  /** Where an answer should go: a queue name, at most 128 characters. */
  readonly replyTo?: string;
  /** The media type of the body; see {@link Queue.send}. */
  readonly contentType?: string;
  /**
   * The gateway has to have the message within so many milliseconds of this call, offline or not; else it is `expired` with
   * `reach-timeout`. Default: it waits for as long as it takes.
   */
  readonly timeToReachQueueMs?: number;
  /**
   * A consumer has to have acknowledged the message within so many milliseconds of this call; else it ends with
   * `receive-timeout`, here or in its queue. Where both times have run out, this one counts. Default: no limit.
   */
  readonly timeToLiveMs?: number;
  /** No consumer sees the message before so many milliseconds have passed. Default 0. */
  readonly deliverAfterMs?: number;
  /** Messages of one group are handed out one at a time, in order. At most 128 characters. */
  readonly groupId?: string;
  /** Of which fates the sender wants to hear. Default `reach`: whether the queue has it. */
  readonly ack?: AckLevel;
  /** W3C Trace Context, kept until a consumer has the message. At most 128 characters. */
  readonly traceparent?: string;
}

/**
 * Of which fates a sender hears: `reach`, whether the message got into its queue; `receive`, also whether a consumer
 * acknowledged it; `full`, both; `none`, nothing but what this device finds out by itself.
 */
export type AckLevel = 'none' | 'reach' | 'receive' | 'full';
