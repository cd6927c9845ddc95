import type { MessageId } from '@fieldpost/protocol';
import { encodeBody, isJsonType } from '../shell/encode-body.ts';

/**
 * A message that a consumer sends when it completes another one.
 *
 * @since 0.1.0
 */
export interface MessageToSend {
  /** The queue that it goes to; the token has to allow sending there. */
  readonly queue: string;
  /** As for a device's `send`: bytes as they are, a string with a `contentType` of `text/…` as it is, all else as JSON. */
  readonly body: unknown;
  /** The media type of the body. */
  readonly contentType?: string;
  /** 0 to 7, higher goes first. Default 3. */
  readonly priority?: number;
  /** A UUID of your own: the queue takes it once, whoever sends it. Default: the gateway makes one. */
  readonly id?: MessageId | string;
  /** A line for people, at most 250 characters. */
  readonly label?: string;
  /** Names and values, at most 32 and 8 KiB together. */
  readonly headers?: Readonly<Record<string, string>>;
  /** At most 128 characters. */
  readonly correlationId?: string;
  /** Where an answer should go: a queue name, at most 128 characters. */
  readonly replyTo?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Ends as a dead letter unless it is consumed within this time, in milliseconds. */
  readonly timeToLiveMs?: number;
  /** Nobody sees it before this time has passed, in milliseconds. */
  readonly deliverAfterMs?: number;
  /** Messages of one group are handed out one at a time, in order. */
  readonly groupId?: string;
}

/**
 * The request that acknowledges one message and sends others: a text, so that a repetition is the same to the last byte.
 *
 * @throws FieldpostError `not-serialisable`, `invalid-argument`
 */
export function transactionRequest(
  acknowledged: { readonly queue: string; readonly receipt: string },
  messages: readonly MessageToSend[],
): string {
  const settle = JSON.stringify([{ ...acknowledged, outcome: 'ack' }]);
  return `{"settle":${settle},"send":[${messages.map(messageText).join(',')}]}`;
}

function messageText({ body, contentType: asked, ...properties }: MessageToSend): string {
  const { content, contentType } = encodeBody(body, asked);
  const isJson = typeof content === 'string' && (contentType === undefined || isJsonType(contentType));
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const encoded = isJson ? `"body":${content}` : `"bodyBase64":"${base64Of(bytes)}"`;
  return `${JSON.stringify({ ...properties, contentType }).slice(0, -1)},${encoded}}`;
}

/** Bytes that one call turns into text: more arguments than this, and some runtimes give up. */
const CHUNK_BYTES = 0x2000;

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return btoa(text);
}
