/** Looks at something again and again, each time so long after the look before it has ended, until it is stopped. */
import type { Clock } from './clock.js';

export class RecurringLook {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #look: () => Promise<unknown>;
  #isStopped = false;

  /** `look` rejects never: what it cannot see is for it to say. */
  constructor(clock: Clock, everyMs: number, look: () => Promise<unknown>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#look = look;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The first look is now. */
  start(): void {
    if (!this.#isStopped) void this.#look().then(() => this.startLater());
  }

  /** The first look is after the pause. */
  startLater(): void {
    if (!this.#isStopped) this.#clock.after(this.#everyMs, () => this.start());
  }

  /** What a look under way finds is still told. */
  stop(): void {
    this.#isStopped = true;
  }
}
