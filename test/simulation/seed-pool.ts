/**
 * Seeds over several processes, each with one at a time. A process that hangs or dies counts as a failure of its seed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { newTally } from '../../ops/simulation/run-tally.js';
import type { SeedOutcome } from '../../ops/simulation/simulate.js';
import type { SeedTask } from './seed-worker.js';

export interface SeedPoolOptions {
  readonly processes: number;
  /** The next task; undefined when there is none. */
  readonly next: () => SeedTask | undefined;
  readonly onOutcome: (outcome: SeedOutcome) => void;
  /** Name of a planted bug that the processes run with. */
  readonly planted?: string;
}

/** Real ms that one seed may take. */
const seedMsMax = 60_000;

/** Resolves when there is nothing more to do and every process has ended. */
export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.processes }, () => runWorker(options)));
}

async function runWorker(options: SeedPoolOptions): Promise<void> {
  let child: ChildProcess | undefined;
  for (let task = options.next(); task !== undefined; task = options.next()) {
    child ??= start(options.planted);
    const outcome = await outcomeOf(child, task);
    if (child.killed || child.exitCode !== null) child = undefined;
    options.onOutcome(outcome);
  }
  child?.disconnect();
}

function start(planted: string | undefined): ChildProcess {
  const plant = new URL('./planted/plant.js', import.meta.url).href;
  return fork(new URL('./seed-worker.js', import.meta.url), {
    execArgv: ['--enable-source-maps', ...(planted === undefined ? [] : ['--import', plant])],
    env: { ...process.env, ...(planted === undefined ? {} : { TROUPE_PLANTED: planted }) },
  });
}

function outcomeOf(child: ChildProcess, task: SeedTask): Promise<SeedOutcome> {
  return new Promise((resolve) => {
    const failed = (message: string) => {
      const failure = { seed: task.seed, workload: task.workload ?? 'of its seed', message, stack: message };
      done({ seed: task.seed, tally: newTally(), failure });
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(`the seed did not end within ${seedMsMax / 1_000} s`);
    }, seedMsMax);
    const onExit = (code: number | null) => failed(`the process ended with ${code}`);
    const done = (outcome: SeedOutcome) => {
      clearTimeout(timer);
      child.off('message', done);
      child.off('exit', onExit);
      resolve(outcome);
    };
    child.once('message', done);
    child.once('exit', onExit);
    child.send(task);
  });
}
