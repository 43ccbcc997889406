/**
 * The state of one saga instance, kept small: steps are counted, not named, and only the input and the results are
 * values of the domain. Changed by `saga-evolve.ts` alone.
 *
 * N1  `current` is the step (while running) or the undo (while compensating) that the instance is busy with, and
 *     `waiting` what it waits for. At most one message of an instance is without an answer that still matters.
 * N2  The wake timer stands at `armedAt` or earlier, or `armedAt` has passed and the next move sets it anew. A timer
 *     that fires early costs one look; one that fires late would be an error.
 */

import type { SnapshotSpec } from '../../actors/model/aggregate.js';
import { isFinal, type SagaContext, type SagaState } from '../../actors/model/saga.js';
import { retryDelay, type SagaPlan } from './saga-plan.js';

/** What may have become of a step. Only `done` and `maybe` are undone (decision d). */
export const stepMark = { untouched: 0, done: 1, maybe: 2, undone: 3, undoFailed: 4 } as const;
export type StepMark = (typeof stepMark)[keyof typeof stepMark];

/** `answer`: of the message under way. `retry`: the delay before it is sent again. `overdue`: an answer, without a limit. */
export type Waiting = 'nothing' | 'answer' | 'retry' | 'overdue';

export interface SagaInstance {
  /** `pending` until started. */
  state: SagaState;
  current: number;
  waiting: Waiting;
  /** Failed attempts of the current step or undo. */
  attempt: number;
  /** When the present wait began, Unix ms. */
  since: number;
  armedAt: number;
  startedAt: number;
  /** 0 until final. */
  completedAt: number;
  definitionVersion: number;
  principal: string;
  input: Record<string, unknown>;
  /** By step. */
  marks: StepMark[];
  /** By name of the step. */
  results: Record<string, unknown>;
  /** When each result came, by step; 0 = no result. */
  resultTimes: number[];
  errors: string[];
}

export function initialInstance(): SagaInstance {
  return {
    state: 'pending',
    current: 0,
    waiting: 'nothing',
    attempt: 0,
    since: 0,
    armedAt: 0,
    startedAt: 0,
    completedAt: 0,
    definitionVersion: 0,
    principal: '',
    input: {},
    marks: [],
    results: {},
    resultTimes: [],
    errors: [],
  };
}

export function isStarted(instance: SagaInstance): boolean {
  return instance.state !== 'pending';
}

/** True from the start until a final state. */
export function isOpen(instance: SagaInstance): boolean {
  return instance.state !== 'pending' && !isFinal(instance.state);
}

/** The part of an instance that decides when it must look up next. */
export type Moment = Pick<SagaInstance, 'state' | 'current' | 'waiting' | 'attempt' | 'since' | 'startedAt'>;

/** When the instance must act if nothing arrives; `Infinity` when it only waits for an answer or is at rest. */
export function dueAt(plan: SagaPlan, moment: Moment): number {
  if (moment.waiting === 'nothing') return Number.POSITIVE_INFINITY;
  const due = waitEndsAt(plan, moment);
  return mayTurnBack(plan, moment) ? Math.min(due, moment.startedAt + plan.deadlineMs) : due;
}

/** When the present wait alone ends. */
function waitEndsAt(plan: SagaPlan, moment: Moment): number {
  const step = plan.steps[moment.current];
  if (step === undefined) return Number.POSITIVE_INFINITY;
  if (moment.waiting === 'answer') return moment.since + step.timeoutMs;
  if (moment.waiting === 'retry') return moment.since + retryDelay(step, moment.attempt);
  return Number.POSITIVE_INFINITY;
}

/**
 * True while the deadline can still turn the saga back: running, the pivot not done, and not under way either, since an
 * unanswered pivot may have had its effect and has no way back.
 */
export function mayTurnBack(
  plan: SagaPlan,
  { state, current, waiting }: Pick<Moment, 'state' | 'current' | 'waiting'>,
): boolean {
  return state === 'running' && (current < plan.pivot || (current === plan.pivot && waiting === 'retry'));
}

/** True when a timer for `due` must be set now: the one that stands may be later (N2). */
export function mustRearm(instance: SagaInstance, due: number, now: number): boolean {
  return due !== Number.POSITIVE_INFINITY && (due < instance.armedAt || instance.armedAt <= now);
}

/** Where the timer must stand after a firing has used it up: not after `armedAt` while that lies ahead (N2). */
export function rearmedAt(instance: SagaInstance, due: number, now: number): number {
  return instance.armedAt > now ? Math.min(instance.armedAt, due) : due;
}

/**
 * The highest step below `below` that may have taken effect and can be taken back; −1 when there is none.
 * `unanswered` is a step whose mark does not yet say that it may have taken effect.
 */
export function nextUndo(plan: SagaPlan, marks: readonly StepMark[], below: number, unanswered = -1): number {
  for (let index = below - 1; index >= 0; index--) {
    const mark = marks[index];
    const touched = mark === stepMark.done || mark === stepMark.maybe || index === unanswered;
    if (touched && plan.steps[index]?.undo !== undefined) return index;
  }
  return -1;
}

/** What a step function sees. The results of the step that is just being completed are added only if it looks. */
export class StepContext implements SagaContext<Record<string, unknown>> {
  readonly sagaId: string;
  readonly input: Record<string, unknown>;
  readonly now: number;
  readonly principal: string;
  readonly #instance: Pick<SagaInstance, 'results'>;
  readonly #fresh: { readonly step: string; readonly result: unknown } | undefined;

  constructor(
    instance: Pick<SagaInstance, 'input' | 'principal' | 'results'>,
    moment: { readonly id: string; readonly now: number },
    fresh?: { readonly step: string; readonly result: unknown },
  ) {
    this.sagaId = moment.id;
    this.input = instance.input;
    this.now = moment.now;
    this.principal = instance.principal;
    this.#instance = instance;
    this.#fresh = fresh;
  }

  get results(): Readonly<Record<string, unknown>> {
    const { results } = this.#instance;
    return this.#fresh === undefined ? results : { ...results, [this.#fresh.step]: this.#fresh.result };
  }
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

const snapshotFormat = 1;
const formatsMax = 1_000;

/** Positional and flat. Another version of the definition has other steps: its snapshots are folded anew. */
export function snapshotOf(plan: SagaPlan): SnapshotSpec<SagaInstance> {
  const { steps, inputNames, definition } = plan;
  return {
    version: definition.version * formatsMax + snapshotFormat,
    encode: (instance) => [
      instance.state,
      instance.current,
      instance.waiting,
      instance.attempt,
      instance.since,
      instance.armedAt,
      instance.startedAt,
      instance.completedAt,
      instance.definitionVersion,
      instance.principal,
      inputNames.map((name) => instance.input[name] ?? null),
      instance.marks,
      steps.map((step) => instance.results[step.name] ?? null),
      instance.resultTimes,
      instance.errors,
    ],
    decode: (fields) => {
      // The fields are what `encode` of the same version wrote: the version guards the cast.
      const [
        state,
        current,
        waiting,
        attempt,
        since,
        armedAt,
        startedAt,
        completedAt,
        version,
        principal,
        ...rest
      ] = fields as SnapshotFields;
      const [inputs, marks, results, resultTimes, errors] = rest;
      const instance: SagaInstance = {
        state,
        current,
        waiting,
        attempt,
        since,
        armedAt,
        startedAt,
        completedAt,
        definitionVersion: version,
        principal,
        input: {},
        marks: [...marks],
        results: {},
        resultTimes: [...resultTimes],
        errors: [...errors],
      };
      for (const [index, name] of inputNames.entries()) {
        const value = inputs[index];
        if (value !== null && value !== undefined) instance.input[name] = value;
      }
      for (const [index, step] of steps.entries()) {
        if ((resultTimes[index] ?? 0) > 0) instance.results[step.name] = results[index];
      }
      return instance;
    },
  };
}

type SnapshotFields = readonly [
  SagaState,
  number,
  Waiting,
  number,
  number,
  number,
  number,
  number,
  number,
  string,
  readonly unknown[],
  readonly StepMark[],
  readonly unknown[],
  readonly number[],
  readonly string[],
];
