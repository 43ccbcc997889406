/**
 * Timeout, retry and bulkhead for one activity: the door of cockatiel. Everything it throws leaves as an error with a
 * code of the registry.
 *
 *     repeat ── limit ── (breaker, the caller's) ── timed ── adapter
 *
 * Cockatiel keeps time by the platform's own timers: what runs in a simulation brings its own `Activities`.
 */
import {
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  DelegateBackoff,
  handleWhen,
  type RetryPolicy,
  retry,
  TaskCancelledError,
  type TimeoutPolicy,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import { OperatingError } from '../../actors/model/errors.js';
import type { Random } from '../clock.js';

export interface ResilienceSettings {
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retryDelayMs: number;
  readonly concurrencyMax: number;
  readonly queueMax: number;
}

export interface ResilienceOptions {
  readonly settings: ResilienceSettings;
  readonly random: Pick<Random, 'fraction'>;
  /** Whether another attempt may succeed where one ended with this. */
  readonly mayRepeat: (error: unknown) => boolean;
}

export class Resilience {
  readonly #settings: ResilienceSettings;
  readonly #retry: RetryPolicy;
  readonly #bulkhead: BulkheadPolicy;
  readonly #timeout: TimeoutPolicy;

  constructor({ settings, random, mayRepeat }: ResilienceOptions) {
    const { timeoutMs, attemptsMax, retryDelayMs, concurrencyMax, queueMax } = settings;
    this.#settings = settings;
    this.#retry = retry(handleWhen(mayRepeat), {
      maxAttempts: attemptsMax - 1,
      // `attempt` counts from 1 here. Never sooner than row 72 says; what comes on top keeps callers apart.
      backoff: new DelegateBackoff(
        ({ attempt }) => retryDelayMs * 2 ** (attempt - 1) * (1 + random.fraction() / 2),
      ),
      // A process that ends does not wait for it.
    }).dangerouslyUnref();
    this.#bulkhead = bulkhead(concurrencyMax, queueMax);
    this.#timeout = timeout(timeoutMs, TimeoutStrategy.Aggressive).dangerouslyUnref();
  }

  /** Attempts until one resolves, none may follow, or the signal is aborted; `attempt` counts from 0. */
  repeat<T>(run: (attempt: number) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#retry.execute(({ attempt }) => {
      // Cockatiel sleeps on after an abort and then asks once more.
      signal.throwIfAborted();
      return run(attempt);
    }, signal);
  }

  /** Waits for a free place, or throws `bulkhead-full` when too many wait already. */
  async limit<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await this.#bulkhead.execute(run, signal);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      const { concurrencyMax, queueMax } = this.#settings;
      const detail = `${concurrencyMax} calls are under way and ${queueMax} wait`;
      throw new OperatingError('bulkhead-full', detail);
    }
  }

  /** Throws `outcome-unknown` when the time is over; the signal that `run` is given is aborted then. */
  async timed<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await this.#timeout.execute((context) => run(context.signal), signal);
    } catch (error) {
      // `isTaskCancelledError` of 3.2.1 looks for another error's mark and is never true.
      if (!(error instanceof TaskCancelledError)) throw error;
      signal.throwIfAborted();
      throw new OperatingError('outcome-unknown', `no answer within ${this.#settings.timeoutMs} ms`);
    }
  }

  get placesFree(): number {
    return this.#bulkhead.executionSlots;
  }

  get waiting(): number {
    return this.#settings.queueMax - this.#bulkhead.queueSlots;
  }
}
