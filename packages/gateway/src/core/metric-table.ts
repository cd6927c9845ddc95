import type { CounterName, GaugeName, HistogramName } from '../ports/metrics.ts';

/** What a metric is about, and by what it is told apart. */
export interface MetricDefinition {
  readonly help: string;
  readonly labels: readonly string[];
}

/**
 * Every metric of the gateway's own: `docs/guides/operating-the-gateway.md` repeats the tables, and a test holds them
 * together. Label values are names of queues that are there, codes of the table and words of ours, never what a caller made up:
 * each of them costs memory for good.
 */
export const GAUGES: Readonly<Record<GaugeName, MetricDefinition>> = {
  fieldpost_queue_messages: {
    help: 'Messages of a queue or subqueue: ready, leased, delayed or blocked',
    labels: ['queue', 'state'],
  },
  fieldpost_queue_bytes: { help: 'Properties and bodies of a queue or subqueue', labels: ['queue'] },
  fieldpost_queue_oldest_seconds: {
    help: 'Age of the oldest message of a queue or subqueue; 0 when it is empty',
    labels: ['queue'],
  },
  fieldpost_connections: { help: 'Devices with a live connection', labels: [] },
  fieldpost_input_bytes: { help: 'What is being read or waits for its commit', labels: [] },
};

export const COUNTERS: Readonly<Record<CounterName, MetricDefinition>> = {
  fieldpost_messages_arrived_total: {
    help: 'Messages durably put into a queue, from a device or a server',
    labels: ['queue', 'from'],
  },
  fieldpost_messages_refused_total: { help: 'Messages of devices refused for good', labels: ['code'] },
  fieldpost_messages_skipped_total: {
    help: 'Messages that devices gave up before they arrived',
    labels: ['code'],
  },
  fieldpost_messages_lost_total: {
    help: 'Messages that a restored store had forgotten and no device had any more',
    labels: [],
  },
  fieldpost_messages_leased_total: { help: 'Messages handed out, each time', labels: ['queue'] },
  fieldpost_messages_settled_total: {
    help: 'Receipts settled: ack, nack, reject, extend or release',
    labels: ['queue', 'outcome'],
  },
  fieldpost_leases_lost_total: {
    help: 'Receipts that were not settled, because their lease was over',
    labels: [],
  },
  fieldpost_messages_ended_total: {
    help: 'Messages that ended unconsumed: max-deliveries, rejected-by-receiver, or run-out (time, or last lease)',
    labels: ['queue', 'cause'],
  },
  fieldpost_journal_copies_missed_total: {
    help: 'Messages removed without a copy because the journal was full',
    labels: ['queue'],
  },
  fieldpost_hellos_total: {
    help: 'Hellos of devices by their answer: welcome, or the reason of a fence',
    labels: ['answer'],
  },
  fieldpost_possible_clones_total: {
    help: 'Hellos that only a copy of the data of a device explains, or data restored from one',
    labels: [],
  },
  fieldpost_unexplained_claims_total: {
    help: 'Hellos that claim more than the store holds and cannot be right',
    labels: [],
  },
  fieldpost_generation_changes_total: { help: 'Times the store was found to have gone back', labels: [] },
  fieldpost_http_problems_total: { help: 'HTTP requests answered with a problem', labels: ['code'] },
};

export const HISTOGRAMS: Readonly<
  Record<HistogramName, MetricDefinition & { readonly buckets: readonly number[] }>
> = {
  fieldpost_commit_seconds: {
    help: 'From the call to the durable answer of the store, waiting for others included',
    labels: ['call'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  },
};
