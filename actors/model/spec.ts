/**
 * Given these events, when this command, then that: an aggregate's rules as tests, in any test runner.
 *
 *     given(account, [{ type: 'Opened', data: { owner: 'ann' } }])
 *       .when('deposit', { amount: '5' })
 *       .then({ events: [{ type: 'Deposited', data: { amount: '5' } }], reply: { balance: '5.00' } });
 *
 * `then` returns the scenario as it stands after the command, so that the next `when` goes on from there.
 *
 * X1  Every event, command, reply and state on the way goes through its stored form and must come back equal: a schema
 *     that forgets a property fails here and not after a restart. (A property that is undefined counts as absent.)
 * X2  `decide` must leave the state as it was, and folding the whole history again from `initial()` must give the same
 *     state: what a restart does.
 * X3  Failures are AssertionErrors with `actual` and `expected`; the runner shows the difference.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Acceptance, AggregateDefinition, DecideContext, Decision, TaggedReply } from './aggregate.js';
import type {
  CommandInput,
  CommandName,
  CommandReply,
  Contract,
  EventOf,
  QueryInput,
  QueryName,
  QueryReply,
  RejectionCode,
} from './contract.js';
import type { MessageOrder, Rejection, TimerOrder } from './message.js';
import { differs, storedCopy, storedState, storedValue, withoutAbsent } from './stored-copy.js';
import type { TSchema } from './typebox.js';

/** What a scenario's commands see unless they say otherwise: noon of 2026-01-01 UTC, an outside caller named `spec`. */
export const specDefaults = {
  id: 'spec-1',
  now: 1_767_268_800_000,
  caller: { principal: 'spec', roles: [], internal: false },
} as const;

/** What must have come of a command. What is left out is not compared; `rejection` is its code, or code and detail. */
export interface Expectation<K extends Contract, Reply> {
  readonly events?: readonly EventOf<K>[];
  readonly reply?: Reply;
  readonly rejection?: RejectionCode<K> | { readonly code: RejectionCode<K>; readonly detail: string };
  readonly messages?: readonly MessageOrder[];
  readonly timers?: readonly TimerOrder[];
}

export interface Scenario<K extends Contract, State> {
  /** The state after everything so far. */
  readonly state: State;
  /** Number of events so far. */
  readonly version: number;
  /** Runs a command. Throws what `decide` throws. */
  when<N extends CommandName<K>>(
    command: N,
    input: CommandInput<K, N>,
    ctx?: Partial<DecideContext>,
  ): Settled<K, State, CommandReply<K, N>>;
  /** Delivers the answer to a tagged message. */
  whenReply(reply: TaggedReply, ctx?: Partial<DecideContext>): Settled<K, State, undefined>;
  /** Answers a query. */
  read<N extends QueryName<K>>(
    query: N,
    input: QueryInput<K, N>,
    ctx?: Partial<DecideContext>,
  ): QueryReply<K, N> | Rejection<RejectionCode<K>>;
}

export interface Settled<K extends Contract, State, Reply> {
  /** Compares, and goes on. Throws AssertionError. */
  then(expected: Expectation<K, Reply>): Scenario<K, State>;
}

/** Starts a scenario from an actor's events, oldest first, each at `at` (default `specDefaults.now`). */
export function given<K extends Contract, State>(
  aggregate: AggregateDefinition<K, State>,
  events: readonly EventOf<K>[] = [],
  at: number = specDefaults.now,
): Scenario<K, State> {
  return scenario(
    aggregate,
    events.map((event) => ({ event, at })),
  );
}

/** An event with the time of its entry. */
interface Happened<K extends Contract> {
  readonly event: EventOf<K>;
  readonly at: number;
}

/** What came of a command, with the reply read off the state after it. */
type Result<K extends Contract> =
  | Rejection<RejectionCode<K>>
  | (Pick<Acceptance<K, unknown, unknown>, 'events' | 'messages' | 'timers'> & { readonly reply: unknown });

function scenario<K extends Contract, State>(
  aggregate: AggregateDefinition<K, State>,
  history: readonly Happened<K>[],
): Scenario<K, State> {
  const { contract } = aggregate;
  const state = fold(aggregate, aggregate.initial(), history);
  const version = history.length;
  const contextOf = (ctx: Partial<DecideContext> | undefined): DecideContext => {
    const principal = ctx?.caller?.principal ?? specDefaults.caller.principal;
    return {
      ...specDefaults,
      version,
      commandId: `command-${version + 1}`,
      trail: { correlationId: 'correlation-1', causationId: '', principal, traceparent: '' },
      ...ctx,
    };
  };

  const settle = <Reply>(
    what: string,
    replySchema: TSchema | undefined,
    at: number,
    decide: (state: State) => Decision<K, Reply, State>,
  ): Settled<K, State, Reply> => {
    const before = storedState(aggregate, state);
    const decision = decide(state);
    if (!isDeepStrictEqual(state, before)) throw differs(`deciding ${what} changed the state`, state, before);
    if ('type' in decision) return expecting(what, decision, () => scenario(aggregate, history));
    // What has no `type` is an acceptance; a generic union does not narrow by itself.
    const accepted = decision as Acceptance<K, Reply, State>;
    const happened = [...history, ...(accepted.events ?? []).map((event) => ({ event, at }))];
    const next = scenario(aggregate, happened);
    // A live actor goes on from the state it had; a restarted one folds everything again. Both must agree (X2).
    const live = fold(aggregate, before, happened.slice(history.length));
    if (!isDeepStrictEqual(live, next.state)) {
      throw differs('folding the history again gives another state', next.state, live);
    }
    const reply =
      typeof accepted.reply === 'function'
        ? // A reply is data, so a function is the one that makes it.
          (accepted.reply as (state: State, version: number) => Reply)(next.state, next.version)
        : accepted.reply;
    if (replySchema !== undefined) storedCopy(`the reply to ${what}`, replySchema, reply);
    for (const { payload } of accepted.messages ?? []) storedValue(`a message of ${what}`, payload);
    for (const timer of accepted.timers ?? []) storedValue(`a timer of ${what}`, timer);
    return expecting(what, { ...accepted, reply }, () => next);
  };

  return {
    state,
    version,
    when: (command, input, ctx) => {
      const context = contextOf(ctx);
      const spec = contract.commands[command];
      if (spec === undefined) throw new TypeError(`${contract.kind} has no command ${command}`);
      const given = storedCopy(`command ${command}`, spec.input, input) as typeof input;
      return settle(`command ${command}`, spec.reply, context.now, (current) =>
        aggregate.decide[command](current, given, context),
      );
    },
    whenReply: (reply, ctx) => {
      const context = contextOf(ctx);
      const { onReply } = aggregate;
      if (onReply === undefined) throw new TypeError(`${contract.kind} has no onReply`);
      return settle(`reply ${reply.tag}`, undefined, context.now, (current) =>
        onReply(current, reply, context),
      );
    },
    read: (query, input, ctx) => aggregate.read[query](state, input, contextOf(ctx)),
  };
}

function expecting<K extends Contract, State, Reply>(
  what: string,
  result: Result<K>,
  next: () => Scenario<K, State>,
): Settled<K, State, Reply> {
  return {
    // biome-ignore lint/suspicious/noThenProperty: given, when, then are the words; awaiting one does not compile, and is refused
    then: (expected) => {
      if (typeof expected === 'function') throw new TypeError('a scenario is not awaited: call then({ … })');
      compare(what, result, expected);
      return next();
    },
  };
}

function compare<K extends Contract>(
  what: string,
  result: Result<K>,
  expected: Expectation<K, unknown>,
): void {
  const { rejection, ...rest } = expected;
  if ('type' in result) {
    if (rejection === undefined) throw differs(`${what} was refused`, result, expected);
    const found = typeof rejection === 'string' ? result.code : { code: result.code, detail: result.detail };
    if (!isDeepStrictEqual(found, rejection))
      throw differs(`${what} was refused otherwise`, found, rejection);
    const nothing = (wanted: unknown) => Array.isArray(wanted) && wanted.length === 0;
    if (!Object.values(rest).every(nothing)) throw differs(`${what} was refused`, result, rest);
    return;
  }
  if (rejection !== undefined) throw differs(`${what} was not refused`, result, rejection);
  for (const [part, wanted] of Object.entries(rest)) {
    const found = part === 'reply' ? result.reply : (result[part as 'events' | 'messages' | 'timers'] ?? []);
    if (!isDeepStrictEqual(withoutAbsent(found), withoutAbsent(wanted))) {
      throw differs(`${part} of ${what}`, found, wanted);
    }
  }
}

/** Applies events as a restart reads them: from their stored form, over a state from its snapshot. */
function fold<K extends Contract, State>(
  aggregate: AggregateDefinition<K, State>,
  start: State,
  history: readonly Happened<K>[],
): State {
  let state = start;
  for (const { event, at } of history) {
    const spec = aggregate.contract.events[event.type];
    if (spec === undefined) throw new TypeError(`${aggregate.contract.kind} has no event ${event.type}`);
    const data = storedCopy(`event ${event.type}`, spec.schema, event.data) as typeof event.data;
    state = aggregate.evolve[event.type](state, data, at);
    const copy = storedState(aggregate, state);
    if (!isDeepStrictEqual(copy, state)) {
      throw differs(`the state after event ${event.type} does not survive its snapshot`, copy, state);
    }
  }
  return state;
}
