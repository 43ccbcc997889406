/**
 * One decision in the making: events are applied to a copy of the instance as they are written, so that what follows is
 * read off the copy and stated nowhere twice. `saga-moves.ts` says what happened; here follows what comes of it:
 *
 *     a task began                        its order, or, where that throws, its failure
 *     a stage with conditions or items    its steps begun or passed over
 *     no stage left                       SagaCompleted
 *     turning back, nothing left          SagaCompensated, or SagaFailed when an undo was given up
 */

import type { DecideContext, Evolve } from '../../actors/model/aggregate.js';
import type { MessageOrder, TimerOrder } from '../../actors/model/message.js';
import type { ClosingEvent, SagaRefusal } from '../../actors/model/saga.js';
import { synchronous } from '../synchronous.js';
import { pastBounds } from './saga-bounds.js';
import type { SagaContract, SagaEvent } from './saga-contract.js';
import { type Begun, type Dispatch, dispatch } from './saga-dispatch.js';
import { attemptsText, closingTooLargeText, failureText, sagaTimeoutText } from './saga-error-text.js';
import {
  type Cause,
  exhausted,
  notSent,
  stepFailed,
  type TaskFailure,
  threw,
  timedOut,
  undoFailed,
} from './saga-failure.js';
import { copyInstance, currentStep, firstOfStage, isLive, type SagaInstance } from './saga-instance.js';
import { StepContext } from './saga-order.js';
import { type PlannedStep, retryDelay, type SagaPlan } from './saga-plan.js';
import { isFailed, type OnBegun, pathOf, stepMark, stepOf, type Task } from './saga-task.js';

/** What an instance does: the part of a decision that the machine makes an acceptance of. */
export interface Move {
  readonly events: readonly SagaEvent[];
  readonly messages: readonly MessageOrder[];
  readonly activities: readonly TimerOrder[];
  /** Where the timer stands after it (N2). Absent: the instance is over. */
  readonly armedAt: number | undefined;
}

type SagaEvolve = Evolve<SagaContract, SagaInstance>;

export class SagaDraft implements Move, Dispatch {
  readonly instance: SagaInstance;
  readonly plan: SagaPlan;
  readonly ctx: DecideContext;
  readonly events: SagaEvent[] = [];
  readonly messages: MessageOrder[] = [];
  readonly activities: TimerOrder[] = [];
  /** The closing events may be what was past a bound: the steps are done, and a person decides on the end. */
  parksAtEnd = false;
  readonly #evolve: SagaEvolve;
  readonly #begun: Begun[] = [];
  readonly #isSecond: boolean;

  /** `isSecond`: what was decided first was past a bound. Whatever that was, closing events are not tried again. */
  constructor(
    instance: SagaInstance,
    plan: SagaPlan,
    ctx: DecideContext,
    evolveWith: (onBegun: OnBegun) => SagaEvolve,
    isSecond = false,
  ) {
    this.instance = copyInstance(instance);
    this.plan = plan;
    this.ctx = ctx;
    this.#isSecond = isSecond;
    this.#evolve = evolveWith((task, what) => this.#begun.push({ task, what }));
  }

  get armedAt(): number | undefined {
    return isLive(this.instance) ? this.instance.armedAt : undefined;
  }

  emit(event: SagaEvent): void {
    this.events.push(event);
    // The event's type names its own case and data.
    const apply = this.#evolve[event.type] as (
      instance: SagaInstance,
      data: unknown,
      at: number,
    ) => SagaInstance;
    apply(this.instance, event.data, this.ctx.now);
  }

  /** Writes everything that follows from what was written. */
  follow(): this {
    for (;;) {
      const begun = this.#begun.shift();
      if (begun !== undefined) {
        dispatch(this, begun);
        continue;
      }
      const { state, stage, begun: begunCount } = this.instance;
      if (state === 'running') {
        const entered = this.plan.stages[stage];
        if (entered === undefined) this.complete();
        else if (begunCount < entered.count) this.#beginStep(this.#nextStep(stage));
        else if (this.isAtRest) this.#park();
        else return this;
      } else if (state === 'compensating' && this.isAtRest) this.#endUndo();
      else return this;
    }
  }

  /** True when no task waits for anything. */
  get isAtRest(): boolean {
    return this.stageTasks().every((task) => task.waiting === 'nothing');
  }

  /** The tasks of the busy stage. */
  stageTasks(): readonly Task[] {
    const { tasks, stage } = this.instance;
    return tasks
      .slice(firstOfStage(this.plan, this.instance))
      .filter((task) => stepOf(this.plan, task).stage === stage);
  }

  /** A do that was refused or failed. */
  failed(task: Task, failure: TaskFailure): void {
    const { plan, instance, ctx } = this;
    const step = stepOf(plan, task);
    const path = pathOf(step, task);
    const attempt = Math.min(task.attempt + 1, step.attemptsMax);
    if (instance.state === 'compensating') {
      const next = failure.type === 'rejection' ? 'refused' : failure.isUnsure ? 'unanswered' : 'exhausted';
      return this.emit(stepFailed(path, attempt, failure, next));
    }
    // What may have had its effect and has no way back is left to a person.
    const onlyForward = instance.stage > plan.pivot || (failure.isUnsure && instance.stage === plan.pivot);
    if (failure.type === 'rejection' && (step.optional || !onlyForward)) {
      this.emit(stepFailed(path, attempt, failure, 'refused'));
      if (!step.optional) {
        this.turnBack({ step: path, code: failure.code, detail: failure.detail }, failureText(failure));
      }
      return;
    }
    const isLate = !onlyForward && ctx.now >= instance.deadlineAt;
    if (attempt < step.attemptsMax && !isLate && !failure.isUnsure) {
      const until = ctx.now + retryDelay(step, attempt, ctx.id);
      return this.emit(stepFailed(path, attempt, failure, 'retry', until));
    }
    this.#over(task, failure, attempt, isLate, onlyForward);
  }

  /** The last attempt of a do has failed. */
  #over(task: Task, failure: TaskFailure, attempt: number, isLate: boolean, onlyForward: boolean): void {
    const step = stepOf(this.plan, task);
    const path = pathOf(step, task);
    const text = attemptsText({ step: path, attempt, code: failure.code, detail: failure.detail });
    const over = failure.isUnsure ? 'unanswered' : 'exhausted';
    if (isLate) {
      this.emit(stepFailed(path, attempt, failure, over));
      return this.turnBack(timedOut(path), sagaTimeoutText);
    }
    if (step.optional) return this.emit(stepFailed(path, attempt, failure, over));
    if (!onlyForward) {
      this.emit(stepFailed(path, attempt, failure, over));
      return this.turnBack(exhausted(path, text), text);
    }
    const isAlone = this.stageTasks().every((other) => other === task || other.waiting === 'nothing');
    if (!isAlone) return this.emit(stepFailed(path, attempt, failure, 'stuck'));
    this.emit(stepFailed(path, attempt, failure, over));
    this.emit({ type: 'SagaFailed', data: { step: step.name, reason: text } });
  }

  /** From forward to backward. */
  turnBack(refusal: SagaRefusal, reason: string): void {
    const { definition } = this.plan;
    const context = new StepContext(this.instance, this.ctx);
    const closing = closed(() =>
      this.#isSecond ? undefined : definition.onCompensating?.(context, refusal),
    );
    // Giving back what was taken matters more than saying so.
    if (isCause(closing)) {
      const reasons = `${reason}; ${failureText(closing)}`;
      this.emit({ type: 'SagaCompensating', data: { step: refusal.step, reason: reasons } });
    } else {
      this.emit({ type: 'SagaCompensating', data: { step: refusal.step, reason } });
      this.events.push(...closing);
    }
  }

  /** An undo that was refused or failed. */
  undoFailed(task: Task, cause: Cause): void {
    const step = stepOf(this.plan, task);
    const path = pathOf(step, task);
    const attempt = Math.min(task.attempt + 1, step.attemptsMax);
    if (attempt < step.attemptsMax) {
      const until = this.ctx.now + retryDelay(step, attempt, this.ctx.id);
      return this.emit(undoFailed(path, attempt, cause, 'retry', until));
    }
    this.giveUpUndo(path, cause);
  }

  giveUpUndo(path: string, { code, detail }: Cause): void {
    this.emit({ type: 'CompensationFailed', data: { step: path, code, detail } });
  }

  /** Nothing is left to do. `withClosing`: an operator may have it end without the events that could not be made. */
  complete(withClosing = true): void {
    const { plan, instance, ctx } = this;
    const step = currentStep(plan, instance);
    if (withClosing && this.parksAtEnd && plan.definition.onCompleted !== undefined) {
      return this.emit({ type: 'SagaFailed', data: { step, reason: closingTooLargeText } });
    }
    const closing = closed(() =>
      withClosing ? plan.definition.onCompleted?.(new StepContext(instance, ctx)) : undefined,
    );
    if (isCause(closing)) {
      this.emit({ type: 'SagaFailed', data: { step, reason: failureText(closing) } });
      return;
    }
    this.emit({ type: 'SagaCompleted', data: { step } });
    this.events.push(...closing);
    this.tellParent('completed', '', instance.results);
  }

  /** The saga that waits for this one hears that it is over. */
  tellParent(state: string, detail: string, results: unknown = null): void {
    const { parent } = this.instance;
    if (parent === undefined) return;
    const payload = { tag: parent.tag, state, detail, results };
    this.messages.push({ kind: parent.kind, id: parent.id, command: 'childEnded', payload });
  }

  /** Every task is over, and what failed can neither be undone nor passed over. */
  #park(): void {
    const failed = this.stageTasks().filter((task) => isFailed(task) && !stepOf(this.plan, task).optional);
    const [first] = failed;
    const step = first === undefined ? currentStep(this.plan, this.instance) : stepOf(this.plan, first).name;
    this.emit({ type: 'SagaFailed', data: { step, reason: '' } });
  }

  #endUndo(): void {
    const { plan, instance } = this;
    const step = currentStep(plan, instance);
    if (instance.tasks.some((task) => task.mark === stepMark.undoFailed)) {
      return this.emit({ type: 'SagaFailed', data: { step, reason: '' } });
    }
    this.emit({ type: 'SagaCompensated', data: { step } });
    this.tellParent('compensated', instance.errors.at(-1) ?? '');
  }

  /** The first step of the stage without a task. After a retry that may be one in the middle (`resume` of the fold). */
  #nextStep(stage: number): PlannedStep {
    const { tasks } = this.instance;
    const next = this.plan.steps.find(
      (step) => step.stage === stage && !tasks.some((task) => task.step === step.index),
    );
    if (next === undefined) throw new Error('invariant: a stage has the steps that it counts');
    return next;
  }

  /** Decides on one step of a stage that is not plain. */
  #beginStep(step: PlannedStep): void {
    const { name } = step;
    const context = new StepContext(this.instance, this.ctx);
    const begin = (items: readonly unknown[] | null, until = 0): void =>
      this.emit({
        type: 'StepBegun',
        data: {
          step: name,
          items: items === null ? null : [...items],
          concurrency: step.concurrencyMax,
          until,
        },
      });
    let cause: Cause;
    try {
      if (step.when !== undefined && !synchronous(step.when(context))) {
        return this.emit({ type: 'StepSkipped', data: { step: name } });
      }
      if (step.sleepMs !== undefined)
        return begin(null, this.ctx.now + lengthOf(synchronous(step.sleepMs(context))));
      const items = synchronous(step.items?.(context)) ?? null;
      const bound = pastBounds(step, items, this.messages.length);
      if (bound === undefined) return begin(items);
      cause = bound;
    } catch {
      cause = threw(`condition, items or delay of step ${name}`);
    }
    begin(null);
    const task = this.instance.tasks.at(-1) as Task;
    this.#begun.pop();
    // Attempt 0: a retry by a person asks again (see `resume` of the fold).
    this.#over(task, notSent(cause), 0, false, this.instance.stage > this.plan.pivot);
  }
}

/** Of a sleep. Throws on what is no number: its timer would never be due. */
function lengthOf(sleepMs: number): number {
  if (!Number.isFinite(sleepMs)) throw new TypeError('A delay is a number.');
  return Math.max(0, sleepMs);
}

/** The definition's own events: its contract names them, the runtime's own does not. */
export function closed(make: () => readonly ClosingEvent[] | undefined): readonly SagaEvent[] | Cause {
  try {
    return (synchronous(make()) ?? []) as unknown as readonly SagaEvent[];
  } catch {
    return threw('function for the closing events');
  }
}

function isCause(closing: readonly SagaEvent[] | Cause): closing is Cause {
  return 'code' in closing;
}
