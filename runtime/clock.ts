/**
 * Time and turns, handed to the runtime so that a simulator can own them.
 */

/** Cancels a pending timer; a second call does nothing. */
export type CancelTimer = () => void;

export interface Clock {
  /** Wall clock, Unix ms. Only for `ctx.now` and due times; never for durations. */
  now(): number;
  /** Monotonic ms with fractions; for durations and deadlines. */
  monotonic(): number;
  /** Calls once after at least `delayMs` (any length; the clock splits what its timers cannot hold). Does not keep a process alive. */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Calls at the end of the current turn of the event loop, after I/O callbacks that are ready. */
  defer(run: () => void): void;
}

/** Randomness for ids and jitter. */
export interface Random {
  /** `count` fresh random bytes. */
  bytes(count: number): Uint8Array;
  /** In [0, 1). */
  fraction(): number;
}

/** What the core reports; `ops` turns it into log lines. `event` is a short stable name, `details` holds no payloads. */
export type Report = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  details?: Readonly<Record<string, unknown>>,
) => void;
