/**
 * A saga: named steps (`saga-step.ts`), and how each is undone.
 *
 * S1  Before its pivot a saga can only end completed or compensated; after it, it goes forward.
 * S2  A rejection ends a step; only operating errors are retried (decision D4). Of what is told a saga hears neither.
 * S3  Messages between actors arrive exactly once and in order per pair of partitions, so an undo never overtakes its
 *     do, and an attempt that timed out is awaited, never sent twice.
 * S4  What may have been done is undone in reverse order, the steps of a parallel group at once.
 */
import type { EventSpecs, Upcasters } from './contract.js';
import type { MessageOrder } from './message.js';
import type { ChildOrder, SagaContext, SagaStep } from './saga-step.js';
import type { Static, TObject } from './typebox.js';

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
  /** Earlier versions that instances may still run under. A start without those of live instances is refused. */
  // biome-ignore lint/suspicious/noExplicitAny: their inputs and events are types of their own
  readonly versions?: readonly SagaDefinition<any, any, any>[];
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
  /** Since when it waits for a person. Present only in the answer of the query `status`. */
  readonly parked_at?: number | null;
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

/** An order for a step `saga`: starts an instance and waits for its end. */
export function startSaga<I extends TObject>(
  definition: Pick<SagaDefinition<string, I, never>, 'name' | 'input'>,
  id: string,
  input: Static<I>,
): ChildOrder {
  return { type: 'child', saga: definition.name, id, input };
}

/** A message that gives an instance a signal, for reactions and decisions: an event may be what a saga waits for. */
export function signalSaga(
  definition: { readonly name: string },
  id: string,
  signal: string,
  payload: unknown,
): MessageOrder {
  return { kind: definition.name, id, command: 'signal', payload: { signal, payload } };
}

/** True in the states that time and answers do not leave: `failed` is left by a person only. */
export function isFinal(state: SagaState): boolean {
  return state === 'completed' || state === 'compensated' || state === 'failed';
}
