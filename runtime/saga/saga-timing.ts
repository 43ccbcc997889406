/**
 * When a saga instance must look up if nothing arrives.
 *
 *     task waits for      until
 *     answer, signal      the step's timeout
 *     retry, sleep        the time that its event named
 *     anything else       no time of its own
 *
 * and before the pivot never past the saga's deadline. The decision that writes an event and the fold of that event reckon
 * by the same rule, so that the state knows where the timer stands (N2).
 */
import { firstOfStage, isOpen, type SagaInstance } from './saga-instance.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';
import { stepOf, type Task } from './saga-task.js';

/** The one timer of a live instance. */
export const wakeTimer = 'wake';

/** Time of the next thing to do; `Infinity` when only an answer or a person can move the instance. */
export function dueAt(plan: SagaPlan, instance: SagaInstance): number {
  if (!isOpen(instance)) return Number.POSITIVE_INFINITY;
  const { tasks, stage } = instance;
  if (plan.stages[stage]?.isPlain === true && instance.state === 'running') {
    // Most stages have one task.
    const task = tasks[tasks.length - 1];
    if (task === undefined || task.waiting === 'nothing') return Number.POSITIVE_INFINITY;
    const ends = waitEndsAt(plan.steps[task.step] as PlannedStep, task);
    if (stage < plan.pivot) return Math.min(ends, instance.deadlineAt);
    return mayTurnBack(plan, instance) ? Math.min(ends, instance.deadlineAt) : ends;
  }
  let due = Number.POSITIVE_INFINITY;
  let isBusy = false;
  for (let index = firstOfStage(plan, instance); index < tasks.length; index++) {
    const task = tasks[index] as Task;
    const step = stepOf(plan, task);
    if (step.stage > stage) break;
    if (task.waiting === 'nothing') continue;
    isBusy = true;
    due = Math.min(due, waitEndsAt(step, task));
  }
  return isBusy && mayTurnBack(plan, instance) ? Math.min(due, instance.deadlineAt) : due;
}

/** When the present wait of a task ends by itself. */
export function waitEndsAt(step: PlannedStep, { waiting, since, until, attempt }: Task): number {
  if (waiting === 'answer' || waiting === 'signal') return since + step.timeoutMs;
  // NaN: of before a delay that is no number failed its step.
  if (waiting === 'sleep') return Number.isNaN(until) ? since : until;
  // Events of the first version did not name the time.
  if (waiting === 'retry') return until > 0 ? until : since + step.retryDelayMs * 2 ** (attempt - 1);
  return Number.POSITIVE_INFINITY;
}

/**
 * True while the saga can still be turned back: running, the pivot not done, and not under way either, since an
 * unanswered pivot may have had its effect and has no way back.
 */
export function mayTurnBack(plan: SagaPlan, instance: SagaInstance): boolean {
  const { state, stage, tasks } = instance;
  if (state !== 'running' || stage > plan.pivot) return false;
  if (stage < plan.pivot) return true;
  const pivot = tasks[tasks.length - 1];
  const waiting = pivot !== undefined && stepOf(plan, pivot).stage === stage ? pivot.waiting : 'nothing';
  return waiting !== 'answer' && waiting !== 'overdue' && waiting !== 'outcome';
}

/** True when a timer for `due` must be set now: the one that stands may be later (N2). */
export function mustRearm(armedAt: number, due: number, now: number): boolean {
  return due !== Number.POSITIVE_INFINITY && (due < armedAt || armedAt <= now);
}
