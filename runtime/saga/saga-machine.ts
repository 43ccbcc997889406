/**
 * Makes an aggregate out of a saga definition: an instance is an ordinary event-sourced actor of the kind named by the
 * definition. It sends its steps as tagged messages, decides on their answers (`saga-moves.ts`) and keeps one timer.
 *
 * M1  Ends in exactly one of completed, compensated, failed; failed only if an undo was given up, a step after the
 *     pivot could not be done, or `onCompleted` threw.
 * M2  A message is sent again only after an answer said that it had no effect (`saga.ts`, S3).
 * M3  What may have taken effect before the pivot is undone exactly once, highest step first; nothing after it ever is.
 * M4  At most one live timer, `wake`, never later than what the instance must act on; none after the end.
 */
import type { Acceptance, AggregateDefinition, DecideContext } from '../../actors/model/aggregate.js';
import type { Contract } from '../../actors/model/contract.js';
import { type MessageOrder, type Rejection, reject, type TimerOrder } from '../../actors/model/message.js';
import type { SagaDefinition, SagaSummary } from '../../actors/model/saga.js';
import { contractOf, type SagaContract } from './saga-contract.js';
import { evolveSaga } from './saga-evolve.js';
import {
  dueAt,
  initialInstance,
  isOpen,
  isStarted,
  mustRearm,
  rearmedAt,
  type SagaInstance,
  snapshotOf,
} from './saga-instance.js';
import { type Move, SagaMoves } from './saga-moves.js';
import { planSaga, type SagaPlan } from './saga-plan.js';
import { presentSagaEvent, sagaContext, sagaStatus, sagaSummary } from './saga-view.js';

/** The aggregate of a definition, with the plan it runs by. */
export interface CompiledSaga extends AggregateDefinition<Contract, SagaInstance> {
  readonly plan: SagaPlan;
  readonly summary: (instance: SagaInstance) => SagaSummary;
}

/** Throws on a definition that cannot run. */
export function compileSaga(definition: SagaDefinition): CompiledSaga {
  const plan = planSaga(definition);
  const behaviour = behaviourOf(plan);
  const ownEvents = Object.keys(definition.events).map((type) => [type, unchanged] as const);
  // `behaviourOf` is checked against the part of the contract that all sagas share; the casts forget its names, so that
  // the definition's own input and events can stand in it.
  return {
    ...(behaviour as unknown as Omit<CompiledSaga, 'contract' | 'evolve' | 'plan'>),
    contract: contractOf(definition),
    evolve: { ...behaviour.evolve, ...Object.fromEntries(ownEvents) } as unknown as CompiledSaga['evolve'],
    plan,
    summary: (instance) => sagaSummary(plan, instance),
  };
}

function behaviourOf(plan: SagaPlan): Omit<AggregateDefinition<SagaContract, SagaInstance>, 'contract'> {
  const moves = new SagaMoves(plan);
  return {
    type: 'aggregate',
    initial: initialInstance,
    decide: {
      start: (instance, input, ctx) => {
        if (isStarted(instance)) return reject('saga-exists', `Saga ${ctx.id} has been started before`);
        // The input was checked against the definition's schema, an object's.
        const move = moves.start(input as Readonly<Record<string, unknown>>, ctx);
        return { ...effects(move, setWake(move.due)), reply: (state) => sagaStatus(plan, state, ctx.id) };
      },
      wake: (instance, _input, ctx) => {
        if (!isOpen(instance)) return { reply: null };
        const move = moves.look(instance, ctx) ?? { events: [], due: dueAt(plan, instance) };
        const { due } = move;
        const timers = setWake(due === undefined ? undefined : rearmedAt(instance, due, ctx.now));
        return { ...effects(move, timers), reply: null };
      },
    },
    evolve: evolveSaga(plan),
    read: {
      status: (instance, _input, ctx) => refusesCaller(instance, ctx) ?? sagaStatus(plan, instance, ctx.id),
      context: (instance, _input, ctx) => refusesCaller(instance, ctx) ?? sagaContext(instance),
      authorise: (instance, _input, ctx) => refusesCaller(instance, ctx) ?? null,
    },
    onReply: (instance, reply, ctx) => {
      const move = moves.answer(instance, reply, ctx);
      if (move === undefined) return noEffects;
      const { due } = move;
      // The timer that stands is left alone while it fires early enough: most steps touch no timer.
      const stands = due !== undefined && !mustRearm(instance, due, ctx.now);
      return effects(move, stands ? noTimers : setWake(due));
    },
    snapshot: snapshotOf(plan),
    isOpen,
    present: (id, event, data) => presentSagaEvent(plan, id, event, data),
  };
}

const wakeTimer = 'wake';
const noTimers: readonly TimerOrder[] = [];
const noMessages: readonly MessageOrder[] = [];
const cancelWake: readonly TimerOrder[] = [{ type: 'cancel', name: wakeTimer }];
const noEffects: Acceptance<SagaContract, undefined, SagaInstance> = { reply: undefined };

function effects(
  { events, message }: Move,
  timers: readonly TimerOrder[],
): Acceptance<SagaContract, undefined, SagaInstance> {
  return { events, reply: undefined, messages: message === undefined ? noMessages : [message], timers };
}

/** Absent: the saga has ended. `Infinity`: only an answer can move it. */
function setWake(due: number | undefined): readonly TimerOrder[] {
  if (due === undefined) return cancelWake;
  if (due === Number.POSITIVE_INFINITY) return noTimers;
  return [{ type: 'set', name: wakeTimer, dueAt: due, command: 'wake', payload: {} }];
}

/** An unknown saga and somebody else's look the same. */
function refusesCaller(
  instance: SagaInstance,
  { caller }: DecideContext,
): Rejection<'not-found'> | undefined {
  const allowed =
    caller.internal || caller.roles.includes('admin') || caller.principal === instance.principal;
  return isStarted(instance) && allowed ? undefined : reject('not-found', 'Saga not found');
}

function unchanged(instance: SagaInstance): SagaInstance {
  return instance;
}
