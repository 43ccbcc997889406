/**
 * Makes an aggregate out of a saga definition: an instance is an ordinary event-sourced actor of the kind named by the
 * definition. It sends its steps as tagged messages and activities, decides on their answers (`saga-moves.ts`) and keeps
 * one timer.
 *
 * M1  Ends in exactly one of completed, compensated, failed. Failed is parked first, and only if an undo was given up, a
 *     step after the pivot could not be done, or `onCompleted` threw; a person decides on it.
 * M2  A message is sent again only after an answer said that it had no effect (`saga.ts`, S3).
 * M3  What may have taken effect before the pivot is undone exactly once, highest stage first; nothing after it ever is.
 * M4  Exactly one live timer, `wake`, from the start to the end, parked or not, and never later than what the instance
 *     must act on: the timers of a partition are the index of its live sagas.
 */
import type { Acceptance, AggregateDefinition, DecideContext } from '../../actors/model/aggregate.js';
import type { Contract } from '../../actors/model/contract.js';
import { type Rejection, reject, type TimerOrder } from '../../actors/model/message.js';
import type { SagaDefinition, SagaSummary } from '../../actors/model/saga.js';
import { contractOf, type OperatorVerb, type SagaContract } from './saga-contract.js';
import { tagOfTimer } from './saga-dispatch.js';
import type { Move } from './saga-draft.js';
import { evolveSaga, type PlanOf } from './saga-evolve.js';
import type { Cause } from './saga-failure.js';
import { initialInstance, isLive, isOpen, isStarted, type SagaInstance } from './saga-instance.js';
import { SagaMoves } from './saga-moves.js';
import { planVersions, type SagaPlan } from './saga-plan.js';
import { snapshotOf } from './saga-snapshot.js';
import { dueAt, wakeTimer } from './saga-timing.js';
import {
  activityAnswer,
  cancelled,
  childAnswer,
  isFromParent,
  linkOf,
  operated,
  signalled,
} from './saga-verbs.js';
import { presentSagaEvent, sagaContext, sagaStatus, sagaSummary, startedStatus } from './saga-view.js';

/** A live instance with nothing of its own to wait for looks up this often, one that waits for a person this often. */
const reminderMs = 3_600_000;
const parkedReminderMs = 86_400_000;

/** The aggregate of a definition, with the plan it runs by. */
export interface CompiledSaga extends AggregateDefinition<Contract, SagaInstance> {
  /** That of the newest version: new instances begin under it. */
  readonly plan: SagaPlan;
  readonly planOf: PlanOf;
  /** Versions of the definition that an instance can go on under. */
  readonly versions: ReadonlySet<number>;
  readonly summary: (instance: SagaInstance) => SagaSummary;
}

/** Throws on a definition that cannot run. */
export function compileSaga(definition: SagaDefinition): CompiledSaga {
  const plans = planVersions(definition);
  // The map holds the definition's own version.
  const plan = plans.get(definition.version) as SagaPlan;
  // An ended instance of a version that is no longer registered is shown by the newest plan, as far as that goes.
  const planOf: PlanOf = ({ definitionVersion }) =>
    definitionVersion === plan.version ? plan : (plans.get(definitionVersion) ?? plan);
  const behaviour = behaviourOf(plan, planOf);
  const ownEvents = Object.keys(definition.events).map((type) => [type, unchanged] as const);
  // `behaviourOf` is checked against the part of the contract that all sagas share; the casts forget its names, so that
  // the definition's own input and events can stand in it.
  return {
    ...(behaviour as unknown as Omit<CompiledSaga, 'contract' | 'evolve' | 'plan'>),
    contract: contractOf(definition),
    evolve: { ...behaviour.evolve, ...Object.fromEntries(ownEvents) } as unknown as CompiledSaga['evolve'],
    plan,
    planOf,
    versions: new Set(plans.keys()),
    summary: (instance) => sagaSummary(planOf(instance), instance),
  };
}

type Behaviour = Omit<AggregateDefinition<SagaContract, SagaInstance>, 'contract'>;
type Accepted = Acceptance<SagaContract, undefined, SagaInstance>;
type Woken = Acceptance<SagaContract, null, SagaInstance>;

function behaviourOf(plan: SagaPlan, planOf: PlanOf): Behaviour {
  const moves = new SagaMoves(planOf);
  const status = (id: string) => (state: SagaInstance) => sagaStatus(planOf(state), state, id);
  const operator =
    (verb: OperatorVerb): Behaviour['decide'][OperatorVerb] =>
    (instance, { reason = '' }, ctx) => {
      const refused = refusesCaller(instance, ctx);
      if (refused !== undefined) return refused;
      const move = operated(moves, instance, verb, reason, ctx);
      return 'type' in move ? move : { ...effects(move, instance), reply: status(ctx.id) };
    };
  const woken = (instance: SagaInstance, ctx: DecideContext, failure?: Cause): Woken => {
    if (!isLive(instance)) return { reply: null };
    const move = moves.look(instance, ctx, failure);
    if (move === undefined) return { timers: [wakeAt(instance, planOf, ctx.now)], reply: null };
    const timers = move.armedAt === undefined ? cancelWake : [wakeAt(move.instance, planOf, ctx.now)];
    return { ...withTimers(move, timers), reply: null };
  };
  return {
    type: 'aggregate',
    initial: initialInstance,
    decide: {
      start: (instance, input, ctx) => {
        if (isStarted(instance)) return exists(ctx.id);
        // The input was checked against the definition's schema, an object's.
        const move = moves.start(plan, input as Readonly<Record<string, unknown>>, ctx);
        return {
          ...begun(move, plan.version, ctx.now),
          reply: (state) => startedStatus(plan, state, ctx.id),
        };
      },
      startChild: (instance, { input, ...link }, ctx) => {
        if (isStarted(instance)) return exists(ctx.id);
        const move = moves.start(plan, input as Readonly<Record<string, unknown>>, ctx, linkOf(link));
        return { ...begun(move, plan.version, ctx.now), reply: null };
      },
      wake: (instance, _input, ctx) => woken(instance, ctx),
      childEnded: (instance, ended, ctx) =>
        accepted(moves.settle(instance, ended.tag, childAnswer(ended), ctx), instance, null),
      cancelChild: (instance, by, ctx) => {
        // A saga that wanted this id and was refused it turns back as well, and sends this before it knows.
        if (!isFromParent(instance, by)) return { reply: null };
        const move = cancelled(moves, instance, '', ctx);
        // One that can no longer be turned back goes on, and tells its end.
        return move === undefined || 'type' in move ? { reply: null } : accepted(move, instance, null);
      },
      performed: (instance, { tag, ...outcome }, ctx) => {
        const isSecond = outcome.type === 'unrecorded';
        const move = moves.settle(instance, tagOfTimer(tag), activityAnswer(outcome), ctx, isSecond);
        if (tag !== wakeTimer) return accepted(move, instance, null);
        // An order of an earlier program, which had taken the timer's place: whatever was decided, it is set (M4).
        if (move === undefined) return woken(instance, ctx);
        return { ...begun(move, instance.definitionVersion, ctx.now), reply: null };
      },
      signal: (instance, input, ctx) => {
        const move = refusesCaller(instance, ctx) ?? signalled(moves, instance, input, ctx);
        return move !== undefined && 'type' in move ? move : accepted(move, instance, null);
      },
      cancel: (instance, { reason = '' }, ctx) => {
        const move = refusesCaller(instance, ctx) ?? cancelled(moves, instance, reason, ctx);
        if (move === undefined) return { reply: status(ctx.id) };
        return 'type' in move ? move : { ...effects(move, instance), reply: status(ctx.id) };
      },
      retry: operator('retry'),
      skip: operator('skip'),
      abort: operator('abort'),
    },
    unrecorded: {
      wake: (instance, _input, ctx, failure) => woken(instance, ctx, failure),
      childEnded: (instance, { tag, state }, ctx, failure) => {
        const answer = { type: 'failure', ...failure, isUnsure: state !== 'compensated' } as const;
        return accepted(moves.settle(instance, tag, answer, ctx, true), instance, null);
      },
    },
    evolve: evolveSaga(planOf),
    read: {
      status: (instance, _input, ctx) =>
        refusesCaller(instance, ctx) ?? sagaStatus(planOf(instance), instance, ctx.id),
      context: (instance, _input, ctx) => refusesCaller(instance, ctx) ?? sagaContext(instance),
      authorise: (instance, _input, ctx) => refusesCaller(instance, ctx) ?? null,
    },
    onReply: (instance, reply, ctx) => {
      const move = moves.answer(instance, reply, ctx);
      return move === undefined ? noEffects : effects(move, instance);
    },
    snapshot: snapshotOf(plan.version, planOf),
    isOpen,
    present: (id, event, data) => presentSagaEvent(plan, id, event, data),
  };
}

const noTimers: readonly TimerOrder[] = [];
const cancelWake: readonly TimerOrder[] = [{ type: 'cancel', name: wakeTimer }];
const noEffects: Accepted = { reply: undefined };

/** The timer that stands is left alone while it fires early enough: most steps touch no timer. */
function effects(move: Move, instance: SagaInstance): Accepted {
  const { armedAt } = move;
  if (armedAt === undefined) return withTimers(move, cancelWake);
  if (armedAt === instance.armedAt) return withTimers(move, noTimers);
  return withTimers(move, [setWake(armedAt, instance.definitionVersion)]);
}

function withTimers({ events, messages, activities }: Move, timers: readonly TimerOrder[]): Accepted {
  const all = activities.length === 0 ? timers : [...timers, ...activities];
  return { events, reply: undefined, messages, timers: all };
}

function accepted<Reply>(
  move: Move | undefined,
  instance: SagaInstance,
  reply: Reply,
): Acceptance<SagaContract, Reply, SagaInstance> {
  return move === undefined ? { reply } : { ...effects(move, instance), reply };
}

/** Of a saga that has no timer yet. */
function begun(move: Move, definitionVersion: number, now: number): Accepted {
  const { armedAt } = move;
  // It may be over at once, every step passed over.
  if (armedAt === undefined) return withTimers(move, noTimers);
  const isTimed = armedAt > 0 && armedAt !== Number.POSITIVE_INFINITY;
  return withTimers(move, [setWake(isTimed ? armedAt : now + reminderMs, definitionVersion)]);
}

/**
 * The timer after a firing, which used it up: set anew whatever was decided (M4), and not after `armedAt` while that lies
 * ahead (N2).
 */
function wakeAt(instance: SagaInstance, planOf: PlanOf, now: number): TimerOrder {
  const due = dueAt(planOf(instance), instance);
  const armedAt = instance.armedAt > now ? Math.min(instance.armedAt, due) : due;
  const reminder = now + (instance.parkedAt > 0 ? parkedReminderMs : reminderMs);
  return setWake(armedAt === Number.POSITIVE_INFINITY ? reminder : armedAt, instance.definitionVersion);
}

function setWake(dueAt: number, definitionVersion: number): TimerOrder {
  const payload = { definition_version: definitionVersion };
  return { type: 'set', name: wakeTimer, dueAt, command: 'wake', payload };
}

function exists(id: string): Rejection<'saga-exists'> {
  return reject('saga-exists', `Saga ${id} has been started before`);
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
