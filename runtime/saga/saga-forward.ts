/**
 * The way forward, as the fold of events has it: stages entered and left, tasks begun, one after the other or at once. The
 * way back is `saga-undo.ts`.
 */
import { firstOfStage, type SagaInstance } from './saga-instance.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';
import {
  isFailed,
  newTask,
  type OnBegun,
  stepMark,
  stepOf,
  type Task,
  undoWaitingOf,
  wait,
  waitingOf,
} from './saga-task.js';
import { continueUndo } from './saga-undo.js';

export class ForwardFold {
  readonly #onBegun: OnBegun;

  constructor(onBegun: OnBegun) {
    this.#onBegun = onBegun;
  }

  enter(plan: SagaPlan, instance: SagaInstance, stage: number, at: number): void {
    instance.stage = stage;
    instance.begun = 0;
    const entered = plan.stages[stage];
    if (entered?.isPlain !== true) return;
    instance.begun = 1;
    this.#start(instance, plan.steps[entered.first] as PlannedStep, -1, at);
  }

  begin(
    instance: SagaInstance,
    step: PlannedStep,
    data: { readonly items: readonly unknown[] | null; readonly concurrency: number; readonly until: number },
    at: number,
  ): void {
    const { items, concurrency, until } = data;
    instance.begun++;
    if (items === null) {
      this.#start(instance, step, -1, at).until = until;
      return;
    }
    instance.spreads = { ...instance.spreads, [step.name]: { items, concurrency } };
    instance.results[step.name] = items.map(() => null);
    for (let item = 0; item < items.length; item++) {
      if (item < concurrency) this.#start(instance, step, item, at);
      else instance.tasks.push(newTask(step.index, item, 'turn', at));
    }
  }

  /** A task of the step is over. */
  closed(plan: SagaPlan, instance: SagaInstance, step: PlannedStep, at: number): void {
    if (instance.state === 'compensating') return continueUndo(plan, instance, at, this.#onBegun);
    if (step.items !== undefined) this.nextTurn(instance, step, at);
    this.goOn(plan, instance, at);
  }

  /** Begins items that wait for their turn, as many as may be under way. */
  nextTurn(instance: SagaInstance, step: PlannedStep, at: number): void {
    let room = instance.spreads[step.name]?.concurrency ?? 0;
    const waiting: Task[] = [];
    for (const task of instance.tasks) {
      if (task.step !== step.index) continue;
      if (task.waiting === 'turn') waiting.push(task);
      else if (task.waiting !== 'nothing') room--;
    }
    for (const task of waiting.slice(0, Math.max(0, room))) {
      wait(task, waitingOf(step), at);
      this.#onBegun(task, 'do');
    }
  }

  /** Enters the next stage once everything in this one is over and nothing of it has failed. */
  goOn(plan: SagaPlan, instance: SagaInstance, at: number): void {
    const { tasks, stage } = instance;
    if (plan.stages[stage]?.isPlain === true && tasks[tasks.length - 1]?.mark === stepMark.done) {
      // Most stages: one step, and it is done.
      return this.enter(plan, instance, stage + 1, at);
    }
    if (instance.begun < (plan.stages[stage]?.count ?? 0)) return;
    for (let index = firstOfStage(plan, instance); index < tasks.length; index++) {
      const task = tasks[index] as Task;
      if (task.waiting !== 'nothing') return;
      if (isFailed(task) && !stepOf(plan, task).optional) return;
    }
    this.enter(plan, instance, stage + 1, at);
  }

  /** Does, or undoes, once more. */
  again(plan: SagaPlan, task: Task, what: 'do' | 'undo', at: number): void {
    const step = stepOf(plan, task);
    wait(task, what === 'do' ? waitingOf(step) : undoWaitingOf(step), at);
    this.#onBegun(task, what);
  }

  /** What is under way may take effect, or is waited for until that is known; the rest has none. */
  turnBack(plan: SagaPlan, instance: SagaInstance, at: number): void {
    const { tasks } = instance;
    for (let index = firstOfStage(plan, instance); index < tasks.length; index++) {
      const task = tasks[index] as Task;
      if (task.waiting === 'outcome') {
        wait(task, 'settling', at);
        this.#onBegun(task, 'settle');
      } else {
        if (task.waiting === 'answer' || task.waiting === 'overdue') task.mark = stepMark.maybe;
        task.waiting = 'nothing';
      }
    }
  }

  /** What a person decided on the failed tasks of a saga that goes forward. */
  resume(plan: SagaPlan, instance: SagaInstance, mode: 'skip' | 'in-turns' | 'at-once', at: number): void {
    const spread = new Set<PlannedStep>();
    const failed = instance.tasks
      .slice(firstOfStage(plan, instance))
      .filter((task) => isFailed(task) && !stepOf(plan, task).optional);
    for (const task of failed) {
      if (mode === 'skip') {
        task.mark = stepMark.skipped;
      } else if (task.attempt === 0) {
        // It failed before it began: what it is to do is asked anew.
        instance.tasks.splice(instance.tasks.indexOf(task), 1);
        instance.begun--;
      } else {
        task.mark = stepMark.untouched;
        task.attempt = 0;
        if (task.item < 0 || mode === 'at-once') {
          this.again(plan, task, 'do', at);
        } else {
          wait(task, 'turn', at);
          spread.add(stepOf(plan, task));
        }
      }
    }
    for (const step of spread) this.nextTurn(instance, step, at);
    if (instance.stage < plan.stages.length) this.goOn(plan, instance, at);
  }

  #start(instance: SagaInstance, step: PlannedStep, item: number, at: number): Task {
    const task = newTask(step.index, item, waitingOf(step), at);
    instance.tasks.push(task);
    this.#onBegun(task, 'do');
    return task;
  }
}
