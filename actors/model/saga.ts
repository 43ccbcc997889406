/**
 * A saga: named steps that each call a command of an actor, and how each is undone.
 *
 * S1  Before its pivot a saga can only end completed or compensated; after it, it goes forward.
 * S2  A rejection ends a step; only operating errors are retried (decision D4).
 * S3  Messages between actors arrive exactly once and in order per pair of partitions, so an undo never overtakes its
 *     do, and an attempt that timed out is awaited, never sent twice.
 */
import type { Static, TObject } from 'typebox';
import type { EventSpecs, Upcasters } from './contract.js';
import type { MessageOrder } from './message.js';

/** What a step sees: the input, the results of the steps before it, and the saga's own id. */
export interface SagaContext<Input> {
  readonly sagaId: string;
  readonly input: Input;
  /** Results by step name, as their commands replied. */
  readonly results: Readonly<Record<string, unknown>>;
  /** Unix ms of the commit in which the step starts. */
  readonly now: number;
  /** Principal that started the saga. */
  readonly principal: string;
}

export interface SagaStep<Input = unknown> {
  readonly name: string;
  /** The command that does it. Made with `send`. */
  readonly call: (saga: SagaContext<Input>) => MessageOrder;
  /** The command that takes it back; must tolerate "never done". A step without one has nothing to take back. */
  readonly undo?: (saga: SagaContext<Input>) => MessageOrder;
  /** From here on the saga only goes forward. At most one step. */
  readonly pivot?: boolean;
  /** A refusal of an optional step is recorded and the saga goes on. */
  readonly optional?: boolean;
  /** Time for one attempt, ms. Default 30,000 (row 67). */
  readonly timeoutMs?: number;
  /** Attempts after an operating error. Default 3 with 1,000 ms · 2^n between them (rows 67, 72). */
  readonly attemptsMax?: number;
  readonly retryDelayMs?: number;
}

/** An event of the saga's own domain, written beside its last one (PaymentCompleted, PaymentRejected). */
export type ClosingEvent<E extends EventSpecs = EventSpecs> = {
  [N in keyof E & string]: { readonly type: N; readonly data: Static<E[N]['schema']> };
}[keyof E & string];

/** Why a saga did not complete: the refusing step with its code and detail. */
export interface SagaRefusal {
  readonly step: string;
  readonly code: string;
  readonly detail: string;
}

export interface SagaDefinition<
  N extends string = string,
  I extends TObject = TObject,
  E extends EventSpecs = EventSpecs,
> {
  readonly type: 'saga';
  /** The actor kind, and the `definition_name` of its instances. */
  readonly name: N;
  /** Stored in the first event; instances go on under the version they began with. */
  readonly version: number;
  readonly input: I;
  /** Stored forms of the input under lower versions, one for each: positional fields → today's input. */
  readonly upcast?: Upcasters<Static<I>>;
  readonly steps: readonly SagaStep<Static<I>>[];
  /** Default 300,000 (row 68). */
  readonly deadlineMs?: number;
  /** Events of the saga's own domain that the two functions below may write. */
  readonly events: E;
  readonly onCompleted?: (saga: SagaContext<Static<I>>) => readonly ClosingEvent<E>[];
  readonly onCompensating?: (
    saga: SagaContext<Static<I>>,
    refusal: SagaRefusal,
  ) => readonly ClosingEvent<E>[];
  /** Refuses a start from outside before anything is written (the caller does not own the sender). */
  readonly roles?: readonly string[];
}

/** Declares a saga; step functions see the typed input. */
export function defineSaga<const N extends string, I extends TObject, E extends EventSpecs>(
  definition: Omit<SagaDefinition<N, I, E>, 'type'>,
): SagaDefinition<N, I, E> {
  return { type: 'saga', ...definition };
}

/** States of an instance (row 66). `failed` waits for a person: a compensation exhausted its retries (decision e). */
export type SagaState = 'pending' | 'running' | 'compensating' | 'completed' | 'compensated' | 'failed';

/** An instance as its status query answers it (`api.md`, transfers). Times are Unix ms. */
export interface SagaStatus {
  readonly saga_id: string;
  readonly definition_name: string;
  readonly state: SagaState;
  readonly current_step: string;
  readonly step_results: readonly {
    readonly step: string;
    readonly result: unknown;
    readonly timestamp: number;
  }[];
  readonly errors: readonly string[];
  readonly started_at: number;
  readonly completed_at: number | null;
}

/** What an operator may do with a parked instance: commands of every saga, recorded with their principal. */
export const sagaVerbs = ['retry', 'skip', 'abort'] as const;
export type SagaVerb = (typeof sagaVerbs)[number];

/** An instance in one line, for listings. Times are Unix ms. */
export interface SagaSummary {
  readonly state: SagaState;
  /** The step it is busy with or stuck at, or ended with. */
  readonly step: string;
  readonly started_at: number;
  /** Since when it waits for a person; null while it does not. */
  readonly parked_at: number | null;
  readonly ended_at: number | null;
}

/** True in the states that no further step leaves. */
export function isFinal(state: SagaState): boolean {
  return state === 'completed' || state === 'compensated' || state === 'failed';
}
