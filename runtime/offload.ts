/**
 * A small pool of threads for work that would hold up a thread which serves: checking and packing a log, a heavy model. A task
 * is the default export of a module, named by its URL; data go in and come back as structured clones.
 *
 * U1  At most `threads` tasks run and `tasksWaitingMax` wait; the next one is refused with `overloaded`.
 * U2  Threads are started when there is work and end after a while without; an idle pool costs nothing.
 * U3  `close` lets what runs come to its end, so that no thread is stopped with a store open. A task that was given a signal
 *     says that its thread may be: an abort stops it in the middle, or takes the task out of the queue.
 */
import { Piscina } from 'piscina';
import { OperatingError } from '../actors/model/errors.js';

/** Callers hand in work in pieces and wait for answers: more than this is a caller without a bound of its own. */
export const tasksWaitingMax = 1_024;
/** A new thread loads and compiles its code again, tens of ms of a core that others serve on. */
const idleMs = 60_000;
const nothing = new URL('./offload-nothing.js', import.meta.url);
const closeMs = 60_000;

export interface Offload {
  /** Resolves with what the task returns; rejects with what it throws, whose class and own properties are lost on the way. */
  run<Result>(task: URL, data: unknown, signal?: AbortSignal): Promise<Result>;
  /** Resolves when the last task has ended and the threads are gone. */
  close(): Promise<void>;
}

export function createOffload({ threads }: { readonly threads: number }): Offload {
  const pool = new Piscina({
    minThreads: 0,
    maxThreads: threads,
    // And the one that wakes.
    maxQueue: tasksWaitingMax + 1,
    idleTimeout: idleMs,
    closeTimeout: closeMs,
    recordTiming: false,
  });
  /** Piscina 5.3.2 ends the thread of an aborted task and starts none for those that wait: only another task does. */
  const wake = (): void => {
    if (pool.queueSize === 0 || pool.threads.length > 0) return;
    // A pool that is closing refuses it, and what waits with it.
    pool.run(undefined, { filename: nothing.href }).catch(() => undefined);
  };
  return {
    async run<Result>(task: URL, data: unknown, signal?: AbortSignal): Promise<Result> {
      if (pool.queueSize >= tasksWaitingMax)
        throw new OperatingError('overloaded', `${tasksWaitingMax} tasks wait for a thread`);
      // What a task returns is between it and its caller; the pool knows nothing of it.
      if (signal === undefined) return (await pool.run(data, { filename: task.href })) as Result;
      try {
        return (await pool.run(data, { filename: task.href, signal })) as Result;
      } finally {
        if (signal.aborted) wake();
      }
    },
    close: () => pool.close(),
  };
}
