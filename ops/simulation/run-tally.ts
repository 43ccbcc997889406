/** What happened in simulations, counted: the figures of a report and the "sometimes" that it must have seen. */
import type { ShardMetrics } from '../../runtime/shard-thread.js';

export interface RunTally {
  runs: number;
  virtualMs: number;
  commands: number;
  answers: Record<string, number>;
  /** By kind: `append lose-reply`, `kill process`. */
  faults: Record<string, number>;
  /** Things that must have been seen sometimes, or the runs prove little. */
  sometimes: Record<string, number>;
}

export function newTally(): RunTally {
  return { runs: 0, virtualMs: 0, commands: 0, answers: {}, faults: {}, sometimes: {} };
}

export function count(counts: Record<string, number>, name: string, by = 1): void {
  if (by > 0) counts[name] = (counts[name] ?? 0) + by;
}

export function addTally(sum: RunTally, part: RunTally): void {
  sum.runs += part.runs;
  sum.virtualMs += part.virtualMs;
  sum.commands += part.commands;
  for (const field of ['answers', 'faults', 'sometimes'] as const) {
    for (const [name, times] of Object.entries(part[field])) count(sum[field], name, times);
  }
}

/** What the runtime itself counted, of a node that is about to stop. */
export function addCounters(tally: RunTally, shards: readonly ShardMetrics[]): void {
  for (const { counters } of shards) {
    count(tally.sometimes, 'a repeat was answered from the record or attached', counters.deduplicated);
    count(tally.sometimes, 'a timer fired', counters.timersFired);
    count(tally.sometimes, 'an actor was passivated', counters.passivated);
    count(tally.sometimes, 'a command was rejected', counters.rejections);
  }
}
