/**
 * A saga definition as the machine runs it: checked, with every default filled in and nothing left to look up by search.
 *
 *     definition   steps:  a   b   { parallel: [c, d] }   e
 *     plan         steps:  a   b   c   d   e               in the order of the definition, groups opened
 *                  stages: 0   1   2   2   3               what is begun, and taken back, at once
 */
import type { ActivityOrder } from '../../actors/model/activity.js';
import type { MessageOrder } from '../../actors/model/message.js';
import type { SagaDefinition } from '../../actors/model/saga.js';
import type { ChildOrder, ItemContext } from '../../actors/model/saga-step.js';
import { checkSteps, type Demand } from './step-form.js';

/** Row 67: 30 s for one attempt, three attempts, 1 s before the second. Row 68: five minutes for the whole. */
export const stepTimeoutMsDefault = 30_000;
export const attemptsMaxDefault = 3;
export const retryDelayMsDefault = 1_000;
export const deadlineMsDefault = 300_000;
/** Three attempts of 30 s with their pauses, as a port has them by default. */
export const activityTimeoutMsDefault = 120_000;
export const concurrencyMaxDefault = 16;
/** Messages that one decision may send limit what is begun at once. */
export const concurrencyMax = 32;
/** Items of a for-each step: they stand in one event. */
export const itemsMax = 256;
/**
 * Messages of a stage that ask for something at once. Part of how events are folded (`saga-undo.ts`), so no setting: what
 * is recorded has kept to it.
 */
export const messagesAtOnceMax = 64;
/** Steps that are told in a row stand in one decision, which may send 64 messages, beside what the next step sends. */
export const tellsMax = 32;
/** More steps than this are a workflow, not a saga; snapshots and searches are linear in it. */
export const stepsMax = 64;

const stepNamePattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const undoMark = 'undo:';

export type StepKind = 'command' | 'tell' | 'activity' | 'child' | 'signal' | 'sleep';
export type StepOrder = MessageOrder | ActivityOrder | ChildOrder;
/** What a step function is given: item and index only where there are items. */
export type PlanContext = ItemContext<Readonly<Record<string, unknown>>, unknown>;

export interface PlannedStep {
  readonly name: string;
  readonly index: number;
  readonly stage: number;
  readonly kind: StepKind;
  /** What does it; absent where only time or a signal is waited for. */
  readonly order: ((saga: PlanContext) => StepOrder) | undefined;
  readonly undo: ((saga: PlanContext) => MessageOrder | ActivityOrder) | undefined;
  readonly when: ((saga: PlanContext) => boolean) | undefined;
  readonly items: ((saga: PlanContext) => readonly unknown[]) | undefined;
  /** Tasks of this step under way at a time. */
  readonly concurrencyMax: number;
  readonly signal: string;
  readonly sleepMs: ((saga: PlanContext) => number) | undefined;
  readonly optional: boolean;
  /** Of one attempt; of an activity altogether. `Infinity`: no limit but the saga's. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retryDelayMs: number;
  /** Tag of its message; step names hold no colon and no bracket, so no two tags of a saga are equal. */
  readonly tag: string;
  readonly undoTag: string;
}

/** A step whose form was checked, of whatever kind: what is not there is undefined. Its functions take the context of their kind. */
interface AnyStep {
  readonly name: string;
  readonly call?: PlannedStep['order'];
  readonly tell?: PlannedStep['order'];
  readonly activity?: PlannedStep['order'];
  readonly saga?: PlannedStep['order'];
  readonly signal?: string;
  readonly sleepMs?: number | ((saga: PlanContext) => number);
  readonly each?: PlannedStep['items'];
  /** Where there is `each`, and only there. */
  readonly step?: Omit<AnyStep, 'name'>;
  readonly parallel?: readonly AnyStep[];
  readonly undo?: PlannedStep['undo'];
  readonly when?: PlannedStep['when'];
  readonly pivot?: boolean;
  readonly optional?: boolean;
  readonly concurrencyMax?: number;
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
  readonly retryDelayMs?: number;
}

export interface Stage {
  /** Index of its first step. */
  readonly first: number;
  readonly count: number;
  /** One unconditional step that is begun by sending its order: nothing but the stage before it need be recorded. */
  readonly isPlain: boolean;
}

export interface SagaPlan {
  readonly definition: SagaDefinition;
  readonly version: number;
  readonly steps: readonly PlannedStep[];
  readonly stages: readonly Stage[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** Some step is another saga. */
  readonly hasChildren: boolean;
  /** Stage of the pivot, or the number of stages when there is none: a step after it is never undone. */
  readonly pivot: number;
  readonly deadlineMs: number;
  readonly inputNames: readonly string[];
}

/** Throws on a definition that cannot run: a programmer's error, met at start. `shown`: how its message calls the saga. */
export function planSaga(definition: SagaDefinition, shown: string = definition.name): SagaPlan {
  const { version } = definition;
  const demand: Demand = (holds, says) => {
    if (!holds) throw new Error(`saga ${shown}: ${says}`);
  };
  checkSteps(definition.steps, demand);
  const steps: PlannedStep[] = [];
  const stages: Stage[] = [];
  const indexOf = new Map<string, number>();
  let pivot = -1;
  // As just demanded.
  for (const group of definition.steps as readonly unknown[] as readonly AnyStep[]) {
    const members = group.parallel ?? [group];
    demand(members.length > 0, `group ${group.name} has no steps`);
    const first = steps.length;
    for (const member of members) {
      const step = planStep(member, steps.length, stages.length);
      checkStep(member, step, demand);
      demand(!indexOf.has(step.name), `step ${step.name} is named twice`);
      demand(
        member.pivot !== true || group.parallel === undefined,
        `step ${step.name} stands in a group and cannot be the pivot`,
      );
      if (member.pivot === true) {
        demand(pivot < 0, 'has at most one pivot');
        pivot = stages.length;
      }
      indexOf.set(step.name, step.index);
      steps.push(step);
    }
    const [only] = steps.slice(first);
    const isPlain =
      members.length === 1 &&
      only?.when === undefined &&
      only?.items === undefined &&
      only?.sleepMs === undefined;
    stages.push({ first, count: members.length, isPlain });
  }
  demand(steps.length > 0 && steps.length <= stepsMax, `has between 1 and ${stepsMax} steps`);
  const tellCount = steps.filter((step) => step.kind === 'tell').length;
  demand(tellCount <= tellsMax, `has at most ${tellsMax} steps with tell, not ${tellCount}`);
  checkToldRows(steps, stages, demand);
  demand(Number.isInteger(version) && version >= 1, 'version counts from 1');
  const older = new Set((definition.versions ?? []).map((earlier) => earlier.version));
  for (let from = 1; from < version; from++) {
    demand(
      definition.upcast?.[from] !== undefined || older.has(from),
      `version ${version} needs the definition of version ${from}, or the upcaster of its input`,
    );
  }
  return {
    definition,
    version,
    steps,
    stages,
    indexOf,
    hasChildren: steps.some((step) => step.kind === 'child'),
    pivot: pivot < 0 ? stages.length : pivot,
    deadlineMs: definition.deadlineMs ?? deadlineMsDefault,
    inputNames: Object.keys(definition.input.properties),
  };
}

/** Told steps in a row and what the stage behind them begins are sent by one decision. */
function checkToldRows(steps: readonly PlannedStep[], stages: readonly Stage[], demand: Demand): void {
  let told = 0;
  for (const { first, count } of stages) {
    const members = steps.slice(first, first + count);
    const sent = members.reduce((sum, step) => sum + messagesOf(step), 0);
    demand(
      told === 0 || told + sent <= messagesAtOnceMax,
      `what is told before step ${members[0]?.name} and what begins with it are more than ${messagesAtOnceMax} messages at once`,
    );
    told = members.every((step) => step.kind === 'tell') ? told + sent : 0;
  }
}

/** Messages that a step may send when its turn comes. */
export function messagesOf({ kind, concurrencyMax }: PlannedStep): number {
  return kind === 'command' || kind === 'child' || kind === 'tell' ? concurrencyMax : 0;
}

/** The plans of a definition and of its earlier versions, by version. */
export function planVersions(definition: SagaDefinition): ReadonlyMap<number, SagaPlan> {
  const plans = new Map([[definition.version, planSaga(definition)]]);
  for (const earlier of definition.versions ?? []) {
    if (
      earlier.name !== definition.name ||
      earlier.version >= definition.version ||
      plans.has(earlier.version)
    ) {
      throw new Error(
        `saga ${definition.name}: version ${earlier.version} of ${earlier.name} is not an earlier one of it`,
      );
    }
    plans.set(earlier.version, planSaga(earlier, `${earlier.name} version ${earlier.version}`));
  }
  return plans;
}

function planStep(step: AnyStep, index: number, stage: number): PlannedStep {
  const { name } = step;
  const body = step.step ?? step;
  const kind = kindOf(body);
  return {
    name,
    index,
    stage,
    kind,
    order: body.call ?? body.tell ?? body.activity ?? body.saga,
    undo: body.undo,
    when: step.when,
    items: step.each,
    concurrencyMax: step.each === undefined ? 1 : (step.concurrencyMax ?? concurrencyMaxDefault),
    signal: body.signal ?? '',
    sleepMs: body.sleepMs === undefined ? undefined : toFunction(body.sleepMs),
    optional: body.optional === true,
    timeoutMs: body.timeoutMs ?? timeouts[kind],
    attemptsMax: body.attemptsMax ?? (kind === 'command' ? attemptsMaxDefault : 1),
    retryDelayMs: body.retryDelayMs ?? retryDelayMsDefault,
    tag: name,
    undoTag: undoMark + name,
  };
}

const timeouts: Readonly<Record<StepKind, number>> = {
  command: stepTimeoutMsDefault,
  // It waits only where an older program, with a call in its place, left it waiting.
  tell: stepTimeoutMsDefault,
  activity: activityTimeoutMsDefault,
  child: Number.POSITIVE_INFINITY,
  signal: Number.POSITIVE_INFINITY,
  sleep: Number.POSITIVE_INFINITY,
};

function checkStep(member: AnyStep, step: PlannedStep, demand: Demand): void {
  const { name } = step;
  demand(
    stepNamePattern.test(name),
    `step name ${JSON.stringify(name)} is a letter and up to 63 of A-Z a-z 0-9 _ -`,
  );
  demand(!(member.pivot === true && step.optional), `step ${name} cannot be both pivot and optional`);
  demand(
    !(member.pivot === true && step.items !== undefined),
    `step ${name} has items and cannot be the pivot`,
  );
  demand(step.attemptsMax >= 1, `step ${name} needs at least one attempt`);
  demand(
    step.concurrencyMax >= 1 && step.concurrencyMax <= concurrencyMax,
    `step ${name} has between 1 and ${concurrencyMax} items under way`,
  );
}

function kindOf(step: Omit<AnyStep, 'name'>): StepKind {
  if (step.call !== undefined) return 'command';
  if (step.tell !== undefined) return 'tell';
  if (step.activity !== undefined) return 'activity';
  if (step.saga !== undefined) return 'child';
  return step.signal === undefined ? 'sleep' : 'signal';
}

function toFunction<Value, Given>(value: Value | ((given: Given) => Value)): (given: Given) => Value {
  return typeof value === 'function' ? (value as (given: Given) => Value) : () => value;
}

/**
 * Wait before the next attempt when `attempt` of them have failed: delay · 2^n from n = 0 (row 72), and up to a quarter
 * more, drawn from the saga's id, so that sagas that failed together do not come back together.
 */
export function retryDelay(step: PlannedStep, attempt: number, id: string): number {
  const delay = step.retryDelayMs * 2 ** (attempt - 1);
  return delay + Math.floor((delay / 4) * fractionOf(id, attempt));
}

/** FNV-1a, mixed once more: ids of one series differ in their last characters only. */
function fractionOf(id: string, attempt: number): number {
  let hash = 0x811c9dc5 ^ attempt;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
