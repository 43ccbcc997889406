/**
 * How the runtime reaches outside: the one function between a saga that has ordered an activity and the adapters that
 * can do it. The real one is `ActivityRunner`, on the thread that holds the adapters; a shard on another thread has a
 * remote one; a simulation brings its own.
 */
import type { ActivityOrder, ActivityOutcome } from '../../actors/model/activity.js';

export interface ActivityRequest extends Omit<ActivityOrder, 'type'> {
  /** The same for every repeat of this call, for ever: the saga's kind and id and the path of its step. 1 to 400 of ASCII. */
  readonly idempotencyKey: string;
  /** Unix ms after which no attempt begins and the answer is given up. */
  readonly deadlineAt: number;
  /** Gives up at once; what was sent is not taken back. */
  readonly signal?: AbortSignal;
  /** W3C trace context. */
  readonly traceparent?: string;
}

export interface Activities {
  /**
   * Resolves with what came of it and never rejects. Call it only when the order is durable, and record the outcome
   * once; after a crash call it again with the same key.
   */
  run(request: ActivityRequest): Promise<ActivityOutcome>;
}
