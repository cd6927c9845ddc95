import { isQueueName } from '@fieldpost/protocol';

/**
 * Names of queues as the gateway uses them: a queue (`orders`) or a subqueue of it (`orders;retry-later`). A subqueue is
 * made by the first message that is moved into it, is gone when it is empty, and has its queue's settings, quota and
 * permissions.
 */
const DEAD_LETTER = 'dead-letter';
const JOURNAL = 'journal';
const SUBQUEUE = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** Where messages go that could not be delivered and have no queue. */
const SYSTEM_DEAD_LETTER = 'sys.dead-letter';

/** Whether `text` names a queue or a subqueue. */
export function isQueueAddress(text: string): boolean {
  const [queue = '', subqueue, ...rest] = text.split(';');
  return isQueueName(queue) && rest.length === 0 && (subqueue === undefined || SUBQUEUE.test(subqueue));
}

/** The queue that an address belongs to: itself, or the one whose subqueue it is. */
export function parentOf(address: string): string {
  return address.split(';', 1)[0] ?? address;
}

export function isSubqueue(address: string): boolean {
  return address.includes(';');
}

/** Where dead letters of a queue and its subqueues are kept. */
export function deadLetterQueueOf(address: string): string {
  return `${parentOf(address)};${DEAD_LETTER}`;
}

/** Where copies of a queue's removed messages are kept. */
export function journalOf(address: string): string {
  return `${parentOf(address)};${JOURNAL}`;
}

export function isDeadLetterQueue(address: string): boolean {
  return address === SYSTEM_DEAD_LETTER || address.endsWith(`;${DEAD_LETTER}`);
}

export function isJournal(address: string): boolean {
  return address.endsWith(`;${JOURNAL}`);
}

/** Whether the gateway alone fills it: nothing is moved there by hand. */
export function isSystemQueue(address: string): boolean {
  return address.startsWith('sys.') || isDeadLetterQueue(address) || isJournal(address);
}
