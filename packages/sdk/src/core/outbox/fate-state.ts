/** How the app is told of a message that is in no queue. */
export type FateState = 'refused' | 'expired' | 'unreadable' | 'in-doubt' | 'cancelled';

/** What a code says of the message that it was given to. */
export function stateOfCode(code: string): FateState {
  switch (code) {
    case 'cancelled':
      return 'cancelled';
    case 'reach-timeout':
    case 'receive-timeout':
      return 'expired';
    case 'unreadable':
      return 'unreadable';
    case 'in-doubt':
    case 'epoch-retired':
      return 'in-doubt';
    default:
      return 'refused';
  }
}
