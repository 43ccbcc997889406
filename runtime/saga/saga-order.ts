/**
 * What a step orders: a message, an activity, the start of another saga. A function of the definition that throws makes a
 * failure instead: thrown on, it would take the answer that led to it along, and the saga would stand still for ever.
 */
import type { ActivityOrder } from '../../actors/model/activity.js';
import type { MessageOrder } from '../../actors/model/message.js';
import type { ChildOrder } from '../../actors/model/saga-step.js';
import { synchronous } from '../synchronous.js';
import { pastTellBound } from './saga-bounds.js';
import type { SagaEvent } from './saga-contract.js';
import { type Cause, threw } from './saga-failure.js';
import type { SagaInstance } from './saga-instance.js';
import type { PlanContext, PlannedStep, StepOrder } from './saga-plan.js';
import type { Task } from './saga-task.js';

export type Completed = Extract<SagaEvent, { readonly type: 'StepCompleted' }>;

export function completed(step: string, result: unknown): Completed {
  return { type: 'StepCompleted', data: { step, result } };
}

const none: readonly never[] = [];

/** What a step function sees. The results of steps that are just being completed are added only if it looks. */
export class StepContext implements PlanContext {
  readonly sagaId: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly now: number;
  readonly principal: string;
  readonly item: unknown;
  readonly index: number;
  readonly #instance: Pick<SagaInstance, 'results'>;
  readonly #fresh: readonly Completed[];

  constructor(
    instance: Pick<SagaInstance, 'input' | 'principal' | 'results'>,
    moment: { readonly id: string; readonly now: number },
    fresh: readonly Completed[] = none,
    item: unknown = undefined,
    index = -1,
  ) {
    this.sagaId = moment.id;
    this.input = instance.input;
    this.now = moment.now;
    this.principal = instance.principal;
    this.item = item;
    this.index = index;
    this.#instance = instance;
    this.#fresh = fresh;
  }

  get results(): Readonly<Record<string, unknown>> {
    const { results } = this.#instance;
    if (this.#fresh.length === 0) return results;
    const all = { ...results };
    for (const { data } of this.#fresh) all[data.step] = data.result;
    return all;
  }
}

/** The context of a task: with its item where its step has items. */
export function contextOf(
  step: PlannedStep,
  task: Task,
  instance: SagaInstance,
  moment: { readonly id: string; readonly now: number },
): StepContext {
  if (task.item < 0) return new StepContext(instance, moment);
  const item = instance.spreads[step.name]?.items[task.item];
  return new StepContext(instance, moment, undefined, item, task.item);
}

/** What does the step, or the failure that a throw, or telling too much, counts as. */
export function ordered(step: PlannedStep, context: StepContext): StepOrder | Cause {
  try {
    const order = synchronous(step.order?.(context)) ?? threw(`missing order of step ${step.name}`);
    if (step.kind !== 'tell' || !('payload' in order)) return order;
    return pastTellBound(step, order.payload) ?? order;
  } catch {
    return threw(`call of step ${step.name}`);
  }
}

/** The same for what takes it back. */
export function undone(step: PlannedStep, context: StepContext): MessageOrder | ActivityOrder | Cause {
  try {
    return synchronous(step.undo?.(context)) ?? threw(`missing undo of step ${step.name}`);
  } catch {
    return threw(`undo of step ${step.name}`);
  }
}

export function isFailure(order: StepOrder | Cause): order is Cause {
  return 'code' in order;
}

export function isActivity(order: StepOrder): order is ActivityOrder {
  return 'type' in order && order.type === 'activity';
}

export function isChild(order: StepOrder): order is ChildOrder {
  return 'type' in order && order.type === 'child';
}

/** A message that nobody waits for an answer to. */
export function untagged({ kind, id, command, payload }: MessageOrder): MessageOrder {
  return { kind, id, command, payload };
}

/** A message that asks for its outcome under `tag`. */
export function tagged({ kind, id, command, payload }: MessageOrder, tag: string): MessageOrder {
  return { kind, id, command, payload, tag };
}
