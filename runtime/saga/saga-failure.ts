/**
 * What goes wrong in a saga, as the refusals and events that say so.
 */
import type { Outcome } from '../../actors/model/message.js';
import type { SagaRefusal } from '../../actors/model/saga.js';
import type { AfterFailure, SagaEvent } from './saga-contract.js';
import { sagaTimeoutText, stepTimeoutText } from './saga-error-text.js';
import type { PlannedStep } from './saga-plan.js';

/** Codes of a `SagaRefusal` that no actor gave. */
export const sagaTimeoutCode = 'saga-timeout';
export const stepTimeoutCode = 'step-timeout';
export const stepFailedCode = 'step-failed';

/** An answer that is no reply. */
export type Failure = Exclude<Outcome, { readonly type: 'reply' }>;

export interface Cause {
  readonly code: string;
  readonly detail: string;
}

export function timedOut({ name }: PlannedStep): SagaRefusal {
  return { step: name, code: sagaTimeoutCode, detail: sagaTimeoutText };
}

/** `detail`: row 72's text. */
export function exhausted({ name }: PlannedStep, detail: string): SagaRefusal {
  return { step: name, code: stepFailedCode, detail };
}

export function unanswered({ name }: PlannedStep): Cause {
  return { code: stepTimeoutCode, detail: stepTimeoutText(name) };
}

/** A function of the definition threw. What it threw stays inside: clients read these texts. */
export function threw(what: string): Cause {
  return { code: 'internal', detail: `the ${what} threw` };
}

export function stepFailed(
  { name }: PlannedStep,
  attempt: number,
  { code, detail }: Cause,
  next: AfterFailure,
): SagaEvent {
  return { type: 'StepFailed', data: { step: name, attempt, code, detail, next } };
}

export function undoFailed(
  { name }: PlannedStep,
  attempt: number,
  { code, detail }: Cause,
  next: AfterFailure,
): SagaEvent {
  return { type: 'UndoFailed', data: { step: name, attempt, code, detail, next } };
}
