/**
 * When the requests of an open loop are due: fixed by rate, gaps and seed, whatever the server does.
 */
import { xorshift } from './seeded-random.js';

export interface ScheduleOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Exponential gaps (independent users) or all equal. */
  readonly gaps: 'poisson' | 'constant';
  readonly seed: number;
  /** Monotonic ms: the first request is due at `from`, none at or after `until`. */
  readonly from: number;
  readonly until: number;
}

export class ArrivalSchedule {
  readonly #options: ScheduleOptions;
  readonly #random: () => number;
  /** Monotonic ms at which the next request is due. */
  next: number;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#random = xorshift(options.seed);
    this.next = options.from;
  }

  get isOver(): boolean {
    return this.next >= this.#options.until;
  }

  isDue(now: number): boolean {
    return this.next <= now && !this.isOver;
  }

  advance(): void {
    const mean = 1_000 / this.#options.rate;
    this.next += this.#options.gaps === 'constant' ? mean : -mean * Math.log(1 - this.#random());
  }

  /** About how many are due by now and not taken. */
  backlog(now: number): number {
    const lateMs = Math.min(now, this.#options.until) - this.next;
    return Math.max(0, Math.floor((lateMs * this.#options.rate) / 1_000));
  }

  /** Takes all that are left and counts them. */
  takeRest(): number {
    let count = 0;
    for (; !this.isOver; this.advance()) count++;
    return count;
  }
}
