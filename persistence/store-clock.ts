/** The part of a clock that drivers need; the runtime's `Clock` is one. */
export interface StoreClock {
  /** Unix ms. */
  now(): number;
  /** Calls `run` once after at least `delayMs`; the returned function cancels. Does not keep a process alive. */
  after(delayMs: number, run: () => void): () => void;
}
