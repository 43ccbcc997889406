/**
 * Calls one activity: attempts within its policies, what each says about the provider, and what came of the whole.
 *
 *     an attempt ends with             the circuit hears   then
 *     a result of the schema           success             the outcome is the result
 *     a declared rejection             success             the outcome is the rejection: it is final (decision D4)
 *     anything else that it returns    failure             `outcome-unknown`: it did something, who knows what
 *     an error with a code             failure             another attempt, if its code admits one
 *     any other error, or no answer    failure             the same, as `outcome-unknown`
 *     a code of `excludedCodes`        excluded            the same
 *     the caller's giving up           excluded            the outcome is given up; at the deadline: failure
 *     no place (bulkhead-full)         –                   the outcome is the failure: the bulkhead is there to say so
 *     no circuit (circuit-open)        –                   the outcome is the failure: its time is longer than a retry
 *
 * K1  Once an attempt may have taken effect, no later failure hides it: the outcome stays `outcome-unknown` until an
 *     attempt under the same key is answered (A2).
 * K2  A call given up is answered at once, whatever sleeps or waits for it.
 */
import type { ActivityFailure, ActivityOutcome, AnyAdapter } from '../../actors/model/activity.js';
import { type ErrorCode, errorEntry, isOperatingError, OperatingError } from '../../actors/model/errors.js';
import type { Rejection } from '../../actors/model/message.js';
import type { Clock, Random, Report } from '../clock.js';
import { type LatencyHistogram, newHistogram, observe } from '../counters.js';
import type { ActivityRequest } from './activities.js';
import type { ActivityPlan } from './activity-plan.js';
import { Breaker, type BreakerMetrics, type StateChangeListener } from './breaker.js';
import { Resilience } from './resilience.js';

type AdapterFunction = AnyAdapter[string];

/** What one activity counts, for whoever exports metrics. */
export interface ActivityMetrics {
  readonly port: string;
  readonly activity: string;
  /** Calls that ended, by `result`, `fallback`, `rejected`, or the code of the failure. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly attempts: number;
  /** Whole calls, attempts and waits included. */
  readonly latency: LatencyHistogram;
  readonly placesFree: number;
  readonly waiting: number;
  readonly breaker: BreakerMetrics | undefined;
}

export interface ActivityCallerOptions {
  readonly plan: ActivityPlan;
  readonly adapter: AdapterFunction;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

/** How far one call has come. */
interface Progress {
  readonly request: ActivityRequest;
  readonly signal: AbortSignal;
  /** Attempts that the adapter has begun and not yet answered. */
  underWay: number;
  mayHaveEffect: boolean;
}

/** An outcome under the name it is counted by. */
interface Counted {
  readonly name: string;
  readonly outcome: ActivityOutcome;
}

export class ActivityCaller {
  readonly #plan: ActivityPlan;
  readonly #adapter: AdapterFunction;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #resilience: Resilience;
  readonly #breaker: Breaker | undefined;
  readonly #outcomes = new Map<string, number>();
  readonly #latency = newHistogram();
  #attempts = 0;

  constructor({ plan, adapter, clock, random, report }: ActivityCallerOptions) {
    this.#plan = plan;
    this.#adapter = adapter;
    this.#clock = clock;
    this.#report = report;
    this.#resilience = new Resilience({ settings: plan, random, mayRepeat });
    if (plan.breaker !== undefined) {
      this.#breaker = new Breaker({ name: plan.name, settings: plan.breaker, clock, report });
    }
  }

  /** The signal's reason is an `OperatingError`: how a call that is given up has failed if it never began. */
  async call(request: ActivityRequest, signal: AbortSignal): Promise<ActivityOutcome> {
    const startedAt = this.#clock.monotonic();
    const problem = this.#plan.checkInput(request.input);
    const progress: Progress = { request, signal, underWay: 0, mayHaveEffect: false };
    const outcome =
      problem === undefined
        ? this.#orFallback(await this.#perform(progress), progress)
        : {
            name: problem.code,
            outcome: failed(problem.code, `${problem.pointer} ${problem.detail}`.trim()),
          };
    return this.#count(outcome, startedAt);
  }

  onStateChange(listener: StateChangeListener): () => void {
    return this.#breaker?.onStateChange(listener) ?? (() => {});
  }

  metrics(): ActivityMetrics {
    return {
      port: this.#plan.port,
      activity: this.#plan.activity,
      outcomes: this.#outcomes,
      attempts: this.#attempts,
      latency: this.#latency,
      placesFree: this.#resilience.placesFree,
      waiting: this.#resilience.waiting,
      breaker: this.#breaker?.metrics(),
    };
  }

  /** Whichever comes first: an end of the attempts, or the caller's giving up (K2). */
  async #perform(progress: Progress): Promise<ActivityOutcome> {
    const { signal } = progress;
    if (signal.aborted) return givenUp(progress);
    return await new Promise((resolve) => {
      const giveUp = (): void => resolve(givenUp(progress));
      signal.addEventListener('abort', giveUp, { once: true });
      void this.#repeat(progress).then((outcome) => {
        signal.removeEventListener('abort', giveUp);
        resolve(outcome);
      });
    });
  }

  async #repeat(progress: Progress): Promise<ActivityOutcome> {
    try {
      return await this.#resilience.repeat(async (attempt) => {
        try {
          return await this.#attempt(progress, attempt);
        } catch (error) {
          throw this.#failedAttempt(progress, attempt, error);
        }
      }, progress.signal);
    } catch (error) {
      const { code, detail } = failureOf(error);
      return progress.mayHaveEffect ? failed('outcome-unknown', detail) : failed(code, detail);
    }
  }

  #attempt(progress: Progress, attempt: number): Promise<ActivityOutcome> {
    const { request, signal } = progress;
    const { idempotencyKey, traceparent = '' } = request;
    return this.#resilience.limit(async () => {
      const admission = this.#breaker?.admit();
      if (this.#breaker !== undefined && admission === undefined) {
        throw new OperatingError('circuit-open', `Circuit ${this.#plan.name} is open`);
      }
      this.#attempts++;
      progress.underWay++;
      try {
        const answer = await this.#resilience.timed(async (timed) => {
          return await this.#adapter(request.input, { idempotencyKey, attempt, signal: timed, traceparent });
        }, signal);
        const outcome = this.#read(answer);
        if (admission !== undefined) this.#breaker?.settle(admission, 'success');
        return outcome;
      } catch (error) {
        if (admission !== undefined) {
          const isExcluded = this.#plan.excludedCodes.has(failureOf(error).code) || isWithdrawn(progress);
          this.#breaker?.settle(admission, isExcluded ? 'excluded' : 'failure');
        }
        if (!isOperatingError(error) || error.code === 'outcome-unknown' || signal.aborted) {
          progress.mayHaveEffect = true;
        }
        throw error;
      } finally {
        progress.underWay--;
      }
    }, signal);
  }

  /** What an adapter gave back: its result or its rejection, and nothing else. */
  #read(answer: unknown): ActivityOutcome {
    const { checkResult, rejections } = this.#plan;
    const problem = checkResult(answer);
    if (problem === undefined) return { type: 'result', value: answer };
    if (!isRejection(answer)) {
      throw new OperatingError(
        'outcome-unknown',
        `the answer is no result: ${problem.pointer} ${problem.detail}`,
      );
    }
    const { code, detail } = answer;
    if (!rejections.has(code))
      throw new OperatingError('outcome-unknown', 'the answer is a code not declared');
    return { type: 'rejected', code, detail };
  }

  #failedAttempt({ request, signal }: Progress, attempt: number, error: unknown): unknown {
    const { code, detail } = failureOf(error);
    if (signal.aborted) return error;
    this.#report('warn', 'activity-attempt-failed', {
      activity: this.#plan.name,
      idempotencyKey: request.idempotencyKey,
      attempt,
      code,
      // An error that has no code is a fault of the adapter or of what it uses, and its text is not for the outcome.
      ...(isOperatingError(error) ? { detail } : { error }),
    });
    return error;
  }

  /** A fallback stands in for a provider that cannot be asked, not for a call that nobody could take. */
  #orFallback(outcome: ActivityOutcome, progress: Progress): Counted {
    if (outcome.type !== 'failed') return { name: outcome.type, outcome };
    const { fallback } = this.#plan;
    const { code } = outcome.error;
    const isFallback = errorEntry(code).retry !== 'never' && !isWithdrawn(progress);
    if (fallback === undefined || !isFallback) return { name: code, outcome };
    return { name: 'fallback', outcome: { type: 'result', value: fallback.value } };
  }

  #count({ name, outcome }: Counted, startedAt: number): ActivityOutcome {
    this.#outcomes.set(name, (this.#outcomes.get(name) ?? 0) + 1);
    observe(this.#latency, this.#clock.monotonic() - startedAt);
    return outcome;
  }
}

/** Codes after which the same process asking again soon is of no use; the saga's own retry comes later. */
const notRepeated: ReadonlySet<ErrorCode> = new Set(['circuit-open', 'bulkhead-full']);

function mayRepeat(error: unknown): boolean {
  const { code } = failureOf(error);
  return errorEntry(code).retry !== 'never' && !notRepeated.has(code);
}

/** Given up by whoever asked, not for want of time: that says nothing about the provider. */
function isWithdrawn({ request, signal }: Progress): boolean {
  if (!signal.aborted) return false;
  return request.signal?.aborted === true || failureOf(signal.reason).code === 'shutting-down';
}

function givenUp({ signal, underWay, mayHaveEffect }: Progress): ActivityOutcome {
  const { code, detail } = failureOf(signal.reason);
  return underWay > 0 || mayHaveEffect ? failed('outcome-unknown', detail) : failed(code, detail);
}

/** An error without a code of the registry says nothing that may be shown, and nothing about what happened. */
function failureOf(error: unknown): ActivityFailure {
  if (isOperatingError(error)) return { code: error.code, detail: error.message };
  return { code: 'outcome-unknown', detail: 'the call ended without an answer' };
}

function failed(code: ErrorCode, detail: string): ActivityOutcome {
  return { type: 'failed', error: { code, detail } };
}

function isRejection(answer: unknown): answer is Rejection {
  return typeof answer === 'object' && answer !== null && 'type' in answer && answer.type === 'rejection';
}
