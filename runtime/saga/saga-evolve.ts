/**
 * How events change a saga instance. Total: every event applies to every state, and one that names an unknown step
 * leaves the position where it is.
 *
 *     state         event                     → state          busy with                  waiting
 *     pending       SagaStarted               running          first step                 answer
 *     running       StepCompleted             running          next step                  answer
 *     running       StepFailed retry          running          same                       retry
 *     running       StepFailed await/overdue  running          same                       answer / overdue
 *     running       StepFailed (over)         running          optional: next step        answer
 *                                                              else same, and one of the three below follows
 *     running       StepRetried               running          same                       answer
 *     running       SagaCompleted             completed
 *     running       SagaFailed                failed (parked)
 *     running       SagaCompensating          compensating     highest undo               answer
 *     compensating  StepCompensated           compensating     next lower undo            answer
 *     compensating  UndoFailed, UndoRetried   compensating     same                       retry / answer
 *     compensating  CompensationFailed        compensating     next lower undo            answer
 *     compensating  SagaCompensated           compensated
 *     compensating  SagaFailed                failed (parked)
 *
 * "Next" past the last step, or no undo left, waits for nothing: the closing event stands in the same decision.
 */
import type { Evolve } from '../../actors/model/aggregate.js';
import type { AfterFailure, FailedAttempt, SagaContract } from './saga-contract.js';
import { attemptsText, compensationFailedText, failureText } from './saga-error-text.js';
import {
  dueAt,
  inputOf,
  mustRearm,
  nextUndo,
  type SagaInstance,
  type StepMark,
  stepMark,
  type Waiting,
} from './saga-instance.js';
import type { SagaPlan } from './saga-plan.js';

export function evolveSaga(plan: SagaPlan): Evolve<SagaContract, SagaInstance> {
  const { steps } = plan;

  const wait = (instance: SagaInstance, waiting: Waiting, at: number): SagaInstance => {
    instance.waiting = waiting;
    instance.since = at;
    // The decision that wrote the event set the timer by the same rule.
    const due = dueAt(plan, instance);
    if (mustRearm(instance, due, at)) instance.armedAt = due;
    return instance;
  };
  const turnTo = (instance: SagaInstance, index: number, at: number): SagaInstance => {
    instance.attempt = 0;
    if (index < 0 || index >= steps.length) return wait(instance, 'nothing', at);
    instance.current = index;
    return wait(instance, 'answer', at);
  };
  const markStep = (instance: SagaInstance, name: string, mark: StepMark): number => {
    const index = plan.indexOf.get(name) ?? instance.current;
    instance.marks[index] = mark;
    return index;
  };
  const end = (
    instance: SagaInstance,
    state: 'completed' | 'compensated' | 'failed',
    at: number,
  ): SagaInstance => {
    instance.state = state;
    instance.waiting = 'nothing';
    instance.completedAt = at;
    return instance;
  };

  return {
    SagaStarted: (instance, data, at) => {
      instance.state = 'running';
      instance.startedAt = at;
      instance.armedAt = 0;
      instance.definitionVersion = data.definition_version;
      instance.principal = data.principal;
      instance.input = inputOf(plan, data);
      instance.marks = steps.map(() => stepMark.untouched);
      instance.resultTimes = steps.map(() => 0);
      return turnTo(instance, 0, at);
    },
    StepCompleted: (instance, { step, result }, at) => {
      const index = markStep(instance, step, stepMark.done);
      instance.results[step] = result;
      instance.resultTimes[index] = at;
      return turnTo(instance, index + 1, at);
    },
    StepFailed: (instance, data, at) => {
      instance.attempt = data.attempt;
      // Written by this machine only.
      const next = data.next as AfterFailure;
      if (next === 'retry') return wait(instance, 'retry', at);
      if (next === 'await') return wait(instance, 'answer', at);
      if (next === 'overdue') {
        instance.errors.push(attemptsText(data));
        return wait(instance, 'overdue', at);
      }
      const index = markStep(
        instance,
        data.step,
        next === 'unanswered' ? stepMark.maybe : stepMark.untouched,
      );
      if (steps[index]?.optional !== true) return wait(instance, 'nothing', at);
      instance.errors.push(overText(data));
      return turnTo(instance, index + 1, at);
    },
    StepRetried: (instance, _data, at) => wait(instance, 'answer', at),
    SagaCompensating: (instance, { reason }, at) => {
      if (instance.waiting === 'answer') instance.marks[instance.current] = stepMark.maybe;
      instance.state = 'compensating';
      instance.errors.push(reason);
      return turnTo(instance, nextUndo(plan, instance.marks, steps.length), at);
    },
    StepCompensated: (instance, { step }, at) => {
      const index = markStep(instance, step, stepMark.undone);
      return turnTo(instance, nextUndo(plan, instance.marks, index), at);
    },
    UndoFailed: (instance, { attempt, next }, at) => {
      instance.attempt = attempt;
      return wait(instance, next === 'retry' ? 'retry' : 'answer', at);
    },
    UndoRetried: (instance, _data, at) => wait(instance, 'answer', at),
    CompensationFailed: (instance, { step }, at) => {
      const index = markStep(instance, step, stepMark.undoFailed);
      instance.errors.push(compensationFailedText(step));
      return turnTo(instance, nextUndo(plan, instance.marks, index), at);
    },
    SagaCompleted: (instance, _data, at) => end(instance, 'completed', at),
    SagaCompensated: (instance, _data, at) => end(instance, 'compensated', at),
    SagaFailed: (instance, { reason }, at) => {
      if (reason !== '') instance.errors.push(reason);
      return end(instance, 'failed', at);
    },
  };
}

/** Why a step is over: the actor's own words after a refusal, row 72's text otherwise. */
export function overText(data: FailedAttempt): string {
  return data.next === 'refused' ? failureText(data) : attemptsText(data);
}
