import type { Amount } from '../order/money.ts';

/** What the back office shows: how the queue stands and what is in the books. Sent whole at every change. */
export interface OfficeSnapshot {
  /** Undefined while the gateway cannot be reached. */
  readonly queue: QueueView | undefined;
  /** Whether orders are taken out of the queue and booked. */
  readonly booking: 'on' | 'paused';
  readonly books: BooksView;
}

export interface QueueView {
  /** Orders that nobody has taken out yet. */
  readonly ready: number;
  /** Orders being booked at this moment. */
  readonly leased: number;
  /** Orders whose booking failed and is tried again later. */
  readonly delayed: number;
  /** The next to be booked, the first first. */
  readonly next: readonly WaitingOrder[];
}

export interface WaitingOrder {
  readonly messageId: string;
  readonly number: string;
  readonly customer: string;
  readonly rep: string;
  readonly total: Amount;
  /** ISO time at which the gateway had it. */
  readonly arrivedAt: string;
}

export interface BooksView {
  readonly orders: number;
  readonly lines: number;
  readonly total: Amount;
  /** Orders that arrived a second time, in a message of their own, and were not booked again. */
  readonly repeated: number;
  /** Messages that were no orders; kept beside the books with the reason. */
  readonly setAside: number;
  readonly byRep: readonly RepView[];
  /** The latest first. */
  readonly recent: readonly BookingView[];
}

export interface RepView {
  readonly rep: string;
  readonly orders: number;
  readonly total: Amount;
}

export interface BookingView {
  readonly orderId: string;
  readonly number: string;
  readonly customer: string;
  readonly place: string;
  readonly rep: string;
  readonly lines: number;
  readonly total: Amount;
  /** ISO times: by the rep's device, by the gateway, by the books. */
  readonly takenAt: string;
  readonly arrivedAt: string;
  readonly bookedAt: string;
}
