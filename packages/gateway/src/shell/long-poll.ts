import { hexFromBytes } from '@fieldpost/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Failpoints } from '../ports/failpoints.ts';
import type { GatewayStore, LeasedMessage } from '../ports/gateway-store.ts';
import type { Arrivals } from './arrivals.ts';

export interface LongPollPorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly arrivals: Arrivals;
  readonly failpoints: Failpoints;
}

export interface LongPollRequest {
  readonly queue: string;
  readonly max: number;
  readonly leaseMs: number;
  /** How long to wait for a first message; 0 answers at once. */
  readonly waitMs: number;
  /** The subject that asks. */
  readonly consumer: string;
  /** Aborted when the consumer goes away or the gateway stops. */
  readonly signal: AbortSignal;
}

const LEASE_TOKEN_BYTES = 16;
/** What one answer holds of messages: they are in memory more than once until it is written. */
const RECEIVE_BYTES = 32 * 1024 * 1024;

/**
 * Leases messages, and waits for the first while there are none: until one arrives, a lease or a delay runs out, the
 * time is up, or the consumer has gone. What was leased for a consumer that has gone is given back at once.
 */
export async function receiveOrWait(
  ports: LongPollPorts,
  request: LongPollRequest,
): Promise<readonly LeasedMessage[]> {
  const { store, clock, arrivals } = ports;
  const { queue, signal } = request;
  const until = clock.now() + request.waitMs;
  for (;;) {
    const listening = arrivals.listen(queue);
    try {
      const messages = await lease(ports, request);
      if (signal.aborted && messages.length > 0) {
        await giveBack(ports, queue, messages);
        return [];
      }
      const now = clock.now();
      if (messages.length > 0 || now >= until || signal.aborted) return messages;
      const nextVisibleAt = await store.nextVisibleAt(queue, now);
      await listening.wait(Math.min(until, nextVisibleAt ?? until) - clock.now(), signal);
      if (signal.aborted) return [];
    } finally {
      listening.stop();
    }
  }
}

async function lease(ports: LongPollPorts, request: LongPollRequest): Promise<readonly LeasedMessage[]> {
  const { store, clock, entropy, failpoints } = ports;
  const { queue, max, leaseMs, consumer } = request;
  const leaseTokens = Array.from({ length: max }, () => hexFromBytes(entropy.bytes(LEASE_TOKEN_BYTES)));
  failpoints.reach('receive-begun');
  const messages = await store.receive({
    queue,
    max,
    bytesMax: RECEIVE_BYTES,
    leaseMs,
    now: clock.now(),
    leaseTokens,
    consumer,
  });
  if (messages.length > 0) failpoints.reach('receive-committed');
  return messages;
}

async function giveBack(
  ports: LongPollPorts,
  queue: string,
  messages: readonly LeasedMessage[],
): Promise<void> {
  const settlements = messages.map(({ receipt }) => ({ type: 'release' as const, receipt }));
  await ports.store.settle({ queue, settlements, now: ports.clock.now() });
  ports.arrivals.notify(queue);
}
