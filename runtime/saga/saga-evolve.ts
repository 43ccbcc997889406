/**
 * How events change a saga instance. Total: every event applies to every state, and one that names an unknown step
 * leaves the instance where it is.
 *
 *     state         event                     → state          and the tasks
 *     pending       SagaStarted               running          first stage entered
 *     running       StepBegun                 running          one, or one for each item, as many as may be under way
 *     running       StepSkipped               running          passed over
 *     running       StepCompleted             running          done; next item; after the last of the stage the next stage
 *     running       StepFailed retry          running          waits for the next attempt
 *     running       StepFailed await/overdue  running          waits on
 *     running       StepFailed (over)         running          optional: passed over; else one of the next two follows
 *     running       StepRetried               running          waits for its answer
 *     running       SagaCompleted             completed
 *     any open      SagaFailed                failed, parked
 *     running       SagaCompensating          compensating     highest stage with something to undo
 *     compensating  StepCompleted/StepFailed  compensating     what was waited for before it could be undone
 *     compensating  StepCompensated           compensating     next undo of the stage, or the next lower stage
 *     compensating  UndoFailed, UndoRetried   compensating     waits for the next attempt / for its answer
 *     compensating  CompensationFailed        compensating     given up; the rest goes on
 *     compensating  SagaCompensated           compensated
 *     parked        SagaResumed               running or compensating: failed tasks again, or passed over
 *     parked        SagaAborted               failed, for good
 *
 * A stage of one unconditional step begins with the event that ended the stage before it. Past the last stage, or with no
 * undo left, nothing is waited for: the closing event stands in the same decision.
 */
import type { Evolve } from '../../actors/model/aggregate.js';
import type { AfterFailure, FailedAttempt, SagaContract } from './saga-contract.js';
import { attemptsText, compensationFailedText, failureText } from './saga-error-text.js';
import { isUsedUp } from './saga-failure.js';
import { ForwardFold } from './saga-forward.js';
import { inputOf, type SagaInstance, taskAt } from './saga-instance.js';
import type { PlannedStep, SagaPlan } from './saga-plan.js';
import { close, newTask, type OnBegun, stepMark, stepOf, type Task, wait } from './saga-task.js';
import { dueAt, mustRearm } from './saga-timing.js';
import { beginUndo, continueUndo } from './saga-undo.js';

/** The plan that an instance runs by. */
export type PlanOf = (instance: Pick<SagaInstance, 'definitionVersion'>) => SagaPlan;

export function evolveSaga(
  planOf: PlanOf,
  onBegun: OnBegun = () => undefined,
): Evolve<SagaContract, SagaInstance> {
  const fold = new ForwardFold(onBegun);

  /** An event about one task. */
  const onTask =
    <Data extends { readonly step: string }>(
      change: (plan: SagaPlan, instance: SagaInstance, task: Task, data: Data, at: number) => void,
    ) =>
    (instance: SagaInstance, data: Data, at: number): SagaInstance => {
      const plan = planOf(instance);
      const task = taskAt(plan, instance, data.step);
      if (task === undefined) return instance;
      change(plan, instance, task, data, at);
      return armed(plan, instance, at);
    };

  return {
    SagaStarted: (instance, data, at) => {
      instance.definitionVersion = data.definition_version;
      const plan = planOf(instance);
      instance.state = 'running';
      instance.startedAt = at;
      instance.deadlineAt = at + plan.deadlineMs;
      instance.armedAt = 0;
      instance.principal = data.principal;
      instance.input = inputOf(plan, data);
      fold.enter(plan, instance, 0, at);
      return armed(plan, instance, at);
    },
    SagaLinked: (instance, { parent_kind, parent_id, tag, deadline_at }, at) => {
      instance.parent = { kind: parent_kind, id: parent_id, tag };
      instance.deadlineAt = Math.min(instance.deadlineAt, deadline_at);
      return armed(planOf(instance), instance, at);
    },
    StepBegun: (instance, data, at) => {
      const plan = planOf(instance);
      const step = plan.steps[plan.indexOf.get(data.step) ?? -1];
      if (step === undefined) return instance;
      fold.begin(instance, step, data, at);
      fold.goOn(plan, instance, at);
      return armed(plan, instance, at);
    },
    StepSkipped: (instance, { step: name }, at) => {
      const plan = planOf(instance);
      const step = plan.steps[plan.indexOf.get(name) ?? -1];
      if (step === undefined) return instance;
      const task = newTask(step.index, -1, 'nothing', at);
      task.mark = stepMark.skipped;
      instance.tasks.push(task);
      instance.begun++;
      fold.goOn(plan, instance, at);
      return armed(plan, instance, at);
    },
    StepCompleted: onTask<{ step: string; result: unknown }>((plan, instance, task, { result }, at) => {
      const step = stepOf(plan, task);
      close(task, stepMark.done);
      task.resultAt = at;
      if (task.item < 0) instance.results[step.name] = result;
      else itemResults(instance, step)[task.item] = result;
      fold.closed(plan, instance, step, at);
    }),
    StepFailed: onTask<FailedAttempt>((plan, instance, task, data, at) => {
      const step = stepOf(plan, task);
      task.attempt = data.attempt;
      if (step.kind === 'child' && isUsedUp(data.code)) {
        const { usedUp } = instance;
        instance.usedUp = { ...usedUp, [data.step]: (usedUp[data.step] ?? 0) + 1 };
      }
      // Written by this machine only.
      const next = data.next as AfterFailure;
      if (next === 'retry') return wait(task, 'retry', at, data.until);
      if (next === 'await') return wait(task, 'answer', at);
      if (next === 'overdue') {
        instance.errors.push(attemptsText(data));
        return wait(task, 'overdue', at);
      }
      close(task, next === 'unanswered' ? stepMark.maybe : stepMark.failed);
      if (instance.state === 'compensating') return fold.closed(plan, instance, step, at);
      if (next === 'stuck') {
        instance.errors.push(attemptsText(data));
        return fold.nextTurn(instance, step, at);
      }
      if (!step.optional) return;
      instance.errors.push(overText(data));
      fold.closed(plan, instance, step, at);
    }),
    StepRetried: onTask((plan, _instance, task, _data, at) => fold.again(plan, task, 'do', at)),
    SignalReceived: (instance, { signal, payload }) => {
      instance.signals = { ...instance.signals, [signal]: payload };
      return instance;
    },
    SagaCompensating: (instance, { reason }, at) => {
      const plan = planOf(instance);
      instance.state = 'compensating';
      instance.errors.push(reason);
      fold.turnBack(plan, instance, at);
      beginUndo(plan, instance, instance.stage, at, onBegun);
      return armed(plan, instance, at);
    },
    StepCompensated: onTask((plan, instance, task, _data, at) => {
      close(task, stepMark.undone);
      continueUndo(plan, instance, at, onBegun);
    }),
    UndoFailed: onTask<FailedAttempt>((_plan, _instance, task, { attempt, next, until }, at) => {
      task.attempt = attempt;
      wait(task, next === 'retry' ? 'retry' : 'answer', at, until);
    }),
    UndoRetried: onTask((plan, _instance, task, _data, at) => fold.again(plan, task, 'undo', at)),
    CompensationFailed: onTask((plan, instance, task, { step }, at) => {
      close(task, stepMark.undoFailed);
      instance.errors.push(compensationFailedText(step));
      continueUndo(plan, instance, at, onBegun);
    }),
    SagaCompleted: (instance, _data, at) => end(instance, 'completed', at),
    SagaCompensated: (instance, _data, at) => end(instance, 'compensated', at),
    SagaFailed: (instance, { reason }, at) => {
      if (reason !== '') instance.errors.push(reason);
      instance.state = 'failed';
      instance.parkedAt = at;
      return instance;
    },
    SagaResumed: (instance, { verb, in_turns }, at) => {
      const plan = planOf(instance);
      instance.parkedAt = 0;
      const isRetry = verb === 'retry';
      const mode = isRetry ? (in_turns ? 'in-turns' : 'at-once') : 'skip';
      const givenUp = instance.tasks.filter((task) => task.mark === stepMark.undoFailed);
      if (givenUp.length > 0) {
        instance.state = 'compensating';
        for (const task of givenUp) task.mark = isRetry ? stepMark.maybe : stepMark.undone;
        beginUndo(plan, instance, plan.stages.length, at, onBegun);
      } else {
        instance.state = 'running';
        fold.resume(plan, instance, mode, at);
      }
      return armed(plan, instance, at);
    },
    SagaAborted: (instance, _data, at) => end(instance, 'failed', at),
  };
}

function itemResults(instance: SagaInstance, step: PlannedStep): unknown[] {
  // Made with the step's `StepBegun`.
  return instance.results[step.name] as unknown[];
}

function end(
  instance: SagaInstance,
  state: 'completed' | 'compensated' | 'failed',
  at: number,
): SagaInstance {
  instance.state = state;
  instance.completedAt = at;
  instance.parkedAt = 0;
  return instance;
}

/** The decision that wrote the event sets the timer by the same rule. */
function armed(plan: SagaPlan, instance: SagaInstance, at: number): SagaInstance {
  const due = dueAt(plan, instance);
  if (mustRearm(instance.armedAt, due, at)) instance.armedAt = due;
  return instance;
}

/** Why a step is over: the actor's own words after a refusal, row 72's text otherwise. */
export function overText(data: FailedAttempt): string {
  return data.next === 'refused' ? failureText(data) : attemptsText(data);
}
