/**
 * The small parent of `troupe start`: runs the server as a child process and starts it again when it crashes, because an
 * embedded store answers some failures only with a new process.
 *
 * V1  SIGTERM and SIGINT reach the child as one SIGTERM, however often they come (a terminal sends SIGINT to both, npm
 *     sends it twice); the parent then exits with the child's code and never starts another.
 * V2  A child that will not stop is killed `killAfterMs` after the signal: longer than its own deadline, so only a
 *     child that hangs meets it.
 * V3  The child holds the other end of a channel and stops when it closes: a parent killed with -9 leaves nobody behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Clock, Random, Report } from '../runtime/clock.js';
import { exitCodes } from './exit-codes.js';
import { type ChildEnd, nextStep, type RestartLimits, restartLimits } from './restart-policy.js';

export interface SupervisorOptions {
  /** Arguments of `node`, the script first. */
  readonly args: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly limits?: RestartLimits;
  /** Default 25 s. */
  readonly killAfterMs?: number;
}

const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Resolves to the exit code that the parent should end with. */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { clock, random, report, limits = restartLimits, killAfterMs = 25_000 } = options;
  let child: ChildProcess | undefined;
  let isStopping = false;
  let wake = (): void => {};

  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    child?.kill('SIGTERM');
    clock.after(killAfterMs, () => child?.kill('SIGKILL'));
    wake();
  };
  for (const signal of stopSignals) process.on(signal, stop);

  try {
    for (let fastFailures = 0; ; ) {
      child = start(options.args);
      const end = await ended(child, clock);
      if (isStopping) return end.code ?? exitCodes.crashed;
      const next = nextStep(end, { fastFailures, jitter: random.fraction(), limits });
      const facts = { exit_code: end.code, signal: end.signal, lived_ms: Math.round(end.livedMs) };
      if (next.type === 'exit') return next.code;
      if (next.type === 'give-up') {
        report('error', 'server-given-up', { ...facts, fast_failures: next.fastFailures });
        return exitCodes.crashed;
      }
      fastFailures = next.fastFailures;
      report('warn', 'server-restarting', { ...facts, delay_ms: Math.round(next.delayMs) });
      await new Promise<void>((resolve) => {
        // A timer of its own: the clock's do not keep the process alive, and now nothing else does.
        const timer = setTimeout(resolve, next.delayMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (isStopping) return exitCodes.stopped;
    }
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}

/**
 * Node's pool has four threads, and its size is fixed before a program runs. Flushes wait in it, up to four at a time per
 * shard; with four threads a commit waited for the tables' flushes. Idle ones cost nothing but their stacks.
 */
export const poolThreads = 16;

/**
 * How much the old generation of a heap may grow, in percent of what lived in it, before V8 collects it. Left to itself V8 does so
 * every two or three seconds of load, and for a fifth of a second marking takes a core from the threads that work. Measured on two
 * cores, transfers at half load: p99 43–60 ms by V8's own rule, 18–22 ms with 800, for 150–230 MB more of memory. A heap stays
 * within its limit whatever this says.
 */
const heapGrowingPercent = 800;

/**
 * Arguments of `node` for the server. V8 collects garbage in helper threads, four by default: on two cores they take the place of
 * the shard whose garbage it is and of the gateway. So one core is left to the threads that work. Measured on two: deposits at
 * half load, p99 with one helper 22 ms, with four 28–45 ms; the rate of transfers is the same or a little better.
 */
export function serverNodeArgs(): string[] {
  const helpers = Math.max(1, Math.min(4, availableParallelism() - 1));
  return [`--v8-pool-size=${helpers}`, `--heap-growing-percent=${heapGrowingPercent}`];
}

function start(args: readonly string[]): ChildProcess {
  // `node --watch` counts the files of processes that carry this variable; the child is no process of its own making.
  const { WATCH_REPORT_DEPENDENCIES: _, ...inherited } = process.env;
  const env = { UV_THREADPOOL_SIZE: String(poolThreads), ...inherited };
  // Whoever starts the parent with a size of their own has the last word.
  return spawn(process.execPath, [...serverNodeArgs(), ...process.execArgv, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env,
  });
}

function ended(child: ChildProcess, clock: Clock): Promise<ChildEnd> {
  const startedAt = clock.monotonic();
  return new Promise((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null): void =>
      resolve({ code, signal, livedMs: clock.monotonic() - startedAt });
    child.once('exit', end);
    // The program itself could not be started; what `exit` would have said.
    child.once('error', () => {
      if (child.pid === undefined) end(null, null);
    });
  });
}
