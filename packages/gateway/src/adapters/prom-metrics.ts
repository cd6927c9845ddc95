import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { COUNTERS, GAUGES, HISTOGRAMS, type MetricDefinition } from '../core/metric-table.ts';
import type { GaugeValue, MetricLabels, MetricName, Metrics } from '../ports/metrics.ts';

export interface PromMetricsOptions {
  /** Also what the process itself tells: memory, handles, delay of the event loop. */
  readonly isForProcess?: boolean;
}

/** Metrics in the text format of Prometheus. */
export function createPromMetrics({ isForProcess = false }: PromMetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (isForProcess) collectDefaultMetrics({ register: registry });
  const gauges = madeOf(GAUGES, (configuration) => new Gauge({ ...configuration, registers: [registry] }));
  const counters = madeOf(
    COUNTERS,
    (configuration) => new Counter({ ...configuration, registers: [registry] }),
  );
  const histograms = madeOf(
    HISTOGRAMS,
    (configuration, { buckets }) =>
      new Histogram({ ...configuration, buckets: [...buckets], registers: [registry] }),
  );
  return {
    contentType: registry.contentType,
    expose: () => registry.metrics(),
    count: (name, labels: MetricLabels = {}, by = 1) => counters[name].inc(labels, by),
    observe: (name, labels, value) => histograms[name].observe(labels, value),
    set(name, values: readonly GaugeValue[]) {
      const gauge = gauges[name];
      gauge.reset();
      for (const { labels, value } of values) gauge.set(labels, value);
    },
  };
}

interface Configuration {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
}

function madeOf<Name extends MetricName, Definition extends MetricDefinition, Made>(
  table: Readonly<Record<Name, Definition>>,
  make: (configuration: Configuration, definition: Definition) => Made,
): Record<Name, Made> {
  const entries = Object.entries(table) as [Name, Definition][];
  return Object.fromEntries(
    entries.map(([name, definition]) => {
      const { help, labels } = definition;
      return [name, make({ name, help, labelNames: [...labels] }, definition)];
    }),
  ) as Record<Name, Made>;
}
