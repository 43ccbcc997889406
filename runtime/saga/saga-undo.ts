/**
 * The way back: stages from the busy one down, what may have taken effect in one stage at once, items of a for-each step
 * as many at a time as when they were done and the highest first (row 74, S4 of `saga.ts`),
 * and of all of them, those that are settling included, no more than may send a message at once. Activities are none.
 */
import type { SagaInstance } from './saga-instance.js';
import { messagesAtOnceMax, type PlannedStep, type SagaPlan } from './saga-plan.js';
import { canUndo, type OnBegun, stepOf, type Task, undoWaitingOf, wait } from './saga-task.js';

/** Begins to undo at the highest stage, not above `stage`, that has something to undo or to wait for. */
export function beginUndo(
  plan: SagaPlan,
  instance: SagaInstance,
  stage: number,
  at: number,
  onBegun: OnBegun,
): void {
  const { tasks } = instance;
  for (let from = tasks.length; from > 0; ) {
    const last = stepOf(plan, tasks[from - 1] as Task).stage;
    let first = from;
    while (first > 0 && stepOf(plan, tasks[first - 1] as Task).stage === last) first--;
    if (last <= stage && undoStage(plan, instance, tasks.slice(first, from), at, onBegun)) {
      instance.stage = last;
      return;
    }
    from = first;
  }
}

/** Goes on where a task of the busy stage is over. */
export function continueUndo(plan: SagaPlan, instance: SagaInstance, at: number, onBegun: OnBegun): void {
  beginUndo(plan, instance, instance.stage, at, onBegun);
}

/** False when there is nothing to undo in the stage, and nothing under way. */
function undoStage(
  plan: SagaPlan,
  instance: SagaInstance,
  tasks: readonly Task[],
  at: number,
  onBegun: OnBegun,
): boolean {
  let isBusy = false;
  let room = messagesAtOnceMax;
  const underWay = new Map<PlannedStep, number>();
  for (const task of tasks) {
    if (task.waiting === 'nothing') continue;
    isBusy = true;
    const step = stepOf(plan, task);
    if (step.kind !== 'activity') room--;
    if (task.waiting !== 'settling') underWay.set(step, (underWay.get(step) ?? 0) + 1);
  }
  for (const task of tasks.toReversed()) {
    const step = stepOf(plan, task);
    if (!canUndo(step, task)) continue;
    const count = underWay.get(step) ?? 0;
    if (count >= (instance.spreads[step.name]?.concurrency ?? 1)) continue;
    if (step.kind !== 'activity' && room-- <= 0) continue;
    underWay.set(step, count + 1);
    isBusy = true;
    task.attempt = 0;
    wait(task, undoWaitingOf(step), at);
    onBegun(task, 'undo');
  }
  return isBusy;
}
