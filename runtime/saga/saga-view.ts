/**
 * A saga instance and its events as clients see them.
 */
import type { SagaState, SagaStatus, SagaSummary } from '../../actors/model/saga.js';
import type { StartedReply, StatusReply } from './saga-contract.js';
import { currentStep, type SagaInstance } from './saga-instance.js';
import type { SagaPlan } from './saga-plan.js';
import { pathOf, stepOf } from './saga-task.js';

/** Row 75, with the results of `api.md`; what a start answers, and keeps for its repeats. */
export function startedStatus(plan: SagaPlan, instance: SagaInstance, id: string): StartedReply {
  return {
    saga_id: id,
    definition_name: plan.definition.name,
    state: instance.state,
    current_step: currentStep(plan, instance),
    step_results: stepResults(plan, instance),
    errors: instance.errors.slice(),
    started_at: instance.startedAt,
    completed_at: instance.completedAt === 0 ? null : instance.completedAt,
  } satisfies SagaStatus;
}

/** The same, and whether it waits for a person. Written out: a spread of the other costs as much as all the rest. */
export function sagaStatus(plan: SagaPlan, instance: SagaInstance, id: string): StatusReply {
  return {
    saga_id: id,
    definition_name: plan.definition.name,
    state: instance.state,
    current_step: currentStep(plan, instance),
    step_results: stepResults(plan, instance),
    errors: instance.errors.slice(),
    started_at: instance.startedAt,
    completed_at: instance.completedAt === 0 ? null : instance.completedAt,
    parked_at: instance.parkedAt === 0 ? null : instance.parkedAt,
  } satisfies SagaStatus;
}

function stepResults(plan: SagaPlan, instance: SagaInstance): StartedReply['step_results'] {
  const results: StartedReply['step_results'] = [];
  for (const task of instance.tasks) {
    if (task.resultAt === 0) continue;
    const step = stepOf(plan, task);
    const result = instance.results[step.name];
    results.push({
      step: pathOf(step, task),
      result: task.item < 0 ? result : (result as readonly unknown[])[task.item],
      timestamp: task.resultAt,
    });
  }
  return results;
}

/** The same in one line. */
export function sagaSummary(plan: SagaPlan, instance: SagaInstance): SagaSummary {
  const { state, startedAt, parkedAt, completedAt } = instance;
  return {
    state,
    step: currentStep(plan, instance),
    started_at: startedAt,
    parked_at: parkedAt === 0 ? null : parkedAt,
    ended_at: completedAt === 0 ? null : completedAt,
  };
}

/** Rows 69, 71 and 78: the input, and each result under `{step}_result`. */
export function sagaContext(instance: SagaInstance): Record<string, unknown> {
  const context: Record<string, unknown> = { ...instance.input };
  for (const [step, result] of Object.entries(instance.results)) context[`${step}_result`] = result;
  return context;
}

/** The state an instance is in with the event. Events missing here are the definition's own. */
const stateWith: Readonly<Record<string, SagaState>> = {
  SagaStarted: 'pending',
  StepCompleted: 'running',
  StepFailed: 'running',
  StepRetried: 'running',
  SagaCompensating: 'compensating',
  StepCompensated: 'compensating',
  UndoFailed: 'compensating',
  UndoRetried: 'compensating',
  CompensationFailed: 'compensating',
  SagaCompleted: 'completed',
  SagaCompensated: 'compensated',
  SagaFailed: 'failed',
  StepBegun: 'running',
  StepSkipped: 'running',
  SignalReceived: 'running',
  SagaLinked: 'pending',
  SagaResumed: 'failed',
  SagaAborted: 'failed',
};

/**
 * The data of a stored event with what its place tells added: saga_id, definition_name, state, current_step (row 31).
 * The definition's own events are shown as they are.
 */
export function presentSagaEvent(plan: SagaPlan, id: string, type: string, data: unknown): unknown {
  const state = Object.hasOwn(stateWith, type) ? stateWith[type] : undefined;
  if (state === undefined) return data;
  // Every event of the runtime's own has an object for data.
  const fields = data as Readonly<Record<string, unknown>>;
  return {
    ...fields,
    saga_id: id,
    definition_name: plan.definition.name,
    state,
    current_step: type === 'SagaStarted' ? plan.steps[0]?.name : (fields.step ?? ''),
  };
}
