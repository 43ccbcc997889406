/**
 * The real time and the real randomness, for the main thread and for every shard thread.
 */
import { randomFillSync } from 'node:crypto';
import type { CancelTimer, Clock, Random } from '../runtime/clock.js';

/** The longest delay a Node timer holds; a longer one would fire at once. */
const timerDelayMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  defer: (run) => {
    setImmediate(run);
  },
};

/**
 * Never early: Node rounds delays down to its own millisecond tick, so a timer may fire a fraction before its time. What
 * is left is then waited for again, as is what exceeds the longest delay a timer holds.
 */
function after(delayMs: number, run: () => void): CancelTimer {
  const dueAt = performance.now() + delayMs;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const remaining = dueAt - performance.now();
    timer = setTimeout(fire, Math.min(Math.max(0, Math.ceil(remaining)), timerDelayMsMax)).unref();
  };
  const fire = (): void => {
    if (performance.now() < dueAt) arm();
    else run();
  };
  arm();
  return () => clearTimeout(timer);
}

/** Ids are small and frequent: one call to the kernel's generator serves many of them. */
const poolBytes = 4096;
const pool = new Uint8Array(poolBytes);
let taken = poolBytes;

export const systemRandom: Random = {
  bytes: (count) => {
    if (count > poolBytes) return randomFillSync(new Uint8Array(count));
    if (taken + count > poolBytes) {
      randomFillSync(pool);
      taken = 0;
    }
    taken += count;
    // A copy: the pool is filled again under whoever would keep a view of it.
    return pool.slice(taken - count, taken);
  },
  fraction: () => Math.random(),
};
