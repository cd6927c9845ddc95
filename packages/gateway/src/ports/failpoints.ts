/**
 * Named places on the way of a message where a test may end the process. In production nothing listens.
 *
 * `begun` and `decided` lie inside the store's transaction, `committed` behind it and before any answer.
 */
export type Failpoint =
  | 'frame-received'
  | 'frame-parsed'
  | 'push-begun'
  | 'push-decided'
  | 'push-committed'
  | 'push-answered'
  | 'receive-begun'
  | 'receive-committed'
  | 'settle-begun'
  | 'settle-committed'
  | 'transaction-begun'
  | 'transaction-decided'
  | 'transaction-committed';

export interface Failpoints {
  reach(point: Failpoint): void;
}
