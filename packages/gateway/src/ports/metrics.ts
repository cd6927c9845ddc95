/** What happens in the gateway, counted for a supervisor. Counting never fails and never waits. */
export interface Metrics {
  /** Counts `by` more, 1 by default. */
  count(name: CounterName, labels?: MetricLabels, by?: number): void;
  /** Takes one measurement. */
  observe(name: HistogramName, labels: MetricLabels, value: number): void;
  /** Says what is so now; what was said of this gauge before is forgotten. */
  set(name: GaugeName, values: readonly GaugeValue[]): void;
  /** All of it, as `contentType` says. */
  expose(): Promise<string>;
  readonly contentType: string;
}

export interface GaugeValue {
  readonly labels: MetricLabels;
  readonly value: number;
}

export type MetricLabels = Readonly<Record<string, string>>;

export type GaugeName =
  | 'fieldpost_queue_messages'
  | 'fieldpost_queue_bytes'
  | 'fieldpost_queue_oldest_seconds'
  | 'fieldpost_connections'
  | 'fieldpost_input_bytes';

export type CounterName =
  | 'fieldpost_messages_arrived_total'
  | 'fieldpost_messages_refused_total'
  | 'fieldpost_messages_skipped_total'
  | 'fieldpost_messages_lost_total'
  | 'fieldpost_messages_leased_total'
  | 'fieldpost_messages_settled_total'
  | 'fieldpost_leases_lost_total'
  | 'fieldpost_messages_ended_total'
  | 'fieldpost_journal_copies_missed_total'
  | 'fieldpost_hellos_total'
  | 'fieldpost_possible_clones_total'
  | 'fieldpost_unexplained_claims_total'
  | 'fieldpost_generation_changes_total'
  | 'fieldpost_http_problems_total';

export type HistogramName = 'fieldpost_commit_seconds';

export type MetricName = GaugeName | CounterName | HistogramName;
