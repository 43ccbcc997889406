/**
 * An aggregate: state, the decisions it takes, and how events change it. Synchronous functions only: `decide` sees its
 * own state and its context, nothing else.
 *
 * G1  Returning events *is* persisting them: they are applied at once and leave the shard only after their commit.
 * G2  `evolve` reads nothing but the state and the event, so replay gives the same state for ever.
 */
import type {
  CommandInput,
  CommandName,
  CommandReply,
  Contract,
  EventData,
  EventName,
  EventOf,
  QueryInput,
  QueryName,
  QueryReply,
  RejectionCode,
} from './contract.js';
import type { Caller, MessageOrder, Outcome, Rejection, TimerOrder, Trail } from './message.js';

/** What a decision may look at besides the state. */
export interface DecideContext {
  /** The actor's own id. */
  readonly id: string;
  /** Unix ms; never runs back in a partition or along a cause. Stored with the entry. */
  readonly now: number;
  /** The actor's version (event count) before this command. */
  readonly version: number;
  readonly caller: Caller;
  readonly trail: Trail;
  /** Unique per command and equal for every repeat of it; generated ids derive from it. */
  readonly commandId: string;
}

/** A yes: what happened, the answer, and what else to do. Absent parts mean none. */
export interface Acceptance<K extends Contract, Reply, State> {
  readonly events?: readonly EventOf<K>[];
  /** The answer, or a function that reads it off the state after the events (version = after the events). */
  readonly reply: Reply | ((state: State, version: number) => Reply);
  readonly messages?: readonly MessageOrder[];
  readonly timers?: readonly TimerOrder[];
}

export type Decision<K extends Contract, Reply, State> =
  | Acceptance<K, Reply, State>
  | Rejection<RejectionCode<K>>;

export type Decide<K extends Contract, State> = {
  readonly [N in CommandName<K>]: (
    state: State,
    input: CommandInput<K, N>,
    ctx: DecideContext,
  ) => Decision<K, CommandReply<K, N>, State>;
};

export type Evolve<K extends Contract, State> = {
  /** May change the state in place and must return it. `at` is the time of the entry, Unix ms. */
  readonly [N in EventName<K>]: (state: State, data: EventData<K, N>, at: number) => State;
};

export type Read<K extends Contract, State> = {
  readonly [N in QueryName<K>]: (
    state: State,
    input: QueryInput<K, N>,
    ctx: DecideContext,
  ) => QueryReply<K, N> | Rejection<RejectionCode<K>>;
};

/** The answer to a message that was sent with a tag. Delivered to `onReply`, not to a command of the contract. */
export interface TaggedReply {
  readonly tag: string;
  readonly outcome: Outcome;
  /**
   * The message took effect, but its reply cannot be read by this program, or what the actor decided on it was past a
   * bound and is not recorded: the outcome is that failure instead, so that the actor can decide on it.
   */
  readonly isUnrecorded?: boolean;
  /** Of a saga, the first time that what it decided is not recorded: the outcome as it came. */
  readonly given?: Outcome;
}

/**
 * How a state is stored. By default the fields of `initial()` in their order, each packed as it stands (numbers,
 * strings, bigints within 64 bits, arrays, plain objects, Map). `version` rises when that list or its meaning changes;
 * a snapshot of another version is ignored and the state is folded from the journal again.
 */
export interface SnapshotSpec<State> {
  readonly version: number;
  readonly encode?: (state: State) => readonly unknown[];
  readonly decode?: (fields: readonly unknown[]) => State;
}

export interface AggregateDefinition<K extends Contract = Contract, State = unknown> {
  readonly type: 'aggregate';
  readonly contract: K;
  readonly initial: () => State;
  readonly decide: Decide<K, State>;
  readonly evolve: Evolve<K, State>;
  readonly read: Read<K, State>;
  readonly onReply?: (
    state: State,
    reply: TaggedReply,
    ctx: DecideContext,
  ) => Acceptance<K, undefined, State>;
  /**
   * For commands from inside that must not be lost: what was decided on one was past a bound and is not recorded, so it is
   * decided once more, on that failure.
   */
  readonly unrecorded?: {
    readonly [N in CommandName<K>]?: (
      state: State,
      input: CommandInput<K, N>,
      ctx: DecideContext,
      failure: { readonly code: string; readonly detail: string },
    ) => Acceptance<K, CommandReply<K, N>, State>;
  };
  readonly snapshot: SnapshotSpec<State>;
  /** True while the actor still has work of its own to do (an open saga); kept as a flag in its row. */
  readonly isOpen?: (state: State) => boolean;
  /** An event's data as histories show it, where that is more than what is stored (a saga's events name their saga). */
  readonly present?: (id: string, event: string, data: unknown) => unknown;
  /** Commands that may wait for this actor while it is loading. Default 1,024. */
  readonly mailboxMax?: number;
}

/** What an aggregate does. The state's type is what `initial` returns, whatever the functions beside it return. */
export type Behaviour<K extends Contract, State> = Omit<
  AggregateDefinition<K, NoInfer<State>>,
  'type' | 'contract' | 'initial'
> & { readonly initial: () => State };

/** Declares an aggregate; everything is checked against the contract. */
export function defineAggregate<K extends Contract, State>(
  contract: K,
  behaviour: Behaviour<K, State>,
): AggregateDefinition<K, State> {
  return { type: 'aggregate', contract, ...behaviour };
}
