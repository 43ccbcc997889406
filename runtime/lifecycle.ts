/**
 * Where a shard stands between its start and its end.
 *
 *     closed ──open──▸ open ──refused──▸ reopening ──▸ open, or stopping when that was asked for meanwhile
 *                       └──stop──▸ stopping ──▸ stopped
 *
 * Whoever is fenced, or gives up opening again, is stopped from any of them.
 */
export type ShardPhase = 'closed' | 'open' | 'reopening' | 'stopping' | 'stopped';

export class Lifecycle {
  readonly #onPhase: (phase: ShardPhase) => void;
  #phase: ShardPhase = 'closed';
  #isStopAsked = false;

  constructor(onPhase: (phase: ShardPhase) => void) {
    this.#onPhase = onPhase;
  }

  get phase(): ShardPhase {
    return this.#phase;
  }

  /** The shard has its partitions. */
  get isServing(): boolean {
    return this.#phase === 'open' || this.#phase === 'stopping';
  }

  enter(phase: ShardPhase): void {
    this.#phase = phase;
    this.#onPhase(phase);
  }

  /** From here on the shard only ends what has begun. False when it was told so before, or has stopped. */
  askStop(): boolean {
    if (this.#phase === 'stopped' || this.#isStopAsked) return false;
    this.#isStopAsked = true;
    if (this.#phase !== 'reopening') this.enter('stopping');
    return true;
  }

  /** The partitions are open again. */
  reopened(): void {
    this.enter(this.#isStopAsked ? 'stopping' : 'open');
  }
}
