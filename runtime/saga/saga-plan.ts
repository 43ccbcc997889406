/**
 * A saga definition as the machine runs it: checked, with every default filled in and nothing left to look up by search.
 */
import type { SagaDefinition } from '../../actors/model/saga.js';

/** Row 67: 30 s for one attempt, three attempts, 1 s before the second. Row 68: five minutes for the whole. */
export const stepTimeoutMsDefault = 30_000;
export const attemptsMaxDefault = 3;
export const retryDelayMsDefault = 1_000;
export const deadlineMsDefault = 300_000;
/** More steps than this are a workflow, not a saga; snapshots and searches are linear in it. */
export const stepsMax = 64;

const stepNamePattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const undoMark = 'undo:';

type DefinedStep = SagaDefinition['steps'][number];

export interface PlannedStep {
  readonly name: string;
  readonly call: DefinedStep['call'];
  readonly undo: DefinedStep['undo'];
  readonly optional: boolean;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retryDelayMs: number;
  /** Tag of its message; step names hold no colon, so no two tags of a saga are equal. */
  readonly tag: string;
  readonly undoTag: string;
}

export interface SagaPlan {
  readonly definition: SagaDefinition;
  readonly steps: readonly PlannedStep[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** Index of the pivot, or the number of steps when there is none: a step after it is never undone. */
  readonly pivot: number;
  readonly deadlineMs: number;
  readonly inputNames: readonly string[];
}

/** Throws on a definition that cannot run: a programmer's error, met at start. */
export function planSaga(definition: SagaDefinition): SagaPlan {
  const { name, version, steps } = definition;
  const demand = (holds: boolean, says: string): void => {
    if (!holds) throw new Error(`saga ${name}: ${says}`);
  };
  demand(steps.length > 0 && steps.length <= stepsMax, `has between 1 and ${stepsMax} steps`);
  demand(Number.isInteger(version) && version >= 1, 'version counts from 1');
  const indexOf = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    demand(
      stepNamePattern.test(step.name),
      `step name ${JSON.stringify(step.name)} is a letter and up to 63 of A-Z a-z 0-9 _ -`,
    );
    demand(!indexOf.has(step.name), `step ${step.name} is named twice`);
    demand(
      !(step.pivot === true && step.optional === true),
      `step ${step.name} cannot be both pivot and optional`,
    );
    demand((step.attemptsMax ?? 1) >= 1, `step ${step.name} needs at least one attempt`);
    indexOf.set(step.name, index);
  }
  demand(steps.filter((step) => step.pivot === true).length <= 1, 'has at most one pivot');
  for (let older = 1; older < version; older++) {
    demand(
      definition.upcast?.[older] !== undefined,
      `version ${version} needs the upcaster of input version ${older}`,
    );
  }
  const pivot = steps.findIndex((step) => step.pivot === true);
  return {
    definition,
    steps: steps.map(planStep),
    indexOf,
    pivot: pivot < 0 ? steps.length : pivot,
    deadlineMs: definition.deadlineMs ?? deadlineMsDefault,
    inputNames: Object.keys(definition.input.properties),
  };
}

function planStep(step: DefinedStep): PlannedStep {
  return {
    name: step.name,
    call: step.call,
    undo: step.undo,
    optional: step.optional === true,
    timeoutMs: step.timeoutMs ?? stepTimeoutMsDefault,
    attemptsMax: step.attemptsMax ?? attemptsMaxDefault,
    retryDelayMs: step.retryDelayMs ?? retryDelayMsDefault,
    tag: step.name,
    undoTag: undoMark + step.name,
  };
}

/** Wait before the next attempt when `attempt` of them have failed: delay · 2^n from n = 0 (row 72). */
export function retryDelay(step: PlannedStep, attempt: number): number {
  return step.retryDelayMs * 2 ** (attempt - 1);
}
