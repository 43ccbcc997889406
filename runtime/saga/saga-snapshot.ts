/**
 * The stored form of a saga instance: positional, and read by the plan of the version that the instance runs under.
 */
import type { SnapshotSpec } from '../../actors/model/aggregate.js';
import type { SagaState } from '../../actors/model/saga.js';
import type { PlanOf } from './saga-evolve.js';
import type { Parent, SagaInstance, Spread } from './saga-instance.js';
import type { StepMark, Task, Waiting } from './saga-task.js';

/** Rises when the list below changes; snapshots of another are folded anew. */
const snapshotFormat = 3;
const formatsMax = 1_000;

export function snapshotOf(version: number, planOf: PlanOf): SnapshotSpec<SagaInstance> {
  return {
    version: version * formatsMax + snapshotFormat,
    encode: (instance) => [
      instance.definitionVersion,
      instance.state,
      instance.stage,
      instance.begun,
      instance.armedAt,
      instance.startedAt,
      instance.deadlineAt,
      instance.completedAt,
      instance.parkedAt,
      instance.principal,
      planOf(instance).inputNames.map((name) => instance.input[name] ?? null),
      instance.tasks.map(encodeTask),
      instance.results,
      instance.spreads,
      instance.signals,
      instance.usedUp,
      instance.parent ?? null,
      instance.errors,
    ],
    decode: (fields) => {
      // The fields are what `encode` of the same version wrote: the version guards the cast.
      const [definitionVersion, state, stage, begun, armedAt, startedAt, deadlineAt, ...rest] =
        fields as SnapshotFields;
      const [completedAt, parkedAt, principal, inputs, tasks, results, spreads, signals, ...last] = rest;
      const [usedUp, parent, errors] = last;
      const input: Record<string, unknown> = {};
      for (const [index, name] of planOf({ definitionVersion }).inputNames.entries()) {
        const value = inputs[index];
        if (value !== null && value !== undefined) input[name] = value;
      }
      return {
        state,
        stage,
        begun,
        tasks: tasks.map(decodeTask),
        armedAt,
        startedAt,
        deadlineAt,
        completedAt,
        parkedAt,
        definitionVersion,
        principal,
        input,
        results: { ...results },
        spreads: { ...spreads },
        signals: { ...signals },
        usedUp: { ...usedUp },
        parent: parent ?? undefined,
        errors: [...errors],
      };
    },
  };
}

type TaskFields = readonly [number, number, StepMark, Waiting, number, number, number, number];

function encodeTask({ step, item, mark, waiting, attempt, since, until, resultAt }: Task): TaskFields {
  return [step, item, mark, waiting, attempt, since, until, resultAt];
}

function decodeTask([step, item, mark, waiting, attempt, since, until, resultAt]: TaskFields): Task {
  return { step, item, mark, waiting, attempt, since, until, resultAt };
}

type SnapshotFields = readonly [
  definitionVersion: number,
  state: SagaState,
  stage: number,
  begun: number,
  armedAt: number,
  startedAt: number,
  deadlineAt: number,
  completedAt: number,
  parkedAt: number,
  principal: string,
  inputs: readonly unknown[],
  tasks: readonly TaskFields[],
  results: Record<string, unknown>,
  spreads: Record<string, Spread>,
  signals: Record<string, unknown>,
  usedUp: Record<string, number>,
  parent: Parent | null,
  errors: readonly string[],
];
