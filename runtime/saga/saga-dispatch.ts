/**
 * From a task that has begun to what it sends: the message, activity or start of another saga that its step orders, and
 * nothing for one that only waits. An order that cannot be made is a failure of the task.
 *
 *     task            do                      undo                     settle (the saga turns back)
 *     command         its message             undo's message           –
 *     tell            its message, and done   –                        –
 *     activity        its activity            undo's activity/message  –
 *     another saga    startChild              undo's message           cancelChild
 *     signal          done if it has come     –                        –
 *     sleep           –                       –                        –
 */
import type { ActivityOrder } from '../../actors/model/activity.js';
import type { DecideContext } from '../../actors/model/aggregate.js';
import type { MessageOrder, TimerOrder } from '../../actors/model/message.js';
import type { ChildOrder } from '../../actors/model/saga-step.js';
import type { SagaEvent } from './saga-contract.js';
import { type Cause, notSent, type TaskFailure, threw } from './saga-failure.js';
import type { SagaInstance } from './saga-instance.js';
import {
  completed,
  contextOf,
  isActivity,
  isChild,
  isFailure,
  ordered,
  tagged,
  undone,
  untagged,
} from './saga-order.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';
import { pathOf, stepOf, type Task } from './saga-task.js';
import { wakeTimer } from './saga-timing.js';

export interface Begun {
  readonly task: Task;
  readonly what: 'do' | 'undo' | 'settle';
}

/** What a dispatch reads and adds to: the decision in the making. */
export interface Dispatch {
  readonly plan: SagaPlan;
  readonly instance: SagaInstance;
  readonly ctx: DecideContext;
  readonly messages: MessageOrder[];
  readonly activities: TimerOrder[];
  emit(event: SagaEvent): void;
  failed(task: Task, failure: TaskFailure): void;
  undoFailed(task: Task, cause: Cause): void;
}

export function dispatch(to: Dispatch, { task, what }: Begun): void {
  const step = stepOf(to.plan, task);
  const path = pathOf(step, task);
  if (what === 'undo') return dispatchUndo(to, task, step, path);
  if (step.kind === 'sleep') return;
  if (step.kind === 'signal') {
    const { signals } = to.instance;
    if (what === 'do' && Object.hasOwn(signals, step.signal)) {
      to.emit(completed(path, signals[step.signal] ?? null));
    }
    return;
  }
  const order = ordered(step, contextOf(step, task, to.instance, to.ctx));
  if (isFailure(order)) {
    if (what === 'do') to.failed(task, notSent(order));
  } else if (isChild(order)) {
    const child = { ...order, id: childId(order.id, to.instance.usedUp[path] ?? 0) };
    to.messages.push(
      what === 'do'
        ? tagged(childStart(to, child, path), path)
        : { kind: child.saga, id: child.id, command: 'cancelChild', payload: parentOf(to) },
    );
  } else if (what === 'settle') {
    return;
  } else if (isActivity(order)) {
    to.activities.push(performOrder(to, step, order, path, 'do'));
  } else if (step.kind === 'tell') {
    to.messages.push(untagged(order));
    to.emit(completed(path, null));
  } else {
    to.messages.push(tagged(order, path));
  }
}

function dispatchUndo(to: Dispatch, task: Task, step: PlannedStep, path: string): void {
  const order = undone(step, contextOf(step, task, to.instance, to.ctx));
  if (isFailure(order)) to.undoFailed(task, order);
  else if (!isActivity(order)) to.messages.push(tagged(order, `undo:${path}`));
  else if (step.kind === 'activity') to.activities.push(performOrder(to, step, order, path, 'undo'));
  else to.undoFailed(task, threw(`undo of step ${step.name} is an activity: it`));
}

function performOrder(
  { plan, ctx }: Dispatch,
  step: PlannedStep,
  { port, activity, input }: ActivityOrder,
  path: string,
  what: 'do' | 'undo',
): TimerOrder {
  return {
    type: 'perform',
    name: what === 'do' ? timerOf(path) : `undo:${path}`,
    port,
    activity,
    input,
    // Sagas of two kinds may share an id, and one provider serves both.
    idempotencyKey: `${plan.definition.name}/${ctx.id}/${path}/${what}`,
    timeoutMs: step.timeoutMs,
    command: 'performed',
  };
}

/** An order stands under a timer's name, and one is taken. No step has a colon in its name. */
function timerOf(path: string): string {
  return path === wakeTimer ? `do:${path}` : path;
}

/** The step, or undo, whose activity stood under the name. */
export function tagOfTimer(name: string): string {
  return name === timerOf(wakeTimer) ? wakeTimer : name;
}

function childStart(
  { plan, instance, ctx }: Dispatch,
  { saga, id, input }: ChildOrder,
  tag: string,
): MessageOrder {
  // Past the pivot nothing turns this saga back, and so nothing of it: the other one has its own deadline only.
  const deadline_at = instance.stage < plan.pivot ? instance.deadlineAt : Number.MAX_SAFE_INTEGER;
  const payload = { ...parentOf({ plan, ctx }), tag, deadline_at, input };
  return { kind: saga, id, command: 'startChild', payload };
}

function parentOf({ plan, ctx }: Pick<Dispatch, 'plan' | 'ctx'>): { parent_kind: string; parent_id: string } {
  return { parent_kind: plan.definition.name, parent_id: ctx.id };
}

/**
 * A saga that has ended does not begin again, and what it undid stays refused: one that is tried again runs under a new
 * id, `pack.2` after `pack`, in the same place. Only steps that are never undone come to that (past the pivot).
 */
export function childId(id: string, usedUpCount: number): string {
  if (usedUpCount === 0) return id;
  const mark = id.indexOf('~');
  const stem = mark < 0 ? id : id.slice(0, mark);
  return `${stem}.${usedUpCount + 1}${id.slice(stem.length)}`;
}
