/**
 * Reads of the journal that answer calls: a few at a time, in their order.
 *
 * Side by side, a hundred long histories would all be late, their callers gone and asking again while each is read to its end.
 * One after the other, most are in time; what has waited past its deadline is not read at all.
 */
import type { Clock } from '../clock.js';

/** One of `begin`, `expire` and `forget` is called, once, in a turn of the shard. */
export interface QueuedRead {
  /** Monotonic ms. */
  readonly deadlineAt: number;
  /** Calls `done` once, in the turn that answers the call. */
  begin(done: () => void): void;
  /** Its deadline has passed before it began. */
  expire(): void;
  /** The domain was reset before it began. */
  forget(): void;
}

export class ReadQueue {
  readonly #clock: Clock;
  readonly #underWayMax: number;
  /** No more than the calls that a shard holds unanswered: those at the front whose callers have gone leave with each that comes. */
  readonly #waiting: QueuedRead[] = [];
  #underWay = 0;

  constructor(clock: Clock, underWayMax: number) {
    this.#clock = clock;
    this.#underWayMax = underWayMax;
  }

  /** Reads that wait or are under way. */
  get count(): number {
    return this.#waiting.length + this.#underWay;
  }

  add(read: QueuedRead): void {
    this.#waiting.push(read);
    this.#next();
  }

  reset(): void {
    for (const read of this.#waiting.splice(0)) read.forget();
  }

  #next(): void {
    this.#dropExpired();
    while (this.#underWay < this.#underWayMax) {
      const read = this.#waiting.shift();
      if (read === undefined) return;
      this.#underWay++;
      read.begin(() => {
        this.#underWay--;
        this.#next();
      });
      this.#dropExpired();
    }
  }

  #dropExpired(): void {
    const now = this.#clock.monotonic();
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || now <= first.deadlineAt) return;
      this.#waiting.shift();
      first.expire();
    }
  }
}
