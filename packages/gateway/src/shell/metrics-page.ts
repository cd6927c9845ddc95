import type { Clock } from '../ports/clock.ts';
import type { GatewayStore, QueueInfo } from '../ports/gateway-store.ts';
import type { GaugeValue, Metrics } from '../ports/metrics.ts';
import type { InputRoom } from './input-room.ts';
import type { LiveSessions } from './live-sessions.ts';

export interface MetricsPagePorts {
  readonly store: Pick<GatewayStore, 'listQueues'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly liveSessions: Pick<LiveSessions, 'count'>;
  readonly inputRoom: Pick<InputRoom, 'bytes'>;
}

/** However often it is asked for, the queues are counted once in this time. */
const FRESH_MS = 1_000;

/** What supervisors read. Returns the way to read it; those who ask at once share one reading. */
export function createMetricsPage(ports: MetricsPagePorts): () => Promise<string> {
  const { store, clock, metrics, liveSessions, inputRoom } = ports;
  let last: { readonly at: number; readonly page: Promise<string> } | undefined;

  const read = async (now: number): Promise<string> => {
    setQueues(metrics, await store.listQueues(now), now);
    metrics.set('fieldpost_connections', [{ labels: {}, value: liveSessions.count() }]);
    metrics.set('fieldpost_input_bytes', [{ labels: {}, value: inputRoom.bytes() }]);
    return metrics.expose();
  };

  return () => {
    const now = clock.now();
    if (last !== undefined && now >= last.at && now - last.at < FRESH_MS) return last.page;
    const page = read(now);
    last = { at: now, page };
    // What failed is tried again at once.
    page.catch(() => (last = undefined));
    return page;
  };
}

function setQueues(metrics: Metrics, queues: readonly QueueInfo[], now: number): void {
  const messages = queues.flatMap(({ name: queue, ready, leased, delayed, blocked }): GaugeValue[] =>
    Object.entries({ ready, leased, delayed, blocked }).map(([state, value]) => ({
      labels: { queue, state },
      value,
    })),
  );
  metrics.set('fieldpost_queue_messages', messages);
  metrics.set(
    'fieldpost_queue_bytes',
    queues.map(({ name: queue, bytes }) => ({ labels: { queue }, value: bytes })),
  );
  metrics.set(
    'fieldpost_queue_oldest_seconds',
    queues.map(({ name: queue, oldestArrivedAt = now }) => ({
      labels: { queue },
      value: Math.max(0, now - oldestArrivedAt) / 1000,
    })),
  );
}
