/**
 * A task: one step of an instance, or one item of a for-each step; what became of it and what it waits for.
 */
import type { PlannedStep, SagaPlan } from './saga-plan.js';

/**
 * What may have become of a task. Only `done` and `maybe` are undone (decision d).
 * `failed`: over, without effect. `skipped`: passed over, by `when` or by an operator.
 */
export const stepMark = {
  untouched: 0,
  done: 1,
  maybe: 2,
  undone: 3,
  undoFailed: 4,
  failed: 5,
  skipped: 6,
} as const;
export type StepMark = (typeof stepMark)[keyof typeof stepMark];

/**
 * `turn`      an item that waits until fewer are under way
 * `answer`    of the message under way
 * `retry`     the delay before it is sent again
 * `overdue`   an answer, without a limit
 * `outcome`   of an activity or another saga: comes by itself
 * `settling`  the same, while the saga turns back: what is to be undone is not known before
 * `signal`, `sleep`
 */
export type Waiting =
  | 'nothing'
  | 'turn'
  | 'answer'
  | 'retry'
  | 'overdue'
  | 'outcome'
  | 'settling'
  | 'signal'
  | 'sleep';

/** One step of an instance, or one item of a for-each step. */
export interface Task {
  /** Index into the plan's steps. */
  readonly step: number;
  /** −1: the step has no items. */
  readonly item: number;
  mark: StepMark;
  waiting: Waiting;
  /** Failed attempts of what it is busy with. */
  attempt: number;
  /** When the present wait began, and when it ends if an event said so (0: the plan says), Unix ms. */
  since: number;
  until: number;
  /** When its result came; 0: it has none. */
  resultAt: number;
}

export function newTask(step: number, item: number, waiting: Waiting, since: number): Task {
  return { step, item, mark: stepMark.untouched, waiting, attempt: 0, since, until: 0, resultAt: 0 };
}

/** The step that a task is one of. */
export function stepOf(plan: SagaPlan, task: Task): PlannedStep {
  // Tasks are made from the plan's steps.
  return plan.steps[task.step] as PlannedStep;
}

/** Name of a task in events, errors and tags: the step's, with the item's number where there are items. */
export function pathOf(step: PlannedStep, task: Task): string {
  return task.item < 0 ? step.name : `${step.name}[${task.item}]`;
}

/** Told of every task that begins to do or undo its work, or that the saga turns back from: an order may have to follow. */
export type OnBegun = (task: Task, what: 'do' | 'undo' | 'settle') => void;

/** What a task of the step waits for once it is under way. */
export function waitingOf({ kind }: PlannedStep): Waiting {
  // One that is told is done in the decision that begins it.
  if (kind === 'command' || kind === 'tell') return 'answer';
  return kind === 'activity' || kind === 'child' ? 'outcome' : kind;
}

/** The undo of an activity is one as a rule, and its answer comes by itself if it is not. */
export function undoWaitingOf({ kind }: PlannedStep): Waiting {
  return kind === 'activity' ? 'outcome' : 'answer';
}

export function wait(task: Task, waiting: Waiting, at: number, until = 0): void {
  task.waiting = waiting;
  task.since = at;
  task.until = until;
}

export function close(task: Task, mark: StepMark): void {
  task.mark = mark;
  task.waiting = 'nothing';
}

/** Over, and not done or not surely done. */
export function isFailed({ mark }: Task): boolean {
  return mark === stepMark.failed || mark === stepMark.maybe;
}

/** May have taken effect, and can be taken back. */
export function canUndo(step: PlannedStep, { mark, waiting }: Task): boolean {
  const mayHaveEffect = mark === stepMark.done || mark === stepMark.maybe;
  return mayHaveEffect && waiting === 'nothing' && step.undo !== undefined;
}
