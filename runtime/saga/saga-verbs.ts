/**
 * What a saga is told from outside besides answers: signals, cancellation, the end of a saga it waits for, and what a
 * person decides on a parked one. Each names who said it, in the record's trail and, for people, in the event.
 */
import type { DecideContext } from '../../actors/model/aggregate.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import type { OperatorVerb, SagaEvent } from './saga-contract.js';
import type { Move } from './saga-draft.js';
import { childAbortedCode, childCompensatedCode } from './saga-failure.js';
import { currentStep, isOpen, type SagaInstance } from './saga-instance.js';
import type { SagaMoves, TaskAnswer } from './saga-moves.js';
import { completed } from './saga-order.js';
import { stepOf } from './saga-task.js';
import { mayTurnBack } from './saga-timing.js';

export const cancelledCode = 'cancelled';

type Refused = Rejection<'not-parked' | 'too-late' | 'signal-unknown'>;

/** Undefined: nothing is left to do, and the sender may be content. */
export function signalled(
  moves: SagaMoves,
  instance: SagaInstance,
  { signal, payload }: { readonly signal: string; readonly payload: unknown },
  ctx: DecideContext,
): Move | Refused | undefined {
  const plan = moves.planOf(instance);
  if (!plan.steps.some((step) => step.kind === 'signal' && step.signal === signal)) {
    return reject('signal-unknown', `Saga ${plan.definition.name} waits for no signal ${signal}`);
  }
  if (Object.hasOwn(instance.signals, signal)) return undefined;
  // One that comes from an event, late, has nobody to tell.
  if (instance.state !== 'running' && ctx.caller.internal) return undefined;
  if (instance.state !== 'running') return reject('too-late', `Saga ${ctx.id} waits for no signal any more`);
  const draft = moves.draft(instance, ctx);
  draft.emit({ type: 'SignalReceived', data: { signal, payload } });
  for (const task of draft.stageTasks()) {
    const step = stepOf(plan, task);
    if (task.waiting === 'signal' && step.signal === signal) {
      draft.emit(completed(step.name, payload ?? null));
    }
  }
  return draft.follow();
}

/** Turns the saga back where it can; undefined when it is on its way back already. */
export function cancelled(
  moves: SagaMoves,
  instance: SagaInstance,
  reason: string,
  ctx: DecideContext,
): Move | Refused | undefined {
  const plan = moves.planOf(instance);
  if (instance.state === 'compensating' || instance.state === 'compensated') return undefined;
  if (!mayTurnBack(plan, instance)) {
    return reject('too-late', `Saga ${ctx.id} can no longer be cancelled: it is ${stateText(instance)}`);
  }
  const by = ctx.caller.principal;
  const detail = `by ${by === '' ? 'another saga' : by}${reason === '' ? '' : `: ${reason}`}`;
  const draft = moves.draft(instance, ctx);
  const step = currentStep(plan, instance);
  draft.turnBack({ step, code: cancelledCode, detail }, `${cancelledCode}: ${detail}`);
  return draft.follow();
}

/** Row 74 and decision e: a person decides on what could neither be done nor undone. */
export function operated(
  moves: SagaMoves,
  instance: SagaInstance,
  verb: OperatorVerb,
  reason: string,
  ctx: DecideContext,
): Move | Refused {
  if (instance.parkedAt === 0) {
    return reject('not-parked', `Saga ${ctx.id} waits for nobody: it is ${instance.state}`);
  }
  const plan = moves.planOf(instance);
  const { principal } = ctx.caller;
  const draft = moves.draft(instance, ctx);
  if (verb === 'abort') {
    draft.emit({ type: 'SagaAborted', data: { principal, reason } });
    draft.tellParent('failed', instance.errors.at(-1) ?? '');
    return draft;
  }
  draft.emit({ type: 'SagaResumed', data: { verb, principal, reason, in_turns: true } });
  // Only its closing events were missing: whoever skips them has it end without.
  const isDone = draft.instance.state === 'running' && instance.stage >= plan.stages.length;
  if (isDone && verb === 'skip') draft.complete(false);
  return draft.follow();
}

/** True when it is the saga that waits for this one that speaks. */
export function isFromParent(
  { parent }: SagaInstance,
  { parent_kind, parent_id }: { readonly parent_kind: string; readonly parent_id: string },
): boolean {
  if (parent === undefined) return false;
  return parent_id === '' || (parent_kind === parent.kind && parent_id === parent.id);
}

/** The end of a saga that this one waits for, as the answer of its step. */
export function childAnswer({
  state,
  detail,
  results,
}: {
  readonly state: string;
  readonly detail: string;
  readonly results: unknown;
}): TaskAnswer {
  if (state === 'completed') return { type: 'reply', reply: results };
  if (state === 'compensated')
    return { type: 'rejection', code: childCompensatedCode, detail, isUnsure: false };
  // Given up by a person: what it has done stands.
  return { type: 'failure', code: childAbortedCode, detail, isUnsure: true };
}

/**
 * What came of an activity. Only `outcome-unknown` may have taken effect (A2 of `activity.ts`); `unrecorded` has: what it
 * resulted in was past a bound.
 */
export function activityAnswer({
  type,
  value,
  code,
  detail,
}: {
  readonly type: string;
  readonly value: unknown;
  readonly code: string;
  readonly detail: string;
}): TaskAnswer {
  if (type === 'result') return { type: 'reply', reply: value };
  if (type === 'rejected') return { type: 'rejection', code, detail, isUnsure: false };
  return { type: 'failure', code, detail, isUnsure: type === 'unrecorded' || code === 'outcome-unknown' };
}

export function linkOf({
  parent_kind,
  parent_id,
  tag,
  deadline_at,
}: {
  readonly parent_kind: string;
  readonly parent_id: string;
  readonly tag: string;
  readonly deadline_at: number;
}): Extract<SagaEvent, { readonly type: 'SagaLinked' }> {
  return { type: 'SagaLinked', data: { parent_kind, parent_id, tag, deadline_at } };
}

function stateText(instance: SagaInstance): string {
  return isOpen(instance) ? 'past its pivot' : instance.state;
}
