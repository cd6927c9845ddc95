import {
  bytesFromUuid,
  type DeviceId,
  type EpochId,
  type MessageId,
  type SessionNonce,
  type StreamKey,
} from '@fieldpost/protocol';
import { newQueueRow } from '../../core/queue-settings.ts';
import type {
  Change,
  Decision,
  DeviceRow,
  GatewayStore,
  LeasedMessage,
  NewMessage,
  QueueRow,
  QueueSettings,
  ReceiveRequest,
} from '../../ports/gateway-store.ts';

/** The gateway's time in the suite's tests, in Unix milliseconds. */
export const NOW = 1_800_000_000_000;
export const LEASE_MS = 30_000;

export function messageId(number: number): MessageId {
  return `01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as MessageId;
}

export function epochId(number: number): EpochId {
  return number.toString(16).padStart(32, '0') as EpochId;
}

export function deviceId(number: number): DeviceId {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}` as DeviceId;
}

export function streamKey(epoch: number, queue = 'orders', priority = 3): StreamKey {
  return { epoch: epochId(epoch), queue, priority };
}

/** A queue whose messages come back at once, again and again, unless told otherwise. */
export function queueRow(name = 'orders', settings: Partial<QueueSettings> = {}): QueueRow {
  return newQueueRow(name, NOW, { retryDelaysMs: [], maxDeliveries: 1000, ...settings });
}

export function deviceRow(number: number, changes: Partial<DeviceRow> = {}): DeviceRow {
  return {
    device: deviceId(number),
    subject: 'rep-1',
    session: { number: 1, nonce: '00112233445566778899aabb' as SessionNonce },
    opening: 'suite',
    revoked: false,
    client: 'suite/1.0',
    firstSeenAt: NOW,
    lastSeenAt: NOW,
    waitingMessages: 0,
    forks: 0,
    ...changes,
  };
}

export function newMessage(number: number, changes: Partial<NewMessage> = {}): NewMessage {
  return {
    id: bytesFromUuid(messageId(number)),
    properties: new Uint8Array([0x80]),
    body: new TextEncoder().encode(`{"order":${number}}`),
    priority: 3,
    sentAt: NOW - 1000,
    arrivedAt: NOW + number,
    ...changes,
  };
}

/** Messages `first` … `last` with their ids' numbers. */
export function newMessages(first: number, last: number, changes: Partial<NewMessage> = {}): NewMessage[] {
  return Array.from({ length: last - first + 1 }, (_, index) => newMessage(first + index, changes));
}

/** A push as the gateway writes it: messages `from + 1` … `to` of a device's stream, and its mark. */
export function pushChanges(stream: StreamKey, from: number, to: number): Change[] {
  const messages = Array.from({ length: to - from }, (_, index) => {
    const number = from + index + 1;
    const origin = { device: deviceId(1), epoch: stream.epoch, number };
    return newMessage(Number.parseInt(stream.epoch, 16) * 1000 + number, {
      priority: stream.priority,
      origin,
    });
  });
  const id = messageId(Number.parseInt(stream.epoch, 16) * 1000 + to);
  return [
    { type: 'append', queue: stream.queue, messages },
    { type: 'advance', stream, from, to, id },
  ];
}

/** Writes changes without looking first. */
export function write(store: GatewayStore, ...changes: Change[]): Promise<void> {
  return store.transact({}, (): Decision<void> => ({ changes, result: undefined }));
}

export function append(
  store: GatewayStore,
  messages: readonly NewMessage[],
  queue = 'orders',
): Promise<void> {
  return write(store, { type: 'append', queue, messages });
}

let leases = 0;

/** Receives with fresh tokens; one message at {@link NOW} unless told otherwise. */
export function receive(
  store: GatewayStore,
  changes: Partial<ReceiveRequest> = {},
): Promise<readonly LeasedMessage[]> {
  const max = changes.max ?? 1;
  const leaseTokens = Array.from({ length: max }, () => `token-${++leases}`);
  return store.receive({ queue: 'orders', max, leaseMs: LEASE_MS, now: NOW, leaseTokens, ...changes });
}

/** The numbers of messages that {@link newMessage} made. */
export function numbersOf(messages: readonly { readonly id: MessageId }[]): number[] {
  return messages.map((message) => Number.parseInt(message.id.slice(24), 16));
}

/** The numbers of all messages in a queue, in queue order. */
export async function numbersIn(store: GatewayStore, queue = 'orders', now = NOW): Promise<number[]> {
  const page = await store.peek({ queue, limit: 100_000, bodies: false, now });
  return numbersOf(page.messages);
}
