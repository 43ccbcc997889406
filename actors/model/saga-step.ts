/**
 * The steps of a saga: what they do, how each is taken back, and how they are put together.
 *
 *     { name, call }            a command of an actor
 *     { name, tell }            one whose answer nobody waits for
 *     { name, activity }        a call to the world outside, through a port
 *     { name, saga }            another saga, until it has ended
 *     { name, signal }          waits for a signal
 *     { name, sleepMs }         lets time pass
 *     { name, each, step }      a command, an activity or a saga for every item of a list
 *     { name, parallel }        several of all these at once
 *
 * Any of them but a group may carry `when`: the step is passed over where it answers false. A branch that needs steps of its own in
 * sequence is another saga.
 */
import type { ActivityOrder } from './activity.js';
import type { MessageOrder } from './message.js';

/** Results by step name, as commands replied and activities resulted; a list by item for a for-each step. */
export type SagaResults = Readonly<Record<string, unknown>>;

/** What a step sees: the input, the results of the steps before it, and the saga's own id. */
export interface SagaContext<Input, Results = SagaResults> {
  readonly sagaId: string;
  readonly input: Input;
  readonly results: Results;
  /** Unix ms of the commit in which the step starts. */
  readonly now: number;
  /** Principal that started the saga. */
  readonly principal: string;
}

/** What one item's step sees. */
export interface ItemContext<Input, Item, Results = SagaResults> extends SagaContext<Input, Results> {
  readonly item: Item;
  readonly index: number;
}

/** Another saga to be started, made by `startSaga`. */
export interface ChildOrder {
  readonly type: 'child';
  readonly saga: string;
  readonly id: string;
  readonly input: unknown;
}

/** What every step has. */
interface Named<Context> {
  readonly name: string;
  /** Asked when the step's turn comes; false passes it over. Its answer is recorded. */
  readonly when?: (saga: Context) => boolean;
  /** From here on the saga only goes forward. At most one step, and not in a parallel group. */
  readonly pivot?: boolean;
  /** A failure of an optional step is recorded and the saga goes on. */
  readonly optional?: boolean;
}

/** How often a step is tried. */
interface Attempts {
  /** Attempts after an operating error. Default 3 for commands; 1 for activities, whose port has a policy of its own. */
  readonly attemptsMax?: number;
  /** The wait before the next attempt is this · 2^n, n from 0, and up to a quarter more. Default 1,000 (rows 67, 72). */
  readonly retryDelayMs?: number;
}

export interface CommandStep<Context> extends Named<Context>, Attempts {
  /** The command that does it. Made with `send`. */
  readonly call: (saga: Context) => MessageOrder;
  /** The command that takes it back; must tolerate "never done". A step without one has nothing to take back. */
  readonly undo?: (saga: Context) => MessageOrder;
  /** Time for one attempt, ms. Default 30,000 (row 67). */
  readonly timeoutMs?: number;
}

/**
 * Over once it is durable that its command is on the way, which then arrives exactly once; its result is null. A refusal changes
 * nothing for the saga: the command becomes a dead letter, for a person, and so does what the saga tells the same actor after it;
 * what it calls there, an undo too, overtakes both. What must be taken back again, or followed by what came of it, is a `call`.
 */
export interface TellStep<Context> extends Omit<Named<Context>, 'optional'> {
  /**
   * Made with `send`; at most `tellBytesMax` (4,096) of payload. One that throws, or is larger, fails its step at once. At most
   * `tellsMax` (32) such steps in a saga, and with what the next stage may begin at once 64: they may stand in one decision.
   */
  readonly tell: (saga: Context) => MessageOrder;
}

export interface ActivityStep<Context> extends Named<Context>, Attempts {
  /** Made with `perform`. Done once it is durable that the saga has come to it, and again after a crash. */
  readonly activity: (saga: Context) => ActivityOrder;
  readonly undo?: (saga: Context) => ActivityOrder | MessageOrder;
  /** Time for the activity with all its attempts, ms. Default 120,000. */
  readonly timeoutMs?: number;
}

export interface ChildStep<Context> extends Named<Context>, Attempts {
  /** Made with `startSaga`. Its result holds the results of its steps. It ends no later than this saga's deadline. */
  readonly saga: (saga: Context) => ChildOrder;
  /** Takes back what a completed one has done; one under way is cancelled instead. */
  readonly undo?: (saga: Context) => MessageOrder;
}

export interface SignalStep<Context> extends Named<Context> {
  /** Name of the signal; its payload is the result. One that comes before its step is kept. */
  readonly signal: string;
  /** Takes back what came of the signal. Tried once; no undo of a signal that never came. */
  readonly undo?: (saga: Context) => MessageOrder;
  /** Default: until the saga's deadline. */
  readonly timeoutMs?: number;
}

export interface SleepStep<Context> extends Named<Context> {
  /** Durable, and never shorter. */
  readonly sleepMs: number | ((saga: Context) => number);
  /** Sent where the saga turns back from behind the sleep. Tried once. */
  readonly undo?: (saga: Context) => MessageOrder;
}

/** What can be done for an item. What is not to be done is no item: `each` leaves it out. */
export type ItemStep<Context> =
  | Omit<CommandStep<Context>, 'name' | 'pivot' | 'when'>
  | Omit<ActivityStep<Context>, 'name' | 'pivot' | 'when'>
  | Omit<ChildStep<Context>, 'name' | 'pivot' | 'when'>;

export interface ForEachStep<Input, Item, Results = SagaResults>
  extends Omit<Named<SagaContext<Input, Results>>, 'optional'> {
  /** Recorded in one event when the step's turn comes: at most `itemsMax`, and 16 KB. More fail the step. */
  readonly each: (saga: SagaContext<Input, Results>) => readonly Item[];
  readonly step: ItemStep<ItemContext<Input, Item, Results>>;
  /** Items under way at a time, doing and undoing. Default 16; 1: one after the other. */
  readonly concurrencyMax?: number;
}

/** A step that can stand in a group. */
export type SingleStep<Input, Results = SagaResults> =
  | CommandStep<SagaContext<Input, Results>>
  | TellStep<SagaContext<Input, Results>>
  | ActivityStep<SagaContext<Input, Results>>
  | ChildStep<SagaContext<Input, Results>>
  | SignalStep<SagaContext<Input, Results>>
  | SleepStep<SagaContext<Input, Results>>
  // Items have a type of their own in each step; `forEach` proves it where it is declared.
  // biome-ignore lint/suspicious/noExplicitAny: functions are contravariant in the item
  | ForEachStep<Input, any, Results>;

/** Steps done at once; the saga goes on when all are over. They are taken back at once as well. */
export interface ParallelStep<Input, Results = SagaResults> {
  readonly name: string;
  readonly parallel: readonly SingleStep<Input, Results>[];
}

export type SagaStep<Input = unknown, Results = SagaResults> =
  | SingleStep<Input, Results>
  | ParallelStep<Input, Results>;

/** A step for every item, the item's type taken from `each`. */
export function forEach<Input, Item, Results = SagaResults>(
  step: ForEachStep<Input, Item, Results>,
): ForEachStep<Input, Item, Results> {
  return step;
}
