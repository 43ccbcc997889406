/**
 * Whether a thread waits for its writes itself, blocked, or lets another one do them and goes on.
 *
 * Two threads that wake each other cost more than a good disk does: its answer stands in the queue of the one that waits, behind
 * whatever that one has begun meanwhile. A slow disk is worth the detour.
 */

/** Of the best of the last writes: the others waited for a processor as well. */
const worthMs = 0.5;
const bestOf = 16;
/** One that took longer ends the patience at once: with the disk the whole thread would hang. */
const tooLongMs = 10;
/** While the disk is slow, one write of so many is waited for, to see whether it still is. */
const tryEvery = 64;

export class DiskPatience {
  #isWorthIt = true;
  #passedOn = 0;
  #waited = 0;
  #bestMs = Number.POSITIVE_INFINITY;

  /** Called once per write: whether to wait for it, and tell how long that took. */
  decide(): boolean {
    if (this.#isWorthIt) return true;
    this.#passedOn = (this.#passedOn + 1) % tryEvery;
    return this.#passedOn === 0;
  }

  took(ms: number): void {
    this.#bestMs = Math.min(this.#bestMs, ms);
    if (this.#isWorthIt && ++this.#waited < bestOf && ms <= tooLongMs) return;
    this.#isWorthIt = this.#bestMs <= worthMs && ms <= tooLongMs;
    this.#waited = 0;
    this.#bestMs = Number.POSITIVE_INFINITY;
  }
}
