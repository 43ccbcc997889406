/**
 * The ids of the last day in a fixed budget of memory: four Bloom filters that take turns. A new one begins after eight
 * hours, or earlier when the present one is full, and takes the place of the oldest.
 *
 * G1  An id is held at least for as long as its generation `isLive`: 24 hours, unless more ids than three quarters of the
 *     capacity came in that time.
 * G2  Memory is `bytes` from the start. Changing generations clears a quarter of it (64 MB take about 10 ms).
 */
import { BloomFilter, bitsPerId } from './bloom-filter.js';

export const generationCount = 4;
/** Four of these outlast a retention of 24 hours wherever in its generation an id came. */
export const generationSpanMs = 8 * 3_600_000;

/** Memory that holds `ids` for the whole retention: three generations of four are always complete. */
export function filterBytesFor(ids: number): number {
  return Math.ceil((ids * bitsPerId) / 8 / (generationCount - 1)) * generationCount;
}

export class FilterGenerations {
  readonly #filters: readonly BloomFilter[];
  #generation = 0;
  #beganAt = Number.NEGATIVE_INFINITY;

  constructor(bytes: number) {
    this.#filters = Array.from({ length: generationCount }, () => new BloomFilter(bytes / generationCount));
  }

  /** Number of the present generation; rises with each change. */
  get generation(): number {
    return this.#generation;
  }

  /** Ids of all generations together at the intended rate of false positives. */
  get capacity(): number {
    return this.#current.capacity * generationCount;
  }

  isLive(generation: number): boolean {
    return generation > this.#generation - generationCount;
  }

  /** Adds an id as of `at` (Unix ms) and returns the generation that holds it. */
  add(high: number, low: number, at: number): number {
    if (this.#beganAt === Number.NEGATIVE_INFINITY) this.#beganAt = at;
    if (at >= this.#beganAt + generationSpanMs || this.#current.count >= this.#current.capacity)
      this.#change(at);
    this.#current.add(high, low);
    return this.#generation;
  }

  /** True for every id of a live generation, and for a few others. */
  mayHold(high: number, low: number): boolean {
    // Most often one generation has ids and the others are empty: each look not made saves a miss of the processor's cache.
    for (const filter of this.#filters) if (filter.count > 0 && filter.mayHold(high, low)) return true;
    return false;
  }

  get #current(): BloomFilter {
    // There is one for every remainder.
    return this.#filters[this.#generation % generationCount] as BloomFilter;
  }

  #change(at: number): void {
    this.#generation += 1;
    this.#beganAt = Math.max(at, this.#beganAt);
    this.#current.clear();
  }
}
