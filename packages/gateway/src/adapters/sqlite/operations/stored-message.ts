import { type DeviceId, type EpochId, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import { HEAD_BYTES, idOfHead, propertiesOfHead } from '../../../core/message-head.ts';
import { priorityOfKey } from '../../../core/message-key.ts';
import type { MessageStory, StoredMessage } from '../../../ports/gateway-store.ts';
import { bytesView } from '../bytes-view.ts';
import { damagedRow, messageChecksum } from '../row-checksum.ts';
import type { Symbols } from '../symbols.ts';

/** The columns of a message but its body and its checksum, in the order of {@link MessageColumns}. */
export const MESSAGE_COLUMNS = 'message.key, sent_at, arrived_at, source, number, head, priority';

export interface MessageColumns {
  readonly key: number;
  readonly sent_at: number;
  readonly arrived_at: number;
  readonly source: number | null;
  readonly number: number | null;
  /** Null where the key tells it. */
  readonly priority: number | null;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** Null in rows from before there was one, and where the body is not read. */
  readonly checksum: number | null;
}

/** How many bytes of properties and body a row holds. */
export function contentBytes(row: MessageColumns): number {
  return row.head.length - HEAD_BYTES + row.body.length;
}

/** The message's own priority, whatever its place in the queue. */
export function priorityOfRow(row: Pick<MessageColumns, 'key' | 'priority'>): number {
  return row.priority ?? priorityOfKey(row.key);
}

/** The name under which a device and its epoch have a symbol. */
export function sourceName(device: DeviceId, epoch: EpochId): string {
  return `${epoch} ${device}`;
}

/** The checksum of a message's row. */
export function checksumOf(row: Omit<MessageColumns, 'checksum' | 'priority'>): number {
  const { key, sent_at, arrived_at, source, number, head, body } = row;
  return messageChecksum([key, sent_at, arrived_at, source ?? -1, number ?? -1], head, body);
}

/** In a damaged file, a column can be of any type whatever its table says. */
export function isWhole(row: MessageColumns): boolean {
  const { head, body, checksum } = row;
  if (!(head instanceof Uint8Array) || head.length < HEAD_BYTES || !(body instanceof Uint8Array))
    return false;
  return checksum === null || checksum === checksumOf(row);
}

/**
 * A row as callers of the store see it.
 *
 * @throws StoreError `store-damaged` when it is not what was written
 */
export function storedMessage(
  row: MessageColumns,
  deliveryCount: number,
  symbols: Symbols,
  story?: MessageStory,
): StoredMessage {
  if (!isWhole(row)) throw damagedRow(`the message at ${row.key}`);
  const message = {
    id: uuidFromBytes(idOfHead(row.head)) as MessageId,
    properties: bytesView(propertiesOfHead(row.head)),
    body: bytesView(row.body),
    priority: priorityOfRow(row),
    sentAt: row.sent_at,
    arrivedAt: row.arrived_at,
    deliveryCount,
    ...(story === undefined ? {} : { story }),
  };
  if (row.source === null || row.number === null) return message;
  const [epoch, device] = symbols.name(row.source).split(' ');
  return { ...message, origin: { device: device as DeviceId, epoch: epoch as EpochId, number: row.number } };
}
