/**
 * What goes wrong in a saga, as the refusals and events that say so.
 */
import type { SagaRefusal } from '../../actors/model/saga.js';
import type { AfterFailure, SagaEvent } from './saga-contract.js';
import { sagaTimeoutText, stepTimeoutText } from './saga-error-text.js';

/** Codes of a `SagaRefusal` that no actor gave. */
export const sagaTimeoutCode = 'saga-timeout';
export const stepTimeoutCode = 'step-timeout';
export const stepFailedCode = 'step-failed';

/** Codes of a step that is another saga. */
export const childCompensatedCode = 'child-compensated';
export const childAbortedCode = 'child-aborted';

/** True when the saga that was started, or was to be, has ended or is somebody else's: its id cannot be used again. */
export function isUsedUp(code: string): boolean {
  return code === childCompensatedCode || code === childAbortedCode || code === 'saga-exists';
}

export interface Cause {
  readonly code: string;
  readonly detail: string;
}

/** Why a task failed. */
export interface TaskFailure extends Cause {
  readonly type: 'rejection' | 'failure';
  /** It may have taken effect all the same. */
  readonly isUnsure: boolean;
}

export function timedOut(step: string): SagaRefusal {
  return { step, code: sagaTimeoutCode, detail: sagaTimeoutText };
}

/** `detail`: row 72's text. */
export function exhausted(step: string, detail: string): SagaRefusal {
  return { step, code: stepFailedCode, detail };
}

export function unanswered(step: string): Cause {
  return { code: stepTimeoutCode, detail: stepTimeoutText(step) };
}

/** A function of the definition threw. What it threw stays inside: clients read these texts. */
export function threw(what: string): Cause {
  return { code: 'internal', detail: `the ${what} threw` };
}

/** An operating error before anything was sent. */
export function notSent({ code, detail }: Cause): TaskFailure {
  return { type: 'failure', code, detail, isUnsure: false };
}

export function stepFailed(
  step: string,
  attempt: number,
  { code, detail }: Cause,
  next: AfterFailure,
  until = 0,
): SagaEvent {
  return { type: 'StepFailed', data: { step, attempt, code, detail, next, until } };
}

export function undoFailed(
  step: string,
  attempt: number,
  { code, detail }: Cause,
  next: 'retry' | 'await',
  until = 0,
): SagaEvent {
  return { type: 'UndoFailed', data: { step, attempt, code, detail, next, until } };
}
