/**
 * Latencies as an HdrHistogram in microseconds: three significant digits up to a minute, no samples kept.
 * The only file that knows the histogram package.
 */
import { build, type Histogram as HdrHistogram } from 'hdr-histogram-js';

export type Histogram = HdrHistogram;

export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Values are clamped by nobody: the generator gives a request up long before a minute. */
const highestMicros = 60_000_000;

/** In plain JavaScript: its WebAssembly twin would need an asynchronous start and saves nothing at this rate. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestMicros,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    autoResize: true,
    useWebAssembly: false,
  });
}

export function summarise(histogram: Histogram): LatencySummary {
  const ms = (percentile: number) =>
    histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile) / 1_000;
  return {
    count: histogram.totalCount,
    p50Ms: ms(50),
    p90Ms: ms(90),
    p99Ms: ms(99),
    p999Ms: ms(99.9),
    maxMs: histogram.totalCount === 0 ? 0 : histogram.maxValue / 1_000,
  };
}
