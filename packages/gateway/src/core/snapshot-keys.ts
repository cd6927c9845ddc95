import type { MessageId } from '@fieldpost/protocol';

// How the maps of a snapshot name what belongs to a queue. Neither queue names nor ids hold a space.

/** A producer's id in one queue. */
export function sendKeyText(queue: string, id: MessageId): string {
  return `${queue} ${id}`;
}

/** A receipt of one queue or subqueue. */
export function leaseKeyText(queue: string, receipt: string): string {
  return `${queue} ${receipt}`;
}
