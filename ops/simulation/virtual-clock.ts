/**
 * Time and turns as a test owns them: nothing passes and nothing runs unless the test says so.
 *
 *     deferred   in the order of the calls, as `setImmediate` keeps them; drawn from the seed when there is one
 *     timers     by due time; which of those that are due at one moment comes first is drawn from the seed
 *
 * Whoever shares a seeded clock among threads gives each one its `ThreadClock`, which keeps the order of that thread's turns.
 *
 * V1  Between two callbacks every promise that can settle has settled: what runs next never depends on the machine.
 * V2  Time moves only when nothing is ready, to the next timer, and never past what the caller asked for.
 * V3  The wall clock can be set apart from the monotonic one; timers follow the monotonic.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { CancelTimer, Clock } from '../../runtime/clock.js';

interface Timer {
  readonly dueAt: number;
  readonly run: () => void;
}

/** Virtual ms after which `until` gives up. */
const patienceMs = 120_000;
/** Callbacks without time passing after which a schedule counts as a loop that never ends. */
const stepsPerMomentMax = 100_000;

export class VirtualClock implements Clock {
  readonly #fraction: () => number;
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #deferred: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  /** Callbacks run so far. */
  steps = 0;
  #stepsThisMoment = 0;

  /** `fraction` draws among what is ready at one moment; by default the first asked for comes first. */
  constructor(options: { readonly startsAt?: number; readonly fraction?: () => number } = {}) {
    this.#wallOffsetMs = options.startsAt ?? Date.UTC(2026, 0, 2, 3, 4, 5);
    this.#fraction = options.fraction ?? (() => 0);
  }

  now(): number {
    return Math.floor(this.#monotonicMs + this.#wallOffsetMs);
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): CancelTimer {
    const timer = { dueAt: this.#monotonicMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Moves the wall clock without any time passing (V3). */
  setWallClock(now: number): void {
    this.#wallOffsetMs = now - this.#monotonicMs;
  }

  /** Drops everything that waits: the process this clock belonged to is gone. */
  forget(): void {
    this.#deferred = [];
    this.#timers.clear();
  }

  /** Runs what is ready now and what follows from it, without time passing. */
  async settle(): Promise<void> {
    while (await this.#step(this.#monotonicMs));
  }

  /** Runs at most so many callbacks of those that are ready, for a schedule that never comes to rest. */
  async run(stepsMax: number): Promise<void> {
    for (let steps = 0; steps < stepsMax && (await this.#step(this.#monotonicMs)); steps++);
  }

  /** Lets `ms` pass, running what falls due. */
  async advance(ms: number): Promise<void> {
    const until = this.#monotonicMs + ms;
    while (await this.#step(until));
    this.#monotonicMs = until;
    this.#stepsThisMoment = 0;
  }

  /**
   * Lets time pass until `isDone`, and not a moment longer: asked before each callback, when everything has settled (V1).
   * Throws when that takes longer than `maxMs` of virtual time, or nothing is left to run.
   */
  async until(isDone: () => boolean, maxMs = patienceMs): Promise<void> {
    const until = this.#monotonicMs + maxMs;
    await turnOfTheLoop();
    while (!isDone()) {
      if (!this.#runNext(until)) throw new Error(`not reached within ${maxMs} ms of virtual time: ${isDone}`);
      await turnOfTheLoop();
    }
  }

  /** Lets time pass until the promise has settled, and gives its value. */
  async settled<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.until(() => isSettled);
    return promise;
  }

  /** Runs one callback that is due by `until`; false when there is none. */
  async #step(until: number): Promise<boolean> {
    // Everything that promises can do by themselves is done before the next callback (V1).
    await turnOfTheLoop();
    return this.#runNext(until);
  }

  #runNext(until: number): boolean {
    if (this.#deferred.length > 0) {
      const [deferred] = this.#deferred.splice(Math.floor(this.#fraction() * this.#deferred.length), 1);
      this.#run(deferred as () => void);
      return true;
    }
    const timer = this.#nextTimer();
    if (timer === undefined || timer.dueAt > until) return false;
    if (timer.dueAt > this.#monotonicMs) {
      this.#monotonicMs = timer.dueAt;
      this.#stepsThisMoment = 0;
    }
    this.#timers.delete(timer);
    this.#run(timer.run);
    return true;
  }

  #run(callback: () => void): void {
    this.steps++;
    if (++this.#stepsThisMoment > stepsPerMomentMax) throw new Error('the schedule never comes to rest');
    callback();
  }

  #nextTimer(): Timer | undefined {
    let dueAt = Number.POSITIVE_INFINITY;
    let due: Timer[] = [];
    for (const timer of this.#timers) {
      const at = Math.max(timer.dueAt, this.#monotonicMs);
      if (at > dueAt) continue;
      if (at < dueAt) due = [];
      dueAt = at;
      due.push(timer);
    }
    return due.length === 1 ? due[0] : due[Math.floor(this.#fraction() * due.length)];
  }
}
