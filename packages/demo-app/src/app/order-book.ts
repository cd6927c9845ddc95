import { type Delivery, type Fieldpost, FieldpostError, type Queue, type Sent } from '@fieldpost/sdk';
import { liveQuery } from 'dexie';
import type { Order } from '../order/order.ts';
import { ORDERS_QUEUE } from '../order/order.ts';
import type { DraftRow, OrderRow, SatchelDatabase } from './database.ts';

/**
 * Keeps the rep's orders and their messages together, although they live in two databases.
 *
 * The row is written first, in the state `saving` and with the id its message will have; then the message is sent. When the
 * app ends in between, the next start finds the row and sends again: with the same id that is the same message, so nothing
 * is lost and nothing doubled, wherever the end came.
 */
export class OrderBook {
  readonly #database: SatchelDatabase;
  readonly #post: Fieldpost;
  readonly #queue: Queue<Order>;
  readonly #repId: string;
  readonly #followed = new Set<string>();

  constructor(database: SatchelDatabase, post: Fieldpost, repId: string) {
    this.#database = database;
    this.#post = post;
    this.#queue = post.queue<Order>(ORDERS_QUEUE);
    this.#repId = repId;
  }

  /** Saves an order on this device; it goes out by itself. When it rejects, the draft is back as it was. */
  async save(order: Order, draft: DraftRow): Promise<void> {
    const row: OrderRow = {
      id: order.id,
      repId: this.#repId,
      order,
      state: 'saving',
      messageId: order.id,
      takenAt: Date.parse(order.takenAt),
    };
    const { orders, drafts } = this.#database;
    // One transaction: the draft is gone exactly when the order is there.
    await this.#database.transaction('rw', orders, drafts, async () => {
      await orders.add(row);
      await drafts.delete(this.#repId);
    });
    try {
      await this.#send(row);
    } catch (error) {
      // Where it is not known whether the message was saved, the row stays, and the next start sends it with the same id.
      if (error instanceof FieldpostError && error.outcome === 'unknown') return;
      await this.#database.transaction('rw', orders, drafts, async () => {
        await orders.delete(row.id);
        await drafts.put(draft);
      });
      throw error;
    }
  }

  /**
   * Picks up where the last start ended: sends what was being saved, and follows what waits, also what another window
   * saves from now on. Gives the way to stop.
   */
  resume(): () => void {
    void this.#sendUnsent().catch(reportError);
    const waiting = liveQuery(() =>
      this.#database.orders.where('[repId+state]').equals([this.#repId, 'saved']).toArray(),
    );
    const subscription = waiting.subscribe({
      next: (rows) => {
        for (const row of rows) void this.#followAgain(row).catch(reportError);
      },
      error: reportError,
    });
    return () => subscription.unsubscribe();
  }

  /** Sends an order once more that was refused, or whose fate is unclear: the office books an order of one id once. */
  async retry(row: OrderRow): Promise<void> {
    const message = await this.#post.outbox.get(row.messageId);
    if (message === undefined) await this.#send(row);
    else if (message.state === 'pending' || message.state === 'delivered')
      await this.#follow(row.id, message);
    else await this.#follow(row.id, await this.#post.outbox.retry(row.messageId, row.order));
  }

  /** Gives an order up. It stays in the list, marked so. */
  async discard(row: OrderRow): Promise<void> {
    await this.#database.orders.update(row.id, { state: 'discarded', settledAt: Date.now() });
    await this.#post.outbox.discard(row.messageId);
  }

  async #sendUnsent(): Promise<void> {
    const unsent = await this.#database.orders
      .where('[repId+state]')
      .equals([this.#repId, 'saving'])
      .sortBy('takenAt');
    for (const row of unsent) {
      try {
        await this.#send(row);
      } catch (error) {
        await this.#keepUnsent(row, error);
      }
    }
  }

  /** A row that will never be a message is shown as refused, with the reason; any other is tried again at the next start. */
  async #keepUnsent(row: OrderRow, error: unknown): Promise<void> {
    reportError(error);
    if (!(error instanceof FieldpostError) || error.retry !== 'never' || error.code === 'closed') return;
    await this.#database.orders.update(row.id, { state: 'refused', code: error.code, settledAt: Date.now() });
  }

  async #send(row: OrderRow): Promise<void> {
    const { order } = row;
    const sent = await this.#queue.send(order, {
      id: row.messageId,
      label: `${order.number}, ${order.customer.name}`,
      correlationId: order.id,
    });
    await this.#follow(row.id, sent);
  }

  /** A row that waits has its message in the outbox; after a retry that ended half-way, under another id. */
  async #followAgain(row: OrderRow): Promise<void> {
    if (this.#followed.has(row.messageId)) return;
    const found =
      (await this.#post.outbox.get(row.messageId)) ??
      (await this.#post.outbox.list({ queue: ORDERS_QUEUE })).find(
        ({ correlationId }) => correlationId === row.id,
      );
    if (found === undefined) {
      await this.#close(row.id, row.messageId, { state: 'unclear', code: 'not-found' });
    } else if (!this.#followed.has(found.id)) {
      await this.#follow(row.id, found);
    }
  }

  async #follow(orderId: string, sent: Sent): Promise<void> {
    const isNew = !this.#followed.has(sent.id);
    this.#followed.add(sent.id);
    await this.#database.orders.update(orderId, {
      state: 'saved',
      messageId: sent.id,
      savedAt: Date.now(),
      code: undefined,
      settledAt: undefined,
    });
    if (isNew) void this.#settle(orderId, sent).catch(reportError);
  }

  async #settle(orderId: string, sent: Sent): Promise<void> {
    const change = settledState(await sent.delivered);
    if (change === undefined) this.#followed.delete(sent.id);
    else await this.#close(orderId, sent.id, change);
  }

  /** Only the message that carries the order now decides: another window may have sent it again. */
  async #close(orderId: string, messageId: string, change: Pick<OrderRow, 'state' | 'code'>): Promise<void> {
    await this.#database.orders
      .where('id')
      .equals(orderId)
      .filter((row) => row.messageId === messageId && row.state === 'saved')
      .modify({ ...change, settledAt: Date.now() });
  }
}

function settledState(delivery: Delivery): Pick<OrderRow, 'state' | 'code'> | undefined {
  switch (delivery.outcome) {
    case 'delivered':
      return { state: 'delivered' };
    case 'refused':
      return { state: 'refused', code: delivery.code };
    case 'expired':
    case 'unreadable':
    case 'in-doubt':
      return { state: 'unclear', code: delivery.code };
    // The app takes nothing back.
    case 'cancelled':
    case 'closed':
      return undefined;
  }
}
