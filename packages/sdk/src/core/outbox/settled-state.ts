/** How the app is told of a message that reached its queue and has ended there. */
export type SettledState = 'consumed' | 'expired' | 'dead-lettered' | 'purged' | 'ended';

/** What a code says of the message that it was given to; `ended` for one of a later gateway. */
export function settledStateOf(code: string): SettledState {
  switch (code) {
    case 'received':
      return 'consumed';
    case 'receive-timeout':
      return 'expired';
    case 'max-deliveries':
    case 'rejected-by-receiver':
      return 'dead-lettered';
    case 'purged':
    case 'queue-deleted':
      return 'purged';
    default:
      return 'ended';
  }
}
