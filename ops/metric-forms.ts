/**
 * Metrics of the registry filled when somebody asks, from numbers counted elsewhere.
 */
import { Counter, Gauge, type Metric, type MetricValueWithName, type Registry } from 'prom-client';
import { type LatencyHistogram, latencyBucketsMs } from '../runtime/counters.js';

export type Labels = Readonly<Record<string, string>>;
export type Put = (labels: Labels, value: number) => void;

export function entriesOf<const T extends object>(table: T): readonly (readonly [keyof T, T[keyof T]])[] {
  // Object.entries forgets that the keys are the table's.
  return Object.entries(table) as unknown as readonly (readonly [keyof T, T[keyof T]])[];
}

export function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  fill: (add: Put) => void,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      fill((labels, value) => this.inc(labels, value));
    },
  });
}

export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  fill: (set: Put) => void,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      fill((labels, value) => this.set(labels, value));
    },
  });
}

type HistogramRows = Iterable<readonly [labels: Labels, histogram: LatencyHistogram]>;

/**
 * A histogram that was counted elsewhere: prom-client's own takes single observations, not buckets. Of a metric the
 * registry asks its name and `get`, so that is what it is given.
 */
export function histogram(registry: Registry, name: string, help: string, rows: () => HistogramRows): void {
  const get = async (): Promise<unknown> => {
    const values: MetricValueWithName<string>[] = [];
    for (const [labels, counted] of rows()) values.push(...samples(name, labels, counted));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  registry.registerMetric({ name, get } as unknown as Metric<string>);
}

/** Buckets of the text format are cumulative and in seconds. */
function* samples(
  name: string,
  labels: Labels,
  histogram: LatencyHistogram,
): Iterable<MetricValueWithName<string>> {
  let below = 0;
  for (const [index, boundMs] of latencyBucketsMs.entries()) {
    below += histogram.buckets[index] ?? 0;
    yield { metricName: `${name}_bucket`, labels: { ...labels, le: String(boundMs / 1000) }, value: below };
  }
  yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: histogram.count };
  yield { metricName: `${name}_sum`, labels, value: histogram.sumMs / 1000 };
  yield { metricName: `${name}_count`, labels, value: histogram.count };
}
