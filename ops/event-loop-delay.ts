/**
 * How late this thread's event loop runs, measured by a timer of the platform. Each thread has its own.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds since the last reading. */
export interface EventLoopDelay {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The monitor's own tick: a delay shorter than this goes unseen, and its share of the processor is too small to measure. */
const resolutionMs = 10;

/** Starts measuring; each call reads what was seen since the one before. */
export function measureEventLoopDelay(): () => EventLoopDelay {
  const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return () => {
    // The histogram holds the whole interval between ticks, in nanoseconds; an empty one says NaN.
    const late = (nanoseconds: number): number => Math.max(0, (nanoseconds || 0) / 1e6 - resolutionMs);
    const seen =
      histogram.count === 0
        ? { meanMs: 0, p99Ms: 0, maxMs: 0 }
        : { meanMs: late(histogram.mean), p99Ms: late(histogram.percentile(99)), maxMs: late(histogram.max) };
    histogram.reset();
    return seen;
  };
}
