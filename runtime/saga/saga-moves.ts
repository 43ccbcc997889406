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
 * An optional step that is given up, for whatever reason, is passed over. A `call` or `undo` that throws counts as an
 * operating failure of its step: thrown on, it would take the answer that led to it along, and the saga would stand
 * still for ever. (At the start it is thrown on: nothing has happened yet.)
 */
import type { DecideContext, TaggedReply } from '../../actors/model/aggregate.js';
import type { MessageOrder } from '../../actors/model/message.js';
import type { ClosingEvent, SagaRefusal } from '../../actors/model/saga.js';
import type { SagaEvent } from './saga-contract.js';
import { attemptsText, failureText, sagaTimeoutText } from './saga-error-text.js';
import {
  type Cause,
  exhausted,
  type Failure,
  stepFailed,
  threw,
  timedOut,
  unanswered,
  undoFailed,
} from './saga-failure.js';
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

export interface Move {
  readonly events: readonly SagaEvent[];
  readonly message?: MessageOrder;
  /** When to look again if nothing arrives; `Infinity`: only an answer can move it. Absent: the saga has ended. */
  readonly due?: number;
}

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
    const message = running ? called(step, context) : undone(step, context);
    if ('code' in message) {
      const failure: Failure = { type: 'failure', ...message };
      return running
        ? this.#stepFailed(instance, step, failure, ctx)
        : this.#undoFailed(instance, step, failure, ctx);
    }
    return {
      events: [{ type: running ? 'StepRetried' : 'UndoRetried', data: { step: step.name } }],
      message,
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
      const { name } = this.#step(instance);
      const closing = closed(() => plan.definition.onCompleted?.(context));
      if ('code' in closing) {
        return { events: [over, { type: 'SagaFailed', data: { step: name, reason: failureText(closing) } }] };
      }
      return { events: [over, { type: 'SagaCompleted', data: { step: name } }, ...closing] };
    }
    const message = called(next, context);
    if ('code' in message) {
      return {
        events: [over, stepFailed(next, 1, message, 'retry')],
        due: this.#due(instance, ctx.now, 'running', index, 'retry', 1),
      };
    }
    return {
      events: [over],
      message,
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
    const closing = closed(() => definition.onCompensating?.(new StepContext(instance, ctx), refusal));
    // Giving back what was taken matters more than saying so.
    if ('code' in closing) {
      const reasons = `${reason}; ${failureText(closing)}`;
      events.push({ type: 'SagaCompensating', data: { step: refusal.step, reason: reasons } });
    } else {
      events.push({ type: 'SagaCompensating', data: { step: refusal.step, reason } }, ...closing);
    }
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
    const next = this.#plan.steps[index];
    if (next !== undefined) {
      const message = undone(next, new StepContext(instance, ctx));
      if ('code' in message) {
        events.push(undoFailed(next, 1, message, 'retry'));
        return { events, due: this.#due(instance, ctx.now, 'compensating', index, 'retry', 1) };
      }
      return { events, message, due: this.#due(instance, ctx.now, 'compensating', index) };
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

/** The message of a step, or the failure that a throw of its `call` counts as. */
function called(step: PlannedStep, context: StepContext): MessageOrder | Cause {
  try {
    return tagged(step.call(context), step.tag);
  } catch {
    return threw(`call of step ${step.name}`);
  }
}

/** The same for the undo of a step; `nextUndo` chooses only steps that have one. */
function undone(step: PlannedStep, context: StepContext): MessageOrder | Cause {
  try {
    const { undo } = step;
    return undo === undefined
      ? threw(`missing undo of step ${step.name}`)
      : tagged(undo(context), step.undoTag);
  } catch {
    return threw(`undo of step ${step.name}`);
  }
}

/** The definition's own events: its contract names them, the runtime's own does not. */
function closed(make: () => readonly ClosingEvent[] | undefined): readonly SagaEvent[] | Cause {
  try {
    return (make() ?? []) as unknown as readonly SagaEvent[];
  } catch {
    return threw('function for the closing events');
  }
}
