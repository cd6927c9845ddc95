import { isUuid, type MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';

/** A message as a receive answered it. */
export interface LeasedMessage {
  readonly id: MessageId;
  readonly receipt: string;
  readonly deliveryCount: number;
  readonly priority: number;
  /** Parsed JSON, or bytes when the content type is not JSON. */
  readonly body: unknown;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly label: string | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly traceparent: string | undefined;
  readonly replaces: string | undefined;
  /** The device that sent it; undefined when a server did. */
  readonly device: string | undefined;
  readonly sentAt: Date;
  readonly arrivedAt: Date;
}

/** @throws FieldpostError `unreachable` when the answer is not a gateway's: its messages come again when their leases end */
export function readReceiveAnswer(answer: unknown): readonly LeasedMessage[] {
  const messages = field(answer, 'messages');
  if (!Array.isArray(messages)) throw notAGateways('messages');
  return messages.map(readMessage);
}

function readMessage(raw: unknown): LeasedMessage {
  const id = text(raw, 'id');
  if (!isMessageId(id)) throw notAGateways('id');
  return {
    id,
    receipt: text(raw, 'receipt'),
    deliveryCount: count(raw, 'deliveryCount'),
    priority: count(raw, 'priority'),
    body: readBody(raw),
    contentType: optionalText(raw, 'contentType') ?? 'application/json',
    headers: readHeaders(field(raw, 'headers')),
    label: optionalText(raw, 'label'),
    correlationId: optionalText(raw, 'correlationId'),
    replyTo: optionalText(raw, 'replyTo'),
    traceparent: optionalText(raw, 'traceparent'),
    replaces: optionalText(raw, 'replaces'),
    device: optionalText(raw, 'device'),
    sentAt: time(raw, 'sentAt'),
    arrivedAt: time(raw, 'arrivedAt'),
  };
}

function readBody(raw: unknown): unknown {
  const base64 = optionalText(raw, 'bodyBase64');
  return base64 === undefined ? field(raw, 'body') : bytesFromBase64(base64);
}

function bytesFromBase64(base64: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(base64);
  } catch (cause) {
    throw notAGateways('bodyBase64', cause);
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function readHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function isMessageId(id: string): id is MessageId {
  return isUuid(id);
}

function text(raw: unknown, name: string): string {
  const value = optionalText(raw, name);
  if (value === undefined) throw notAGateways(name);
  return value;
}

function optionalText(raw: unknown, name: string): string | undefined {
  const value = field(raw, name);
  return typeof value === 'string' ? value : undefined;
}

function count(raw: unknown, name: string): number {
  const value = field(raw, name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw notAGateways(name);
  return value;
}

function time(raw: unknown, name: string): Date {
  const value = new Date(text(raw, name));
  if (Number.isNaN(value.getTime())) throw notAGateways(name);
  return value;
}

function field(raw: unknown, name: string): unknown {
  if (typeof raw !== 'object' || raw === null || !Object.hasOwn(raw, name)) return undefined;
  return Reflect.get(raw, name);
}

function notAGateways(name: string, cause?: unknown): FieldpostError {
  return new FieldpostError(
    'unreachable',
    `The answer to a receive request has no ${name} that a gateway would give`,
    {
      cause,
    },
  );
}
