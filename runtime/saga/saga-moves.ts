/**
 * What a saga instance does when it is started, answered, or woken. Pure; decides on a state that it does not change.
 *
 *     input                          before the pivot is done            after it
 *     start                          first orders                        –
 *     reply of a step                next orders, or completed           the same
 *     refusal                        optional: passed over               optional: passed over
 *                                    else: compensate                    retry, then failed (parked)
 *     operating failure              retry, then as after a refusal      retry, then failed (parked)
 *     failure that may have had      compensate, this step too           failed (parked); so is the pivot itself
 *       its effect
 *     time: no answer                attempt counted, awaited; at the    attempt counted, awaited; at the end awaited
 *                                    end compensate, this step too       without a limit (so is the pivot itself)
 *     time: deadline                 compensate, unless the pivot is     nothing
 *                                    under way: then its answer decides
 *     reply of an undo               next undo of its stage, next lower stage, or the end
 *     failure, refusal of an undo    retry, then recorded and on
 *     any other answer               nothing: it came too late
 *     any answer of a step that is   next orders: an older program, where it was a call, had
 *       told, or none in time        left it waiting
 *
 * A step that is told is done in the decision that comes to it.
 *
 * An optional step that is given up, for whatever reason, is passed over. In a parallel group past the pivot one that is
 * given up waits until the others are over. Nearly every answer is that of a step in a plain sequence: `#fastAnswer`
 * decides it without a draft. (A first command that throws is thrown on: nothing has happened yet.)
 */
import type { DecideContext, Evolve, TaggedReply } from '../../actors/model/aggregate.js';
import type { MessageOrder } from '../../actors/model/message.js';
import { synchronous } from '../synchronous.js';
import type { SagaContract, SagaEvent } from './saga-contract.js';
import { type Move, SagaDraft } from './saga-draft.js';
import { attemptsText, sagaTimeoutText } from './saga-error-text.js';
import { evolveSaga, type PlanOf } from './saga-evolve.js';
import {
  type Cause,
  exhausted,
  notSent,
  stepFailed,
  type TaskFailure,
  timedOut,
  unanswered,
  undoFailed,
} from './saga-failure.js';
import { currentStep, initialInstance, inputOf, isOpen, type SagaInstance, taskAt } from './saga-instance.js';
import {
  completed,
  isActivity,
  isChild,
  isFailure,
  ordered,
  StepContext,
  tagged,
  untagged,
} from './saga-order.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';
import { type OnBegun, pathOf, stepOf, type Task } from './saga-task.js';
import { dueAt, mayTurnBack, mustRearm, waitEndsAt } from './saga-timing.js';

const undoMark = 'undo:';
const none: readonly never[] = [];

/** An answer as the machine takes it: of a command, an activity or another saga. */
export type TaskAnswer = { readonly type: 'reply'; readonly reply: unknown } | TaskFailure;

export class SagaMoves {
  readonly planOf: PlanOf;
  readonly #evolveWith: (onBegun: OnBegun) => Evolve<SagaContract, SagaInstance>;

  constructor(planOf: PlanOf) {
    this.planOf = planOf;
    // One fold for all drafts, which are made one after the other: it tells the newest.
    let listener: OnBegun = () => undefined;
    const evolve = evolveSaga(planOf, (task, what) => listener(task, what));
    this.#evolveWith = (onBegun) => {
      listener = onBegun;
      return evolve;
    };
  }

  /** `isSecond`: see `SagaDraft`. */
  draft(instance: SagaInstance, ctx: DecideContext, isSecond = false): SagaDraft {
    return new SagaDraft(instance, this.planOf(instance), ctx, this.#evolveWith, isSecond);
  }

  /** The first move of an instance that has not been started. `link`: the saga that waits for it. */
  start(
    plan: SagaPlan,
    payload: Readonly<Record<string, unknown>>,
    ctx: DecideContext,
    link?: Extract<SagaEvent, { readonly type: 'SagaLinked' }>,
  ): Move {
    const { principal } = ctx.caller;
    const input = inputOf(plan, payload);
    const data = { definition_version: plan.version, principal, ...input };
    const started: SagaEvent = { type: 'SagaStarted', data };
    const first = plan.steps[0] as PlannedStep;
    if (plan.stages[0]?.isPlain === true && first.kind === 'command' && link === undefined) {
      const context = new StepContext({ input, principal, results: {} }, ctx);
      const order = synchronous(first.order?.(context)) as MessageOrder;
      const armedAt = ctx.now + Math.min(first.timeoutMs, plan.pivot > 0 ? plan.deadlineMs : first.timeoutMs);
      return { events: [started], messages: [tagged(order, first.tag)], activities: none, armedAt };
    }
    const draft = new SagaDraft(
      { ...initialInstance(), definitionVersion: plan.version },
      plan,
      ctx,
      this.#evolveWith,
    );
    draft.emit(started);
    if (link !== undefined) draft.emit(link);
    return draft.follow();
  }

  /** What an answer to a message leads to; undefined when it came too late to matter. */
  answer(
    instance: SagaInstance,
    { tag, outcome, isUnrecorded, given }: TaggedReply,
    ctx: DecideContext,
  ): Move | undefined {
    if (outcome.type === 'reply') {
      // Of another saga it says that it was started; that saga tells its end itself.
      if (isChildStart(this.planOf(instance), instance, tag)) return undefined;
      return this.settle(instance, tag, outcome, ctx);
    }
    const isSecond = isUnrecorded === true;
    if (given?.type === 'reply') return this.settle(instance, tag, given, ctx, isSecond);
    return this.settle(instance, tag, { ...outcome, isUnsure: isSecond }, ctx, isSecond);
  }

  /** The same for an answer from wherever. `isSecond`: it is the failure of what was decided on the real one. */
  settle(
    instance: SagaInstance,
    tag: string,
    answer: TaskAnswer,
    ctx: DecideContext,
    isSecond = false,
  ): Move | undefined {
    if (!isOpen(instance)) return undefined;
    const plan = this.planOf(instance);
    const isUndo = tag.startsWith(undoMark);
    const found = taskAt(plan, instance, isUndo ? tag.slice(undoMark.length) : tag);
    if (found === undefined || !isAwaited(instance, found, isUndo)) return undefined;
    if (answer.type === 'reply' && !isUndo && !isSecond) {
      const fast = this.#fastAnswer(instance, plan, found, answer.reply, ctx);
      if (fast !== undefined) return fast;
    }
    const draft = this.draft(instance, ctx, isSecond);
    const step = stepOf(plan, found);
    const path = pathOf(step, found);
    // The copy has the task in the same place.
    const task = draft.instance.tasks[instance.tasks.indexOf(found)] as Task;
    if (answer.type === 'reply') {
      draft.parksAtEnd = isSecond;
      if (isUndo) draft.emit({ type: 'StepCompensated', data: { step: path } });
      else draft.emit(completed(path, answer.reply ?? null));
    } else if (isUndo) draft.undoFailed(task, answer);
    else if (step.kind === 'tell' && !isSecond) draft.emit(completed(path, null));
    else draft.failed(task, answer);
    return draft.follow();
  }

  /**
   * What time alone leads to; undefined when nothing is due yet. `failure`: what it led to was past a bound, so that what
   * would have begun fails, and the saga turns back without closing events.
   */
  look(instance: SagaInstance, ctx: DecideContext, failure?: Cause): SagaDraft | undefined {
    const plan = this.planOf(instance);
    if (!isOpen(instance) || ctx.now < dueAt(plan, instance)) return undefined;
    const draft = this.draft(instance, ctx, failure !== undefined);
    if (mayTurnBack(plan, instance) && ctx.now >= instance.deadlineAt) {
      draft.turnBack(timedOut(currentStep(plan, instance)), sagaTimeoutText);
      return draft.follow();
    }
    const { state, stage } = instance;
    for (const task of draft.stageTasks()) {
      // One of them may have turned the saga back, or ended the stage.
      if (draft.instance.state !== state || draft.instance.stage !== stage) break;
      if (waitEndsAt(stepOf(plan, task), task) <= ctx.now) this.#waitOver(draft, task, failure);
    }
    return draft.follow();
  }

  #waitOver(draft: SagaDraft, task: Task, failure: Cause | undefined): void {
    const step = stepOf(draft.plan, task);
    const path = pathOf(step, task);
    const isForward = draft.instance.state === 'running';
    const isOver =
      task.waiting === 'sleep' || (step.kind === 'tell' && task.waiting === 'answer' && isForward);
    if (failure !== undefined && (task.waiting === 'retry' || isOver)) {
      if (isForward) draft.failed(task, notSent(failure));
      else draft.undoFailed(task, failure);
    } else if (task.waiting === 'retry') {
      draft.emit({ type: isForward ? 'StepRetried' : 'UndoRetried', data: { step: path } });
    } else if (isOver) {
      draft.emit(completed(path, null));
    } else if (task.waiting === 'signal') {
      draft.failed(task, { type: 'failure', ...unanswered(path), isUnsure: false });
    } else if (isForward) this.#stepUnanswered(draft, task, step, path);
    else this.#undoUnanswered(draft, task, step, path);
  }

  #stepUnanswered(draft: SagaDraft, task: Task, step: PlannedStep, path: string): void {
    const attempt = task.attempt + 1;
    const cause = unanswered(path);
    if (attempt < step.attemptsMax) return draft.emit(stepFailed(path, attempt, cause, 'await'));
    if (step.optional) return draft.emit(stepFailed(path, attempt, cause, 'unanswered'));
    if (draft.instance.stage >= draft.plan.pivot) {
      return draft.emit(stepFailed(path, attempt, cause, 'overdue'));
    }
    draft.emit(stepFailed(path, attempt, cause, 'unanswered'));
    const text = attemptsText({ step: path, attempt, ...cause });
    draft.turnBack(exhausted(path, text), text);
  }

  #undoUnanswered(draft: SagaDraft, task: Task, step: PlannedStep, path: string): void {
    const attempt = task.attempt + 1;
    const cause = unanswered(path);
    if (attempt < step.attemptsMax) draft.emit(undoFailed(path, attempt, cause, 'await'));
    else draft.giveUpUndo(path, cause);
  }

  /**
   * The reply of a step in a plain sequence, with a plain command after it or the end, behind whatever is told on the way
   * there: what a draft would write, without one. Undefined: it takes a draft.
   */
  #fastAnswer(
    instance: SagaInstance,
    plan: SagaPlan,
    task: Task,
    reply: unknown,
    ctx: DecideContext,
  ): Move | undefined {
    const { stage } = instance;
    if (instance.state !== 'running' || task.item >= 0 || plan.stages[stage]?.isPlain !== true)
      return undefined;
    let { name } = stepOf(plan, task);
    const events = [completed(name, reply ?? null)];
    const context = new StepContext(instance, ctx, events);
    let messages: readonly MessageOrder[] = none;
    let { armedAt } = instance;
    for (let entering = stage + 1; ; entering++) {
      const entered = plan.stages[entering];
      if (entered === undefined) {
        const closing = instance.parent === undefined ? closingOf(plan, context) : undefined;
        if (closing === undefined) return undefined;
        const all: SagaEvent[] = [...events, { type: 'SagaCompleted', data: { step: name } }, ...closing];
        return { events: all, messages, activities: none, armedAt: undefined };
      }
      const next = plan.steps[entered.first] as PlannedStep;
      const isTold = next.kind === 'tell';
      if (!entered.isPlain || !(isTold || next.kind === 'command')) return undefined;
      const order = ordered(next, context);
      if (isFailure(order) || isActivity(order) || isChild(order)) return undefined;
      const due = ctx.now + next.timeoutMs;
      const limit = entering < plan.pivot ? Math.min(due, instance.deadlineAt) : due;
      if (mustRearm(armedAt, limit, ctx.now)) armedAt = limit;
      const message = isTold ? untagged(order) : tagged(order, next.tag);
      messages = messages.length === 0 ? [message] : [...messages, message];
      if (!isTold) return { events, messages, activities: none, armedAt };
      ({ name } = next);
      events.push(completed(name, null));
    }
  }
}

function isChildStart(plan: SagaPlan, instance: SagaInstance, tag: string): boolean {
  if (!plan.hasChildren || tag.startsWith(undoMark)) return false;
  const task = taskAt(plan, instance, tag);
  return task !== undefined && stepOf(plan, task).kind === 'child';
}

/** True when the task waits for this answer. */
function isAwaited({ state }: SagaInstance, { waiting }: Task, isUndo: boolean): boolean {
  if (isUndo) return state === 'compensating' && (waiting === 'answer' || waiting === 'outcome');
  if (state === 'compensating') return waiting === 'settling';
  return waiting === 'answer' || waiting === 'overdue' || waiting === 'outcome';
}

/** The definition's own last events; undefined when they cannot be made. */
function closingOf({ definition }: SagaPlan, context: StepContext): readonly SagaEvent[] | undefined {
  try {
    // The definition's own events: its contract names them, the runtime's own does not.
    return (synchronous(definition.onCompleted?.(context)) ?? none) as unknown as readonly SagaEvent[];
  } catch {
    return undefined;
  }
}
