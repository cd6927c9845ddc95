import type {
  LeasedMessage,
  MessageState,
  NewMessage,
  QueueInfo,
  QueueRow,
  Settlement,
  SettleResult,
} from '@fieldpost/gateway/testing/suites';
import { unreachable } from '@fieldpost/protocol';

/** One queue, in the plainest way there is: a list, searched from its head each time. */
export class QueueModel {
  readonly #settings: Pick<QueueRow, 'maxDeliveries' | 'retryDelaysMs' | 'deadLetter'>;
  #messages: ModelMessage[] = [];
  #arrivals = 0;
  /** Bodies and codes, in the order in which they came there. */
  #deadLetters: { body: Uint8Array; code: string; deliveries: number }[] = [];

  constructor(settings: Pick<QueueRow, 'maxDeliveries' | 'retryDelaysMs' | 'deadLetter'>) {
    this.#settings = settings;
  }

  append(messages: readonly NewMessage[]): void {
    for (const message of messages) {
      this.#messages.push({
        message,
        arrival: ++this.#arrivals,
        deliveryCount: 0,
        leasedUntil: 0,
        invisibleUntil: message.terms?.visibleAt ?? 0,
        receipt: undefined,
        isHead: !this.#messages.some(({ message: { terms } }) => isSameGroup(terms, message.terms)),
      });
    }
    this.#messages.sort(
      (left, right) => right.message.priority - left.message.priority || left.arrival - right.arrival,
    );
  }

  clear(): void {
    this.#messages = [];
    this.#deadLetters = [];
  }

  /** Ends what has run out by now. To be called before anything else at this time. */
  endDue(now: number): void {
    const due = (message: ModelMessage): string | undefined => {
      const { message: sent, receipt, leasedUntil, deliveryCount } = message;
      if (receipt !== undefined && leasedUntil > now) return undefined;
      const { expiresAt = Number.POSITIVE_INFINITY } = sent.terms ?? {};
      const isFailed = receipt !== undefined && deliveryCount >= this.#settings.maxDeliveries;
      if (isFailed && leasedUntil < expiresAt) return 'max-deliveries';
      return expiresAt <= now ? 'receive-timeout' : undefined;
    };
    const ending = this.#messages.filter((message) => due(message) !== undefined);
    for (const message of ending) this.#end(message, due(message) ?? '');
  }

  /** The messages that a receive hands out; {@link lease} then says with which receipts. */
  visible(max: number, now: number): readonly ModelMessage[] {
    return this.#messages.filter((message) => this.#stateOf(message, now) === 'ready').slice(0, max);
  }

  lease(messages: readonly ModelMessage[], leased: readonly LeasedMessage[], leasedUntil: number): void {
    for (const [index, message] of messages.entries()) {
      message.deliveryCount += 1;
      message.leasedUntil = leasedUntil;
      message.invisibleUntil = leasedUntil + this.#delayMs(message);
      message.receipt = leased[index]?.receipt;
    }
  }

  /** Settlements of one call: messages leave the queue at its end, dead letters first, in queue order. */
  settle(settlements: readonly Settlement[], now: number): SettleResult[] {
    const leaving = new Map<ModelMessage, string>();
    const results = settlements.map((settlement): SettleResult => {
      const { receipt } = settlement;
      const message = this.#messages.find(
        (candidate) => candidate.receipt === receipt && candidate.leasedUntil > now,
      );
      if (message === undefined || leaving.has(message)) return { receipt, code: 'lease-lost' };
      return this.#settleOne(message, settlement, now, leaving);
    });
    const leavers = this.#messages.filter((message) => leaving.has(message));
    for (const message of leavers)
      if (leaving.get(message) !== 'received') this.#end(message, leaving.get(message) ?? '');
    for (const message of leavers) if (leaving.get(message) === 'received') this.#remove(message);
    return results;
  }

  /** Whether all of these can be settled in one transaction: each a live lease, and named once. */
  canSettleAll(settlements: readonly Settlement[], now: number): boolean {
    const receipts = settlements.map(({ receipt }) => receipt);
    const isLive = (receipt: string): boolean =>
      this.#messages.some((message) => message.receipt === receipt && message.leasedUntil > now);
    return new Set(receipts).size === receipts.length && receipts.every(isLive);
  }

  deadLetters(): readonly { body: Uint8Array; code: string; deliveries: number }[] {
    return this.#deadLetters;
  }

  #settleOne(
    message: ModelMessage,
    settlement: Settlement,
    now: number,
    leaving: Map<ModelMessage, string>,
  ): SettleResult {
    const { receipt } = settlement;
    const group = message.message.terms?.groupId === undefined ? {} : { isGroupNext: true as const };
    const end = (code: string): SettleResult => {
      leaving.set(message, code);
      return { receipt, ...(code === 'received' ? {} : { ended: code }), ...group };
    };
    switch (settlement.type) {
      case 'ack':
        return end('received');
      case 'reject':
        return end('rejected-by-receiver');
      case 'nack':
        if (message.deliveryCount >= this.#settings.maxDeliveries) return end('max-deliveries');
        message.receipt = undefined;
        message.invisibleUntil = now + (settlement.delayMs ?? this.#delayMs(message));
        return { receipt };
      case 'release':
        message.receipt = undefined;
        message.invisibleUntil = 0;
        message.deliveryCount -= 1;
        return { receipt };
      case 'extend':
        message.leasedUntil = now + settlement.leaseMs;
        message.invisibleUntil = message.leasedUntil + this.#delayMs(message);
        return { receipt, leasedUntil: message.leasedUntil };
      default:
        return unreachable(settlement);
    }
  }

  #delayMs({ deliveryCount }: ModelMessage): number {
    const { retryDelaysMs } = this.#settings;
    return retryDelaysMs[Math.min(deliveryCount, retryDelaysMs.length) - 1] ?? 0;
  }

  #end(message: ModelMessage, code: string): void {
    this.#remove(message);
    const { deliveryCount: deliveries } = message;
    if (this.#settings.deadLetter) this.#deadLetters.push({ body: message.message.body, code, deliveries });
  }

  #remove(message: ModelMessage): void {
    this.#messages = this.#messages.filter((other) => other !== message);
    if (!message.isHead) return;
    const next = this.#messages.find((other) => isSameGroup(other.message.terms, message.message.terms));
    if (next !== undefined) next.isHead = true;
  }

  #stateOf(message: ModelMessage, now: number): MessageState {
    if (!message.isHead) return 'blocked';
    if (message.receipt !== undefined && message.leasedUntil > now) return 'leased';
    return message.invisibleUntil <= now ? 'ready' : 'delayed';
  }

  states(now: number): { body: Uint8Array; deliveryCount: number; state: MessageState }[] {
    return this.#messages.map((message) => ({
      body: message.message.body,
      deliveryCount: message.deliveryCount,
      state: this.#stateOf(message, now),
    }));
  }

  counts(now: number): Pick<QueueInfo, MessageState | 'bytes'> {
    const counts = { ready: 0, leased: 0, delayed: 0, blocked: 0, bytes: 0 };
    for (const message of this.#messages) {
      counts[this.#stateOf(message, now)] += 1;
      counts.bytes += message.message.properties.length + message.message.body.length;
    }
    return counts;
  }

  nextVisibleAt(now: number): number | undefined {
    const isLast = (message: ModelMessage): boolean =>
      message.receipt !== undefined && message.deliveryCount >= this.#settings.maxDeliveries;
    const times = this.#messages
      .filter((message) => message.isHead && !isLast(message) && message.invisibleUntil > now)
      .map((message) => message.invisibleUntil);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}

export interface ModelMessage {
  readonly message: NewMessage;
  readonly arrival: number;
  deliveryCount: number;
  leasedUntil: number;
  invisibleUntil: number;
  receipt: string | undefined;
  /** False while it waits for another message of its group. */
  isHead: boolean;
}

function isSameGroup(one: NewMessage['terms'], other: NewMessage['terms']): boolean {
  return one?.groupId !== undefined && one.groupId === other?.groupId;
}
