/**
 * The actors of one partition whose rows lack events, in buckets of adjacent keys.
 *
 * A sweep takes bucket after bucket, so every dirty row is written once per sweep, however often its actor changed, and
 * the rows of one slice lie on neighbouring pages.
 */
import type { Activation } from '../actor/activation.js';

export class DirtyRows {
  readonly #buckets: Activation[][];
  #count = 0;

  constructor(bucketCount: number) {
    this.#buckets = Array.from({ length: bucketCount }, () => []);
  }

  get count(): number {
    return this.#count;
  }

  get bucketCount(): number {
    return this.#buckets.length;
  }

  /** Puts an activation into its bucket; a no-op when it already stands there. */
  mark(activation: Activation): void {
    if (activation.dirty) return;
    activation.dirty = true;
    this.#buckets[bucketOf(activation.placement, this.#buckets.length)]?.push(activation);
    this.#count++;
  }

  /** Takes a bucket's activations out; they are clean until they change again. */
  take(bucket: number): readonly Activation[] {
    const taken = this.#buckets[bucket] ?? [];
    this.#buckets[bucket] = [];
    this.#count -= taken.length;
    for (const activation of taken) activation.dirty = false;
    return taken;
  }
}

/** Bucket of a placement hash: its highest bits, so that a bucket is one range of keys. */
export function bucketOf(placement: number, bucketCount: number): number {
  return Math.floor((placement / 0x1_0000_0000) * bucketCount);
}
