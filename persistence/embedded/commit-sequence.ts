/**
 * The numbers that changes of fence and mark records get as their LMDB versions, and that entries are keyed by.
 *
 * Q1  A number is given out once. Two stores open at the same time have different writer numbers in the low bits, so the
 *     version that a stale owner expects of its own group under way is never one that the new owner wrote.
 * Q2  A record's numbers rise.
 * Q3  Numbers of all threads follow the clock, so what they write lies together at the end of the log.
 */
import type { StoreClock } from '../store-clock.js';

/** Stores open at once in one process, each thread counting as one. */
export const writersMax = 256;
/** 16 groups of one thread in a ms; beyond that it runs ahead of the clock. */
const ticksPerMs = 16;
/** 2024-01-01: leaves 53 bits enough until 2093. */
const firstMs = 1_704_067_200_000;

export class CommitSequence {
  readonly #clock: StoreClock;
  readonly #writer: number;
  #lastTick = 0;

  /** `opening`: of `writersMax` in a row each gets another number, which is all that Q1 needs. */
  constructor(clock: StoreClock, opening: number) {
    this.#clock = clock;
    this.#writer = opening % writersMax;
  }

  /** Above every number in `above` and everything this writer was given. */
  next(above: readonly number[]): number {
    let tick = Math.max(this.#lastTick + 1, Math.floor((this.#clock.now() - firstMs) * ticksPerMs));
    for (const number of above) {
      const taken = Math.floor(number / writersMax);
      if (taken >= tick) tick = taken + 1;
    }
    this.#lastTick = tick;
    return tick * writersMax + this.#writer;
  }
}
