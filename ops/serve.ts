/**
 * A node as a process: signals, the supervisor's channel, crashes, exit codes.
 *
 * P1  The first SIGTERM, SIGINT or loss of the supervisor stops the node in order; further ones change nothing.
 * P2  Whatever nobody caught ends the process with code 1: the supervisor's new process recovers from the journal,
 *     which is more certain than a process that goes on with a broken invariant.
 * P3  A node that has lost a shard is ended by SIGKILL: an exit waits for every thread, and one whose embedded store has broken may
 *     wait for ever, for a lock that LMDB's failed write still holds.
 */
import { banner } from './banner.js';
import { exitCodes } from './exit-codes.js';
import { type NodeOptions, type RunningNode, startNode } from './start.js';
import { isStartRefusal } from './start-refusal.js';

/** Answers under way get this long (design.md §6). */
const stopDeadlineMs = 20_000;
/** A supervisor that is gone may be back as another process that wants the store. */
const orphanDeadlineMs = 2_000;

/** Runs a node until it is told to stop. Resolves to the exit code. */
export async function serve(options: Omit<NodeOptions, 'onFatal'>): Promise<number> {
  const { report } = options;
  const crash = (error: unknown): never => {
    report('error', 'crashed', { error });
    process.exit(exitCodes.crashed);
  };
  const kill = (error: unknown): void => {
    report('error', 'crashed', { error });
    process.kill(process.pid, 'SIGKILL');
  };
  // Also reached by promises that nobody awaits: Node makes exceptions of their rejections.
  process.on('uncaughtException', crash);
  const toldToStop = awaitStop();
  let node: RunningNode;
  try {
    node = await startNode({ ...options, onFatal: kill });
  } catch (error) {
    if (!isStartRefusal(error)) return crash(error);
    // One clear line; the collected lines of production get it as well, and --log-level debug shows where it arose.
    report(options.config.mode === 'production' ? 'error' : 'debug', 'start-refused', { error: error.cause });
    process.stderr.write(`troupe: ${error.message}\n`);
    return exitCodes.refused;
  }
  if (options.config.mode === 'development') process.stderr.write(`\n${banner(node.facts)}\n`);

  const deadlineMs = await toldToStop;
  try {
    return (await node.stop(deadlineMs)) ? exitCodes.stopped : exitCodes.crashed;
  } catch (error) {
    return crash(error);
  }
}

/** Resolves to the time left for stopping, with the first reason to (P1). */
function awaitStop(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => resolve(stopDeadlineMs));
    }
    process.on('disconnect', () => resolve(orphanDeadlineMs));
    // Gone already, before this process had come so far; `undefined` where there never was one.
    if (process.connected === false) resolve(orphanDeadlineMs);
  });
}
