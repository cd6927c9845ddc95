import { type DeviceId, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import { idOfHead, propertiesOfHead } from '../../core/message-head.ts';
import { priorityOfKey } from '../../core/message-key.ts';
import type { MessageStory, StoredMessage } from '../../ports/gateway-store.ts';
import { epochOf } from './device-rows.ts';

/** The columns of a message but its body. */
export const MESSAGE_COLUMNS = `messages.key, messages.sent_at, messages.arrived_at, messages.number, messages.epoch,
  messages.device, messages.priority, messages.head`;

export interface MessageColumns {
  readonly key: number;
  readonly sent_at: number;
  readonly arrived_at: number;
  readonly number: number | null;
  readonly epoch: string | null;
  readonly device: string | null;
  /** Null where the key tells it. */
  readonly priority: number | null;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** Where the message was before, as JSON. */
  readonly story: string | null;
}

/** The message's own priority, whatever its place in the queue. */
export function priorityOfRow({ key, priority }: Pick<MessageColumns, 'key' | 'priority'>): number {
  return priority ?? priorityOfKey(key);
}

export function storyOfRow({ story }: Pick<MessageColumns, 'story'>): MessageStory | undefined {
  return story === null ? undefined : (JSON.parse(story) as MessageStory);
}

/** A row as callers of the store see it. */
export function storedMessage(row: MessageColumns, deliveryCount: number): StoredMessage {
  const story = storyOfRow(row);
  const message = {
    id: uuidFromBytes(idOfHead(row.head)) as MessageId,
    properties: propertiesOfHead(row.head),
    body: row.body,
    priority: priorityOfRow(row),
    sentAt: row.sent_at,
    arrivedAt: row.arrived_at,
    deliveryCount,
    ...(story === undefined ? {} : { story }),
  };
  const { device, epoch, number } = row;
  if (device === null || epoch === null || number === null) return message;
  return { ...message, origin: { device: device as DeviceId, epoch: epochOf(epoch), number } };
}
