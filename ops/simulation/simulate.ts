/**
 * `simulate`: a module under everything that may go wrong, from seeds, on virtual time.
 *
 *     const report = await simulate({ seeds: 100, workload: () => ticketWorkload() });
 *     assert.deepEqual(report.failures, []);
 *
 * Each seed runs twice and must give the same trace: one that does not cannot be replayed, and says so as a failure.
 */
import { addTally, newTally, type RunTally } from './run-tally.js';
import { runSimulation, type SimulationResult } from './simulation.js';
import type { Workload } from './workload.js';

export interface SimulateOptions {
  /** Makes the workload of one run: it may remember what it has asked. */
  readonly workload: (seed: number) => Workload;
  /** How many seeds. */
  readonly seeds: number;
  /** The first of them. Default 1. */
  readonly firstSeed?: number;
  /** Begins no further seed after this. Default: no limit. */
  readonly minutes?: number;
  /** Default: go on to the last seed. */
  readonly stopsAtFailure?: boolean;
  readonly onSeed?: (outcome: SeedOutcome) => void;
}

export interface SeedFailure {
  readonly seed: number;
  readonly workload: string;
  /** What does not hold. */
  readonly message: string;
  readonly stack: string;
}

export interface SeedOutcome {
  readonly seed: number;
  readonly tally: RunTally;
  readonly failure: SeedFailure | undefined;
}

export interface SimulationReport {
  readonly tally: RunTally;
  readonly seedCount: number;
  readonly failures: readonly SeedFailure[];
  readonly elapsedMs: number;
}

export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const { seeds, firstSeed = 1, minutes = Number.POSITIVE_INFINITY, onSeed = () => {} } = options;
  const startedAt = performance.now();
  const tally = newTally();
  const failures: SeedFailure[] = [];
  let seedCount = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    if (performance.now() - startedAt > minutes * 60_000) break;
    const outcome = await simulateSeed(seed, options.workload);
    seedCount++;
    addTally(tally, outcome.tally);
    if (outcome.failure !== undefined) failures.push(outcome.failure);
    onSeed(outcome);
    if (outcome.failure !== undefined && options.stopsAtFailure === true) break;
  }
  return { tally, seedCount, failures, elapsedMs: performance.now() - startedAt };
}

/** One seed, twice. Never rejects. */
export async function simulateSeed(seed: number, make: (seed: number) => Workload): Promise<SeedOutcome> {
  const first = await attempt(seed, make(seed));
  if ('failure' in first) return first;
  const second = await attempt(seed, make(seed));
  if ('failure' in second) return second;
  if (first.trace === second.trace) return { seed, tally: first.tally, failure: undefined };
  const { name } = make(seed);
  const message = 'S1: two runs of this seed differ: something reads a clock or chance of its own';
  return { seed, tally: first.tally, failure: { seed, workload: name, message, stack: message } };
}

async function attempt(seed: number, workload: Workload): Promise<SimulationResult | SeedOutcome> {
  try {
    return await runSimulation(seed, workload);
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const failure = {
      seed,
      workload: workload.name,
      message: error.message,
      stack: error.stack ?? error.message,
    };
    return { seed, tally: newTally(), failure };
  }
}
