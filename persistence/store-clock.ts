/**
 * Runs a call that blocks its thread for the time of a trip to the disk, and lets whoever watches the thread know. Given to a store by a
 * thread that has nothing to do but its appends; the others never block.
 */
export type BlockingCall = <Result>(call: () => Result) => Result;

/** The part of a clock that drivers need; the runtime's `Clock` is one. */
export interface StoreClock {
  /** Unix ms. */
  now(): number;
  /** Calls `run` once after at least `delayMs`; the returned function cancels. Does not keep a process alive. */
  after(delayMs: number, run: () => void): () => void;
}
