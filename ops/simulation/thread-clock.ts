/**
 * The clock and the event loop of one simulated thread, on the time that all threads of a simulation share.
 *
 * K1  What one thread defers runs in the order of its calls; which of several threads goes next is the shared clock's draw.
 * K2  A paused thread runs nothing: what falls due waits, in order, until it is resumed (SIGSTOP). A killed one runs
 *     nothing ever again (SIGKILL).
 * K3  Its wall clock may be off; its monotonic one is not.
 */
import type { CancelTimer, Clock } from '../../runtime/clock.js';
import type { VirtualClock } from './virtual-clock.js';

export class ThreadClock implements Clock {
  readonly #world: VirtualClock;
  readonly #wall: () => number;
  /** In the order of the calls; each stands for one turn asked of the shared clock. */
  readonly #deferred: (() => void)[] = [];
  readonly #held: (() => void)[] = [];
  #state: 'running' | 'paused' | 'killed' = 'running';

  /** `skewMs` is what the wall clock is off by; asked at each reading. */
  constructor(world: VirtualClock, skewMs: () => number = () => 0) {
    this.#world = world;
    this.#wall = () => world.now() + skewMs();
  }

  now(): number {
    return this.#wall();
  }

  monotonic(): number {
    return this.#world.monotonic();
  }

  after(delayMs: number, run: () => void): CancelTimer {
    let isCancelled = false;
    const cancel = this.#world.after(delayMs, () =>
      this.#run(() => {
        if (!isCancelled) run();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
    this.#world.defer(() => this.#run(() => this.#deferred.shift()?.()));
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    for (const run of this.#held.splice(0)) this.#world.defer(() => this.#run(run));
  }

  kill(): void {
    this.#state = 'killed';
    this.#held.length = 0;
    this.#deferred.length = 0;
  }

  #run(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'paused') this.#held.push(run);
  }
}
