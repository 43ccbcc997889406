/**
 * Time and turns as a test owns them: nothing passes and nothing runs unless the test says so.
 *
 *     deferred   in the order of the calls, as `setImmediate` keeps them: links rely on it
 *     timers     by due time; which of those that are due at one moment comes first is drawn from the seed
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

  /** `fraction` draws among timers of one moment; by default the first armed comes first. */
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
    for (let steps = 0; await this.#step(this.#monotonicMs); steps++) {
      if (steps > stepsPerMomentMax) throw new Error('the schedule never comes to rest');
    }
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
  }

  /** Lets time pass until `isDone`. Throws when that takes longer than `maxMs` of virtual time, or nothing is left to run. */
  async until(isDone: () => boolean, maxMs = patienceMs): Promise<void> {
    const until = this.#monotonicMs + maxMs;
    await turnOfTheLoop();
    while (!isDone()) {
      if (!(await this.#step(until)))
        throw new Error(`not reached within ${maxMs} ms of virtual time: ${isDone}`);
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
    const deferred = this.#deferred.shift();
    if (deferred !== undefined) {
      this.#run(deferred);
      return true;
    }
    const timer = this.#nextTimer();
    if (timer === undefined || timer.dueAt > until) return false;
    this.#monotonicMs = Math.max(this.#monotonicMs, timer.dueAt);
    this.#timers.delete(timer);
    this.#run(timer.run);
    return true;
  }

  #run(callback: () => void): void {
    this.steps++;
    callback();
  }

  #nextTimer(): Timer | undefined {
    let dueAt = Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) dueAt = Math.min(dueAt, timer.dueAt);
    const first = Math.max(dueAt, this.#monotonicMs);
    const due = [...this.#timers].filter((timer) => timer.dueAt <= first);
    return due[Math.floor(this.#fraction() * due.length)];
  }
}
