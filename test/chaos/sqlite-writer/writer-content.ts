import { bytesFromUuid, type DeviceId, type EpochId, type MessageId } from '@fieldpost/protocol';

// What the writer stores: everything follows from epoch and number, so that whatever is read can be checked.

export const NOW = 1_800_000_000_000;
export const QUEUE = 'orders';

export function streamOf(epoch: number): { epoch: EpochId; queue: string; priority: number } {
  return { epoch: epoch.toString(16).padStart(32, '0') as EpochId, queue: QUEUE, priority: 3 };
}

export function newMessage(epoch: number, number: number) {
  const id = bytesFromUuid(idOf(epoch, number));
  const origin = {
    device: `00000000-0000-4000-8000-${epoch.toString(16).padStart(12, '0')}` as DeviceId,
    epoch: streamOf(epoch).epoch,
    number,
  };
  return {
    id,
    properties: new Uint8Array(0),
    body: bodyOf(id),
    priority: 3,
    sentAt: NOW,
    arrivedAt: NOW,
    origin,
  };
}

export function idOf(epoch: number, number: number): MessageId {
  return `01890000-0000-7000-8${epoch.toString(16).padStart(3, '0')}-${number.toString(16).padStart(12, '0')}` as MessageId;
}

export function messageNumbers(id: string): [epoch: number, number: number] {
  return [Number.parseInt(id.slice(20, 23), 16), Number.parseInt(id.slice(24), 16)];
}

/** 300 bytes that follow from the id, so that a body under another's id is noticed. */
function bodyOf(id: Uint8Array): Uint8Array {
  const first = (id[15] ?? 0) * 7 + (id[14] ?? 0);
  return Uint8Array.from({ length: 300 }, (_, index) => (first + index) & 0xff);
}

export function isIntact(message: { readonly id: MessageId; readonly body: Uint8Array }): boolean {
  return Buffer.compare(message.body, bodyOf(bytesFromUuid(message.id))) === 0;
}
