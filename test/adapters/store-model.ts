import type {
  LeasedMessage,
  NewMessage,
  PeekPage,
  QueueInfo,
  Settlement,
  SettleResult,
} from '@fieldpost/gateway/testing/suites';

/** One queue, in the plainest way there is: a list, searched from its head each time. */
export class QueueModel {
  #messages: ModelMessage[] = [];
  #arrivals = 0;

  append(messages: readonly NewMessage[]): void {
    for (const message of messages) {
      this.#messages.push({
        message,
        arrival: ++this.#arrivals,
        deliveryCount: 0,
        heldUntil: 0,
        receipt: undefined,
      });
    }
    this.#messages.sort(
      (left, right) => right.message.priority - left.message.priority || left.arrival - right.arrival,
    );
  }

  clear(): void {
    this.#messages = [];
  }

  /** The messages that a receive hands out; {@link lease} then says with which receipts. */
  visible(max: number, now: number): readonly ModelMessage[] {
    return this.#messages.filter((message) => message.heldUntil <= now).slice(0, max);
  }

  lease(messages: readonly ModelMessage[], leased: readonly LeasedMessage[], leasedUntil: number): void {
    for (const [index, message] of messages.entries()) {
      message.deliveryCount += 1;
      message.heldUntil = leasedUntil;
      message.receipt = leased[index]?.receipt;
    }
  }

  settle(settlement: Settlement, now: number): SettleResult {
    const { receipt } = settlement;
    const message = this.#messages.find(
      (candidate) => candidate.receipt === receipt && candidate.heldUntil > now,
    );
    if (message === undefined) return { receipt, code: 'lease-lost' };
    switch (settlement.type) {
      case 'ack':
        this.#messages = this.#messages.filter((other) => other !== message);
        return { receipt };
      case 'nack':
        message.receipt = undefined;
        message.heldUntil = now + settlement.delayMs;
        return { receipt };
      case 'release':
        message.receipt = undefined;
        message.heldUntil = 0;
        message.deliveryCount -= 1;
        return { receipt };
      case 'extend':
        message.heldUntil = now + settlement.leaseMs;
        return { receipt, leasedUntil: message.heldUntil };
    }
  }

  states(
    now: number,
  ): { body: Uint8Array; deliveryCount: number; state: PeekPage['messages'][number]['state'] }[] {
    return this.#messages.map((message) => ({
      body: message.message.body,
      deliveryCount: message.deliveryCount,
      state: stateOf(message, now),
    }));
  }

  counts(now: number): Pick<QueueInfo, 'ready' | 'leased' | 'delayed' | 'bytes'> {
    const counts = { ready: 0, leased: 0, delayed: 0, bytes: 0 };
    for (const message of this.#messages) {
      counts[stateOf(message, now)] += 1;
      counts.bytes += message.message.properties.length + message.message.body.length;
    }
    return counts;
  }

  nextVisibleAt(now: number): number | undefined {
    const ends = this.#messages.map((message) => message.heldUntil).filter((heldUntil) => heldUntil > now);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }
}

export interface ModelMessage {
  readonly message: NewMessage;
  readonly arrival: number;
  deliveryCount: number;
  heldUntil: number;
  receipt: string | undefined;
}

function stateOf(message: ModelMessage, now: number): 'ready' | 'leased' | 'delayed' {
  if (message.heldUntil <= now) return 'ready';
  return message.receipt === undefined ? 'delayed' : 'leased';
}
