/**
 * The state of one saga instance, kept small: steps are counted, not named, and only the input and the results are
 * values of the domain. Changed by `saga-evolve.ts` alone.
 *
 * N1  `stage` is the stage that the instance is busy with, doing or undoing; only tasks of that stage wait for anything.
 * N2  The wake timer stands at `armedAt` or earlier, or `armedAt` has passed and the next move sets it anew. A timer
 *     that fires early costs one look; one that fires late would be an error.
 * N3  `tasks` are in the order in which their steps were begun; those of a stage are adjacent.
 */
import { isFinal, type SagaState } from '../../actors/model/saga.js';
import type { SagaPlan } from './saga-plan.js';
import { stepOf, type Task } from './saga-task.js';

/** The items of a for-each step as they were recorded. */
export interface Spread {
  readonly items: readonly unknown[];
  readonly concurrency: number;
}

/** The saga that waits for this one. */
export interface Parent {
  readonly kind: string;
  readonly id: string;
  readonly tag: string;
}

export interface SagaInstance {
  /** `pending` until started. */
  state: SagaState;
  stage: number;
  /** Steps of the stage that have been begun or passed over. */
  begun: number;
  tasks: Task[];
  armedAt: number;
  startedAt: number;
  deadlineAt: number;
  /** 0 until it is over. */
  completedAt: number;
  /** Since when it waits for a person; 0 while it does not. */
  parkedAt: number;
  definitionVersion: number;
  principal: string;
  input: Record<string, unknown>;
  /** By name of the step. */
  results: Record<string, unknown>;
  spreads: Readonly<Record<string, Spread>>;
  /** Signals received, by name. */
  signals: Readonly<Record<string, unknown>>;
  /** Sagas that a step has had to do with and cannot begin again, by path: see `childId`. */
  usedUp: Readonly<Record<string, number>>;
  parent: Parent | undefined;
  errors: string[];
}

/** Nearly every instance has none: these are replaced, never changed. */
const noSpreads: SagaInstance['spreads'] = {};
const noSignals: SagaInstance['signals'] = {};
const noneUsedUp: SagaInstance['usedUp'] = {};

export function initialInstance(): SagaInstance {
  return {
    state: 'pending',
    stage: 0,
    begun: 0,
    tasks: [],
    armedAt: 0,
    startedAt: 0,
    deadlineAt: 0,
    completedAt: 0,
    parkedAt: 0,
    definitionVersion: 0,
    principal: '',
    input: {},
    results: {},
    spreads: noSpreads,
    signals: noSignals,
    usedUp: noneUsedUp,
    parent: undefined,
    errors: [],
  };
}

/** A copy that can be changed without the instance noticing. Values of the domain are shared: nobody changes them. */
export function copyInstance(instance: SagaInstance): SagaInstance {
  const copy: SagaInstance = {
    ...instance,
    tasks: instance.tasks.map((task) => ({ ...task })),
    results: { ...instance.results },
    errors: [...instance.errors],
  };
  // Results of items are lists that grow in place.
  for (const name of Object.keys(copy.spreads)) {
    const results = copy.results[name];
    if (Array.isArray(results)) copy.results[name] = [...results];
  }
  return copy;
}

export function isStarted(instance: SagaInstance): boolean {
  return instance.state !== 'pending';
}

/** True from the start until a final state. */
export function isOpen(instance: SagaInstance): boolean {
  return instance.state !== 'pending' && !isFinal(instance.state);
}

/** True from the start until nothing can happen any more; a parked instance is live. */
export function isLive(instance: SagaInstance): boolean {
  return isOpen(instance) || instance.parkedAt > 0;
}

const itemPath = /^([^[]+)\[(\d+)\]$/;

/** The task of that name; undefined when there is none. The newest is asked for most. */
export function taskAt(plan: SagaPlan, instance: SagaInstance, path: string): Task | undefined {
  const { tasks } = instance;
  const last = tasks[tasks.length - 1];
  if (last === undefined) return undefined;
  if (last.item < 0 && stepOf(plan, last).name === path) return last;
  let step = plan.indexOf.get(path);
  let item = -1;
  if (step === undefined) {
    const [, name = '', number = ''] = itemPath.exec(path) ?? [];
    step = plan.indexOf.get(name);
    item = Number(number);
  }
  return tasks.find((task) => task.step === step && task.item === item);
}

/** Index of the first task of the stage that is busy. */
export function firstOfStage(plan: SagaPlan, instance: SagaInstance): number {
  const { tasks, stage } = instance;
  let first = tasks.length;
  while (first > 0 && stepOf(plan, tasks[first - 1] as Task).stage > stage) first--;
  while (first > 0 && stepOf(plan, tasks[first - 1] as Task).stage === stage) first--;
  return first;
}

/** The step that a status names: the first that is still waiting, else the newest of the stage. */
export function currentStep(plan: SagaPlan, instance: SagaInstance): string {
  const { tasks } = instance;
  let current: Task | undefined;
  for (let index = firstOfStage(plan, instance); index < tasks.length; index++) {
    const task = tasks[index] as Task;
    if (stepOf(plan, task).stage > instance.stage) break;
    if (current === undefined || task.waiting !== 'nothing') current = task;
    if (task.waiting !== 'nothing') break;
  }
  const newest = current ?? tasks[tasks.length - 1];
  return newest === undefined ? '' : stepOf(plan, newest).name;
}

/** The input's own fields of `data`. An absent field and a null one are the same, as they are once stored. */
export function inputOf(plan: SagaPlan, data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const name of plan.inputNames) {
    const value = data[name];
    if (value !== null && value !== undefined) input[name] = value;
  }
  return input;
}
