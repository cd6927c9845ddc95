import { unreachable } from '@fieldpost/protocol';
import {
  afterFailedDelivery,
  afterRejection,
  leaseTerms,
  type Outcome,
} from '../../../core/failed-delivery.ts';
import { isLive } from '../../../core/hold-state.ts';
import { HEAD_BYTES } from '../../../core/message-head.ts';
import { keyOfPlace } from '../../../core/message-key.ts';
import { parseReceipt, type ReceiptParts } from '../../../core/receipt.ts';
import type {
  LiveLease,
  QueueRow,
  Settlement,
  SettleRequest,
  SettleResult,
} from '../../../ports/gateway-store.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { LAST_LEASE, putDues } from '../dues.ts';
import type { Leaving } from '../notices.ts';
import type { QueueState } from '../queue-rows.ts';
import type { QueueWork } from '../queue-work.ts';
import { inOrder, type Transaction } from '../transaction.ts';
import { deadLetter, endMessages } from './end-messages.ts';

/** The message before its hold, as everybody locks them; a hold that changed meanwhile is read as it is now. */
export const LOCK_LEASES: Statement = {
  name: 'settle-lock',
  text: `SELECT messages.key, until, token, deliveries, octet_length(head) + octet_length(body) - ${HEAD_BYTES} AS bytes,
                EXISTS (SELECT FROM fieldpost.members WHERE members.key = messages.key) AS is_grouped
         FROM fieldpost.messages JOIN fieldpost.holds ON holds.key = messages.key
         WHERE messages.key = ANY($1::bigint[]) ORDER BY messages.key FOR UPDATE OF messages, holds`,
};
const CHANGE_HOLDS: Statement = {
  name: 'settle-change',
  text: `UPDATE fieldpost.holds SET until = new.until, visible_at = new.visible_at, token = new.token,
           deliveries = new.deliveries
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[])
           AS new (key, until, visible_at, token, deliveries)
         WHERE holds.key = new.key`,
};

interface Lease {
  readonly key: number;
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
  readonly bytes: number;
  readonly is_grouped: boolean;
}

/** Settles leases; what is no live lease gets `lease-lost`. */
export async function settle(work: QueueWork, request: SettleRequest): Promise<readonly SettleResult[]> {
  const { settlements, now } = request;
  await work.queues.read([request.queue]);
  const queue = work.queues.find(request.queue);
  if (queue === undefined) return settlements.map(({ receipt }) => ({ receipt, code: 'lease-lost' }));
  const asked = settlements.map(({ receipt }) => placeOf(queue, receipt));
  const leases = await lockLeases(work.transaction, asked);
  const settling = new Settling(queue.row, leases, now);
  const results = settlements.map((settlement, index) => settling.settle(settlement, asked[index]));
  await write(work, queue, settling, now);
  return results;
}

/** Locks messages that receipts are of; answers those of them that are live leases, by receipt. */
export async function lockLive(
  transaction: Transaction,
  queue: QueueState,
  receipts: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, LiveLease>> {
  const asked = receipts.map((receipt) => placeOf(queue, receipt));
  const leases = await lockLeases(transaction, asked);
  const live = new Map<string, LiveLease>();
  for (const [index, receipt] of receipts.entries()) {
    const place = asked[index];
    const lease = place === undefined ? undefined : leases.get(place.key);
    if (isLive(lease, place, now)) live.set(receipt, { bytes: lease.bytes });
  }
  return live;
}

/** A receipt as a message's key in its queue. */
function placeOf({ number }: QueueState, receipt: string): ReceiptParts | undefined {
  const parts = parseReceipt(receipt);
  const key = parts === undefined ? undefined : keyOfPlace(number, parts.key);
  return key === undefined || parts === undefined ? undefined : { key, token: parts.token };
}

async function lockLeases(
  transaction: Transaction,
  asked: readonly (ReceiptParts | undefined)[],
): Promise<Map<number, Lease>> {
  const keys = new Set(asked.flatMap((place) => (place === undefined ? [] : [place.key])));
  if (keys.size === 0) return new Map();
  const rows = await transaction.rows<Lease>(LOCK_LEASES, [bigintArray([...keys])]);
  return new Map(rows.map((row) => [row.key, row]));
}

async function write(work: QueueWork, queue: QueueState, settling: Settling, now: number): Promise<void> {
  const { changed, ends, dead, gone } = settling;
  const holds = [...changed].filter(([key]) => !dead.has(key) && !gone.has(key));
  if (holds.length > 0) {
    await work.transaction.run(CHANGE_HOLDS, [
      bigintArray(holds.map(([key]) => key)),
      bigintArray(holds.map(([, { until }]) => until)),
      bigintArray(holds.map(([, { visibleAt }]) => visibleAt)),
      holds.map(([, { token }]) => token),
      holds.map(([, { deliveries }]) => deliveries),
    ]);
  }
  await inOrder(putDues(work.transaction, LAST_LEASE, ends));
  // Where both go, dead letters first: a subqueue that is empty then is gone.
  if (dead.size > 0) await deadLetter(work, queue, dead, now);
  if (gone.size > 0) await endMessages(work, queue, gone, now);
}

interface ChangedHold {
  readonly until: number;
  readonly visibleAt: number;
  readonly token: string | null;
  readonly deliveries: number;
}

const CONSUMED: Leaving = { code: 'received' };

/** Decides on the settlements of one call, one after the other. */
class Settling {
  readonly changed = new Map<number, ChangedHold>();
  /** When messages end whose last lease was extended. */
  readonly ends = new Map<number, number>();
  readonly dead = new Map<number, Leaving>();
  readonly gone = new Map<number, Leaving>();
  readonly #queue: QueueRow;
  readonly #leases: Map<number, Lease>;
  readonly #now: number;

  constructor(queue: QueueRow, leases: Map<number, Lease>, now: number) {
    this.#queue = queue;
    this.#leases = leases;
    this.#now = now;
  }

  settle(settlement: Settlement, asked: ReceiptParts | undefined): SettleResult {
    const { receipt } = settlement;
    const lease = asked === undefined ? undefined : this.#leases.get(asked.key);
    if (!isLive(lease, asked, this.#now)) return { receipt, code: 'lease-lost' };
    const result = this.#settleLive(settlement, lease);
    if (!this.dead.has(lease.key) && !this.gone.has(lease.key)) return result;
    this.#leases.delete(lease.key);
    return lease.is_grouped ? { ...result, isGroupNext: true } : result;
  }

  #settleLive(settlement: Settlement, lease: Lease): SettleResult {
    const { receipt } = settlement;
    const { key, deliveries } = lease;
    const now = this.#now;
    switch (settlement.type) {
      case 'ack':
        this.gone.set(key, CONSUMED);
        return { receipt };
      case 'nack': {
        const outcome = afterFailedDelivery(this.#queue, deliveries, now, settlement.delayMs);
        return this.#apply(receipt, lease, outcome);
      }
      case 'reject':
        return this.#apply(receipt, lease, afterRejection(this.#queue, now, settlement.reason));
      case 'release':
        this.#giveBack(lease, 0, deliveries - 1);
        return { receipt };
      case 'extend': {
        const leasedUntil = now + settlement.leaseMs;
        const { visibleAt, endsAt } = leaseTerms(this.#queue, deliveries, leasedUntil);
        this.#change(lease, { until: leasedUntil, visibleAt, token: lease.token, deliveries });
        if (endsAt !== undefined) this.ends.set(key, endsAt);
        return { receipt, leasedUntil };
      }
      default:
        return unreachable(settlement);
    }
  }

  #apply(receipt: string, lease: Lease, outcome: Outcome): SettleResult {
    if (outcome.type === 'retry') {
      this.#giveBack(lease, outcome.visibleAt, lease.deliveries);
      return { receipt };
    }
    const { type, ...fate } = outcome;
    (type === 'dead-letter' ? this.dead : this.gone).set(lease.key, fate);
    return { receipt, ended: fate.code };
  }

  #giveBack(lease: Lease, visibleAt: number, deliveries: number): void {
    this.#change(lease, { until: visibleAt, visibleAt, token: null, deliveries });
  }

  #change(lease: Lease, hold: ChangedHold): void {
    this.changed.set(lease.key, hold);
    const { until, token, deliveries } = hold;
    this.#leases.set(lease.key, { ...lease, until, token, deliveries });
  }
}
