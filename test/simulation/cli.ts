/**
 * `npm run simulate`: seeds by the thousand, or the proof that they find bugs. Exit code 1 when a seed failed, when something
 * that must have been seen was not, or when a planted bug was not found.
 */
import { parseArgs } from 'node:util';
import { addTally, newTally } from '../../ops/simulation/run-tally.js';
import type { SeedFailure, SeedOutcome } from '../../ops/simulation/simulate.js';
import { runSimulation } from '../../ops/simulation/simulation.js';
import { print, runCommand, whole } from '../support/command-run.js';
import { bugNamed, plantedBugs } from './planted/planted-bugs.js';
import { runSeeds } from './seed-pool.js';
import { failureLines, mustHaveSeen, summaryText } from './simulation-text.js';
import { workloadFor, workloadNames, workloads } from './workloads/index.js';

const help = `npm run simulate -- [options]

  --seeds N       how many seeds (default 1000); each runs twice and must give the same trace
  --seed S        the first of them (default 1)
  --minutes M     begin no seed after so many minutes
  --workload W    ${workloadNames.join(', ')} (default: each seed has its own)
  --processes N   seeds at a time (default 2)
  --trace         with one seed: print everything that happens in it
  --planted       plant each known bug in turn and run seeds until it is found
  --bug NAME      with --planted: this one only`;

/** Seeds within which a planted bug must be found. */
const plantedSeedsMax = 1_000;
/** Fewer seeds need not have seen everything. */
const seedsForCoverage = 1_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '1000000' },
      workload: { type: 'string' },
      processes: { type: 'string', default: '2' },
      trace: { type: 'boolean', default: false },
      planted: { type: 'boolean', default: false },
      bug: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  const { workload } = values;
  if (workload !== undefined && workloads[workload] === undefined)
    throw new Error(`--workload must be one of ${workloadNames.join(', ')}, not ${workload}`);
  const processes = whole('processes', values.processes);
  const firstSeed = whole('seed', values.seed);
  if (values.planted) return await provePlanted(processes, values.bug, firstSeed);
  if (values.trace) return await trace(firstSeed, workload);
  const ask = { seeds: whole('seeds', values.seeds), firstSeed, minutes: whole('minutes', values.minutes) };
  return await simulateMany({ ...ask, processes, ...(workload === undefined ? {} : { workload }) });
}

async function simulateMany(options: {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly minutes: number;
  readonly processes: number;
  readonly workload?: string;
}): Promise<number> {
  const { seeds, firstSeed, minutes, processes, workload } = options;
  const startedAt = performance.now();
  const tally = newTally();
  const failures: SeedFailure[] = [];
  let seedCount = 0;
  let seed = firstSeed;
  let saidAt = startedAt;
  await runSeeds({
    processes,
    next: () => {
      if (seed >= firstSeed + seeds || performance.now() - startedAt > minutes * 60_000) return undefined;
      return { seed: seed++, ...(workload === undefined ? {} : { workload }) };
    },
    onOutcome: (outcome) => {
      seedCount++;
      addTally(tally, outcome.tally);
      if (outcome.failure !== undefined) {
        failures.push(outcome.failure);
        print(failureLines(outcome.failure).join('\n'));
      }
      if (performance.now() - saidAt < 10_000) return;
      saidAt = performance.now();
      print(`${seedCount} of ${seeds} seeds, ${failures.length} failed`);
    },
  });
  print(summaryText({ tally, seedCount, failures, elapsedMs: performance.now() - startedAt }));
  const isBlind =
    workload === undefined &&
    seedCount >= seedsForCoverage &&
    mustHaveSeen.some((name) => (tally.sometimes[name] ?? 0) === 0);
  return failures.length > 0 || isBlind ? 1 : 0;
}

/** One seed, once, with everything said aloud. */
async function trace(seed: number, workload: string | undefined): Promise<number> {
  const make = workload === undefined ? workloadFor : (workloads[workload] as typeof workloadFor);
  try {
    const { trace } = await runSimulation(seed, make(seed), print);
    print(`trace ${trace}`);
    return 0;
  } catch (error) {
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  }
}

async function provePlanted(processes: number, only: string | undefined, firstSeed: number): Promise<number> {
  const bugs = only === undefined ? plantedBugs : [bugNamed(only)].filter((bug) => bug !== undefined);
  if (bugs.length === 0) throw new Error(`there is no planted bug "${only}"`);
  let notFound = 0;
  for (const bug of bugs) {
    const found = await findBug(bug.name, processes, firstSeed);
    if (found === undefined) {
      notFound++;
      print(`NOT FOUND within ${plantedSeedsMax} seeds: ${bug.name}`);
    } else {
      print(
        `${String(found.seeds).padStart(5)} seeds  ${bug.name.padEnd(34)} ${found.failure.message.slice(0, 110)}`,
      );
    }
  }
  print(
    `${bugs.length - notFound} of ${bugs.length} planted bugs found within ${plantedSeedsMax} seeds each`,
  );
  return notFound === 0 ? 0 : 1;
}

async function findBug(
  planted: string,
  processes: number,
  firstSeed: number,
): Promise<{ readonly seeds: number; readonly failure: SeedFailure } | undefined> {
  let found: SeedOutcome | undefined;
  let seed = firstSeed;
  await runSeeds({
    processes,
    planted,
    next: () => (found !== undefined || seed >= firstSeed + plantedSeedsMax ? undefined : { seed: seed++ }),
    onOutcome: (outcome) => {
      if (outcome.failure !== undefined && (found === undefined || outcome.seed < found.seed))
        found = outcome;
    },
  });
  if (found?.failure === undefined) return undefined;
  return { seeds: found.seed - firstSeed + 1, failure: found.failure };
}

await runCommand('simulate', main);
