/**
 * What a saga instance does next: the events, the message and the time at which it must look up again. Pure; decides on
 * a state that it does not change.
 *
 *     input                          before the pivot is done            after it
 *     start                          first message                       –
 *     reply of the step              next message, or completed          the same
 *     refusal                        optional: next message              optional: next message
 *                                    else: compensate                    retry, then failed (parked)
 *     operating failure              retry, then as after a refusal      retry, then failed (parked)
 *     time: no answer                attempt counted, awaited; at the    attempt counted, awaited; at the end awaited
 *                                    end compensate, this step too       without a limit (so is the pivot itself)
 *     time: deadline                 compensate, unless the pivot is     nothing
 *                                    under way: then its answer decides
 *     reply of an undo               next lower undo, or the end
 *     failure, refusal of an undo    retry, then recorded and on
 *     any other answer               nothing: it came too late
 *
 * An optional step that is given up, for whatever reason, is passed over.
 */
import type { DecideContext, TaggedReply } from '../../actors/model/aggregate.js';
import type { MessageOrder, Outcome } from '../../actors/model/message.js';
import type { ClosingEvent, SagaRefusal } from '../../actors/model/saga.js';
import type { AfterFailure, SagaEvent } from './saga-contract.js';
import { attemptsText, failureText, sagaTimeoutText, stepTimeoutText } from './saga-error-text.js';
import {
  dueAt,
  inputOf,
  isOpen,
  type Moment,
  mayTurnBack,
  nextUndo,
  type SagaInstance,
  StepContext,
  stepMark,
  type Waiting,
} from './saga-instance.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';

/** Codes of a `SagaRefusal` that no actor gave. */
export const sagaTimeoutCode = 'saga-timeout';
export const stepTimeoutCode = 'step-timeout';
export const stepFailedCode = 'step-failed';

export interface Move {
  readonly events: readonly SagaEvent[];
  readonly message?: MessageOrder;
  /** When to look again if nothing arrives; `Infinity`: only an answer can move it. Absent: the saga has ended. */
  readonly due?: number;
}

type Failure = Exclude<Outcome, { readonly type: 'reply' }>;
type Cause = Pick<Failure & { readonly code: string }, 'code' | 'detail'>;

export class SagaMoves {
  readonly #plan: SagaPlan;

  constructor(plan: SagaPlan) {
    this.#plan = plan;
  }

  /** The first move of an instance that has not been started. */
  start(payload: Readonly<Record<string, unknown>>, ctx: DecideContext): Move {
    const plan = this.#plan;
    const { principal } = ctx.caller;
    const input = inputOf(plan, payload);
    // A plan has at least one step.
    const first = plan.steps[0] as PlannedStep;
    const data = { definition_version: plan.definition.version, principal, ...input };
    const context = new StepContext({ input, principal, results: {} }, ctx);
    return {
      events: [{ type: 'SagaStarted', data }],
      message: tagged(first.call(context), first.tag),
      due: this.#due({ startedAt: ctx.now }, ctx.now, 'running', 0),
    };
  }

  /** What an answer leads to; undefined when it came too late to matter. */
  answer(instance: SagaInstance, { tag, outcome }: TaggedReply, ctx: DecideContext): Move | undefined {
    if (instance.waiting !== 'answer' && instance.waiting !== 'overdue') return undefined;
    const step = this.#step(instance);
    if (instance.state === 'running') {
      if (tag !== step.tag) return undefined;
      if (outcome.type !== 'reply') return this.#stepFailed(instance, step, outcome, ctx);
      const fresh = { step: step.name, result: outcome.reply ?? null };
      return this.#goOn(instance, { type: 'StepCompleted', data: fresh }, ctx, fresh);
    }
    if (tag !== step.undoTag) return undefined;
    if (outcome.type !== 'reply') return this.#undoFailed(instance, step, outcome, ctx);
    const compensated: SagaEvent = { type: 'StepCompensated', data: { step: step.name } };
    return this.#undoNext(instance, [compensated], ctx, instance.current);
  }

  /** What time alone leads to; undefined when nothing is due yet. */
  look(instance: SagaInstance, ctx: DecideContext): Move | undefined {
    const plan = this.#plan;
    if (!isOpen(instance) || ctx.now < dueAt(plan, instance)) return undefined;
    const step = this.#step(instance);
    if (mayTurnBack(plan, instance) && ctx.now >= instance.startedAt + plan.deadlineMs) {
      return this.#turnBack(
        instance,
        [],
        timedOut(step),
        sagaTimeoutText,
        ctx,
        instance.waiting === 'answer',
      );
    }
    if (instance.waiting === 'retry') return this.#retry(instance, step, ctx);
    return instance.state === 'running'
      ? this.#stepUnanswered(instance, step, ctx)
      : this.#undoUnanswered(instance, step, ctx);
  }

  #step(instance: SagaInstance): PlannedStep {
    // `current` is an index into the steps in every open state (N1).
    return this.#plan.steps[instance.current] as PlannedStep;
  }

  #retry(instance: SagaInstance, step: PlannedStep, ctx: DecideContext): Move {
    const { state, current, attempt } = instance;
    const running = state === 'running';
    const context = new StepContext(instance, ctx);
    return {
      events: [{ type: running ? 'StepRetried' : 'UndoRetried', data: { step: step.name } }],
      message: running ? tagged(step.call(context), step.tag) : this.#undo(current, context),
      due: this.#due(instance, ctx.now, state, current, 'answer', attempt),
    };
  }

  #stepUnanswered(instance: SagaInstance, step: PlannedStep, ctx: DecideContext): Move {
    const attempt = instance.attempt + 1;
    const cause = unanswered(step);
    if (attempt < step.attemptsMax) return this.#waitOn(instance, ctx, cause, attempt, 'await');
    const over = stepFailed(step, attempt, cause, 'unanswered');
    if (step.optional) return this.#goOn(instance, over, ctx);
    if (instance.current >= this.#plan.pivot) return this.#waitOn(instance, ctx, cause, attempt, 'overdue');
    const text = attemptsText({ step: step.name, attempt, ...cause });
    return this.#turnBack(instance, [over], exhausted(step, text), text, ctx, true);
  }

  /** A refusal, or an operating error: either way the message had no effect. */
  #stepFailed(instance: SagaInstance, step: PlannedStep, cause: Failure, ctx: DecideContext): Move {
    const plan = this.#plan;
    const attempt = Math.min(instance.attempt + 1, step.attemptsMax);
    const pastPivot = instance.current > plan.pivot;
    if (cause.type === 'rejection' && (step.optional || !pastPivot)) {
      const refused = stepFailed(step, attempt, cause, 'refused');
      if (step.optional) return this.#goOn(instance, refused, ctx);
      const refusal = { step: step.name, code: cause.code, detail: cause.detail };
      return this.#turnBack(instance, [refused], refusal, failureText(cause), ctx, false);
    }
    const late = !pastPivot && ctx.now >= instance.startedAt + plan.deadlineMs;
    if (attempt < step.attemptsMax && !late) return this.#waitOn(instance, ctx, cause, attempt, 'retry');
    const over = stepFailed(step, attempt, cause, 'exhausted');
    if (step.optional && !late) return this.#goOn(instance, over, ctx);
    if (late) return this.#turnBack(instance, [over], timedOut(step), sagaTimeoutText, ctx, false);
    const text = attemptsText({ step: step.name, attempt, code: cause.code, detail: cause.detail });
    if (!pastPivot) return this.#turnBack(instance, [over], exhausted(step, text), text, ctx, false);
    return { events: [over, { type: 'SagaFailed', data: { step: step.name, reason: text } }] };
  }

  /** Stays with the step or undo: its answer is awaited, or it is sent again later. */
  #waitOn(
    instance: SagaInstance,
    ctx: DecideContext,
    cause: Cause,
    attempt: number,
    next: 'retry' | 'await' | 'overdue',
  ): Move {
    const { state, current } = instance;
    const failed = state === 'running' ? stepFailed : undoFailed;
    return {
      events: [failed(this.#step(instance), attempt, cause, next)],
      due: this.#due(instance, ctx.now, state, current, next === 'await' ? 'answer' : next, attempt),
    };
  }

  /** The current step is over: the next one, or the end. */
  #goOn(
    instance: SagaInstance,
    over: SagaEvent,
    ctx: DecideContext,
    fresh?: { step: string; result: unknown },
  ): Move {
    const plan = this.#plan;
    const context = new StepContext(instance, ctx, fresh);
    const index = instance.current + 1;
    const next = plan.steps[index];
    if (next === undefined) {
      const completed: SagaEvent = { type: 'SagaCompleted', data: { step: this.#step(instance).name } };
      return { events: [over, completed, ...closing(plan.definition.onCompleted?.(context))] };
    }
    return {
      events: [over],
      message: tagged(next.call(context), next.tag),
      due: this.#due(instance, ctx.now, 'running', index),
    };
  }

  /** From forward to backward. `mayHaveEffect`: the current step's message is not answered. */
  #turnBack(
    instance: SagaInstance,
    events: SagaEvent[],
    refusal: SagaRefusal,
    reason: string,
    ctx: DecideContext,
    mayHaveEffect: boolean,
  ): Move {
    const { definition, steps } = this.#plan;
    events.push(
      { type: 'SagaCompensating', data: { step: refusal.step, reason } },
      ...closing(definition.onCompensating?.(new StepContext(instance, ctx), refusal)),
    );
    return this.#undoNext(instance, events, ctx, steps.length, mayHaveEffect ? instance.current : -1);
  }

  /** The highest undo below `below`, or the end. `unmarked`: a step that may have taken effect, not yet marked so. */
  #undoNext(
    instance: SagaInstance,
    events: SagaEvent[],
    ctx: DecideContext,
    below: number,
    unmarked = -1,
  ): Move {
    const index = nextUndo(this.#plan, instance.marks, below, unmarked);
    if (index >= 0) {
      return {
        events,
        message: this.#undo(index, new StepContext(instance, ctx)),
        due: this.#due(instance, ctx.now, 'compensating', index),
      };
    }
    const { name } = this.#step(instance);
    const givenUp =
      events.some((event) => event.type === 'CompensationFailed') ||
      instance.marks.includes(stepMark.undoFailed);
    events.push(
      givenUp
        ? { type: 'SagaFailed', data: { step: name, reason: '' } }
        : { type: 'SagaCompensated', data: { step: name } },
    );
    return { events };
  }

  #undoFailed(instance: SagaInstance, step: PlannedStep, cause: Failure, ctx: DecideContext): Move {
    const attempt = Math.min(instance.attempt + 1, step.attemptsMax);
    if (attempt < step.attemptsMax) return this.#waitOn(instance, ctx, cause, attempt, 'retry');
    return this.#giveUpUndo(instance, step, cause, ctx);
  }

  #undoUnanswered(instance: SagaInstance, step: PlannedStep, ctx: DecideContext): Move {
    const attempt = instance.attempt + 1;
    if (attempt < step.attemptsMax) return this.#waitOn(instance, ctx, unanswered(step), attempt, 'await');
    return this.#giveUpUndo(instance, step, unanswered(step), ctx);
  }

  #giveUpUndo(
    instance: SagaInstance,
    { name }: PlannedStep,
    { code, detail }: Cause,
    ctx: DecideContext,
  ): Move {
    const givenUp: SagaEvent = { type: 'CompensationFailed', data: { step: name, code, detail } };
    return this.#undoNext(instance, [givenUp], ctx, instance.current);
  }

  #undo(index: number, context: StepContext): MessageOrder {
    const step = this.#plan.steps[index];
    // `nextUndo` chooses only steps that have one.
    if (step?.undo === undefined)
      throw new Error(`saga ${this.#plan.definition.name}: step ${index} has no undo`);
    return tagged(step.undo(context), step.undoTag);
  }

  /** When an instance that turns to this now must look again. */
  #due(
    { startedAt }: Pick<SagaInstance, 'startedAt'>,
    since: number,
    state: SagaInstance['state'],
    current: number,
    waiting: Waiting = 'answer',
    attempt = 0,
  ): number {
    const moment: Moment = { state, current, waiting, attempt, since, startedAt };
    return dueAt(this.#plan, moment);
  }
}

function tagged({ kind, id, command, payload }: MessageOrder, tag: string): MessageOrder {
  return { kind, id, command, payload, tag };
}

function timedOut({ name }: PlannedStep): SagaRefusal {
  return { step: name, code: sagaTimeoutCode, detail: sagaTimeoutText };
}

function exhausted({ name }: PlannedStep, detail: string): SagaRefusal {
  return { step: name, code: stepFailedCode, detail };
}

function unanswered({ name }: PlannedStep): Cause {
  return { code: stepTimeoutCode, detail: stepTimeoutText(name) };
}

function stepFailed(
  { name }: PlannedStep,
  attempt: number,
  { code, detail }: Cause,
  next: AfterFailure,
): SagaEvent {
  return { type: 'StepFailed', data: { step: name, attempt, code, detail, next } };
}

function undoFailed(
  { name }: PlannedStep,
  attempt: number,
  { code, detail }: Cause,
  next: AfterFailure,
): SagaEvent {
  return { type: 'UndoFailed', data: { step: name, attempt, code, detail, next } };
}

/** The definition's own events: its contract names them, the runtime's own does not. */
function closing(events: readonly ClosingEvent[] | undefined): readonly SagaEvent[] {
  return (events ?? []) as unknown as readonly SagaEvent[];
}
