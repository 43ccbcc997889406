/**
 * What a shard counts, as plain numbers: incremented on the hot path, read by whoever exports metrics.
 */

/** Upper bounds of the latency buckets, ms. */
export const latencyBucketsMs: readonly number[] = [
  0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 25, 50, 100, 250, 500, 1000, 2500, 5000,
];

export interface LatencyHistogram {
  /** One per bound, then one for everything above. Not cumulative. */
  readonly buckets: number[];
  sumMs: number;
  count: number;
}

export interface Counters {
  commands: number;
  queries: number;
  rejections: number;
  failures: number;
  messages: number;
  timersFired: number;
  /** Begun, repeats after a crash included. */
  activities: number;
  groups: number;
  entries: number;
  events: number;
  entryBytes: number;
  deduplicated: number;
  fencedAppends: number;
  resets: number;
  rowsWritten: number;
  slices: number;
  loads: number;
  passivated: number;
  parkedActors: number;
  lettersQueued: number;
  lettersDropped: number;
  /** By `kind/Event`. */
  readonly eventsByType: Map<string, number>;
  readonly commit: LatencyHistogram;
}

export function newCounters(): Counters {
  return {
    commands: 0,
    queries: 0,
    rejections: 0,
    failures: 0,
    messages: 0,
    timersFired: 0,
    activities: 0,
    groups: 0,
    entries: 0,
    events: 0,
    entryBytes: 0,
    deduplicated: 0,
    fencedAppends: 0,
    resets: 0,
    rowsWritten: 0,
    slices: 0,
    loads: 0,
    passivated: 0,
    parkedActors: 0,
    lettersQueued: 0,
    lettersDropped: 0,
    eventsByType: new Map(),
    commit: newHistogram(),
  };
}

export function newHistogram(): LatencyHistogram {
  return { buckets: new Array<number>(latencyBucketsMs.length + 1).fill(0), sumMs: 0, count: 0 };
}

export function observe(histogram: LatencyHistogram, milliseconds: number): void {
  let bucket = 0;
  while (bucket < latencyBucketsMs.length && milliseconds > (latencyBucketsMs[bucket] as number)) bucket++;
  histogram.buckets[bucket] = (histogram.buckets[bucket] as number) + 1;
  histogram.sumMs += milliseconds;
  histogram.count++;
}
