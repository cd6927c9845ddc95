import Dexie, { type EntityTable } from 'dexie';
import type { Order } from '../order/order.ts';

/**
 * An order on this device. The order is kept whole, so that it can be read, and sent again, whatever became of its message.
 *
 * - `saving`: the row is here; its message may not be in the outbox yet. The next start makes sure.
 * - `saved`: the message is in the outbox and waits for the gateway.
 * - `delivered`: the gateway has it.
 * - `refused`: the gateway will not take it; `code` says why.
 * - `unclear`: whether the office has it cannot be told from here; `code` says why.
 * - `discarded`: the rep gave it up.
 */
export interface OrderRow {
  readonly id: string;
  readonly repId: string;
  readonly order: Order;
  readonly state: OrderState;
  /** The message that carries it now: the order's own id, until it is sent again after a refusal. */
  readonly messageId: string;
  readonly code?: string | undefined;
  /** Unix milliseconds of this device. */
  readonly takenAt: number;
  readonly savedAt?: number | undefined;
  readonly settledAt?: number | undefined;
}

export type OrderState = 'saving' | 'saved' | 'delivered' | 'refused' | 'unclear' | 'discarded';

/** An order being taken: kept at every change, so that a reload or an empty battery loses nothing. */
export interface DraftRow {
  readonly repId: string;
  readonly customerId: string | undefined;
  readonly lines: readonly DraftLine[];
  readonly note: string;
}

export interface DraftLine {
  readonly productId: string;
  readonly quantity: number;
  readonly discountPercent: number;
}

/** What the app remembers of its server between starts. */
export interface SettingRow {
  readonly name: 'gateway';
  readonly value: string;
}

/** The app's own data. The outbox has a database of its own, which only the SDK touches. */
export class SatchelDatabase extends Dexie {
  declare readonly orders: EntityTable<OrderRow, 'id'>;
  declare readonly drafts: EntityTable<DraftRow, 'repId'>;
  declare readonly settings: EntityTable<SettingRow, 'name'>;

  constructor() {
    super('satchel', { chromeTransactionDurability: 'strict' });
    this.version(1).stores({
      orders: 'id, [repId+takenAt], [repId+state]',
      drafts: 'repId',
      settings: 'name',
    });
  }
}
