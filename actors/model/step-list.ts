/**
 * Steps one after the other, each of which sees the results of those before it with their types: what a command replies,
 * what an activity results in. Written as a list they would all see `unknown`.
 *
 *     steps: stepsOf(Input)
 *       .each('reserve', ({ input }) => input.lines, { call: …, undo: … })
 *       .step('charge', { activity: ({ input }) => perform(bank, 'charge', …) })
 *       .step('ship', { pivot: true, call: ({ results }) => send(…, results.charge.receipt) })
 *       .steps
 *
 * In `undo` every result may be missing: what is undone may never have been answered.
 */
import type { ActivityOrder } from './activity.js';
import type { Answered, MessageOrder } from './message.js';
import type {
  ActivityStep,
  ChildOrder,
  ChildStep,
  CommandStep,
  ItemContext,
  SagaContext,
  SagaStep,
  SingleStep,
  TellStep,
} from './saga-step.js';
import type { Static, TSchema } from './typebox.js';

type Own = 'name' | 'undo' | 'call' | 'activity' | 'saga' | 'when' | 'optional';

/** A step by what it does; `Context` when it is done, `UndoContext` when it is taken back. */
export type TypedStep<Context, UndoContext, Result> =
  | (Omit<CommandStep<Context>, Own> & {
      readonly call: (saga: Context) => MessageOrder & Answered<Result>;
      readonly undo?: (saga: UndoContext) => MessageOrder;
    })
  | (Omit<ActivityStep<Context>, Own> & {
      readonly activity: (saga: Context) => ActivityOrder & Answered<Result>;
      readonly undo?: (saga: UndoContext) => ActivityOrder | MessageOrder;
    })
  | (Omit<ChildStep<Context>, Own> & {
      readonly saga: (saga: Context) => ChildOrder & Answered<Result>;
      readonly undo?: (saga: UndoContext) => MessageOrder;
    });

/** What may be passed over has a result that may be missing. */
interface Passable<Context> {
  readonly when?: (saga: Context) => boolean;
  readonly optional?: boolean;
}

type With<Results, N extends string, Result> = Results & { readonly [K in N]: Result };
type Undoing<Input, Results, N extends string, Result> = SagaContext<
  Input,
  Partial<With<Results, N, Result>>
>;

/** `Results`: what the steps see; `Added`: what those of this list result in. In a group they do not see each other. */
export interface StepGroup<Input, Results, Added> {
  readonly steps: readonly SingleStep<Input>[];
  step<const N extends string, Result>(
    name: N,
    step: TypedStep<SagaContext<Input, Results>, Undoing<Input, Results, N, Result>, Result>,
  ): StepGroup<Input, Results, With<Added, N, Result>>;
  optional<const N extends string, Result>(
    name: N,
    step: TypedStep<SagaContext<Input, Results>, Undoing<Input, Results, N, Result>, Result> &
      Passable<SagaContext<Input, Results>>,
  ): StepGroup<Input, Results, With<Added, N, Result | undefined>>;
  /** A command whose answer nobody waits for: its result is null, and no step is told of it. */
  tell(
    name: string,
    tell: (saga: SagaContext<Input, Results>) => MessageOrder,
    options?: Pick<TellStep<SagaContext<Input, Results>>, 'when'>,
  ): StepGroup<Input, Results, Added>;
}

export interface StepList<Input, Results> {
  readonly steps: readonly SagaStep<Input>[];
  step<const N extends string, Result>(
    name: N,
    step: TypedStep<SagaContext<Input, Results>, Undoing<Input, Results, N, Result>, Result>,
  ): StepList<Input, With<Results, N, Result>>;
  /**
   * A step that is passed over when it fails; with `when`, where that says no (and only if `optional: true` stands beside
   * it, when it fails as well).
   */
  optional<const N extends string, Result>(
    name: N,
    step: TypedStep<SagaContext<Input, Results>, Undoing<Input, Results, N, Result>, Result> &
      Passable<SagaContext<Input, Results>>,
  ): StepList<Input, With<Results, N, Result | undefined>>;
  /** The step for every item; its result is a list in the order of the items. */
  each<const N extends string, Item, Result>(
    name: N,
    items: (saga: SagaContext<Input, Results>) => readonly Item[],
    step: TypedStep<
      ItemContext<Input, Item, Results>,
      ItemContext<Input, Item, Partial<With<Results, N, readonly (Result | null)[]>>>,
      Result
    >,
    options?: { readonly concurrencyMax?: number },
  ): StepList<Input, With<Results, N, readonly Result[]>>;
  /** Several steps at once. */
  parallel<Added>(
    name: string,
    group: (group: StepGroup<Input, Results, unknown>) => StepGroup<Input, Results, Added>,
  ): StepList<Input, Results & Added>;
  /** Waits for a signal; its payload is the result. */
  signal<const N extends string>(
    name: N,
    signal: string,
    options?: { readonly timeoutMs?: number },
  ): StepList<Input, With<Results, N, unknown>>;
  /** A command whose answer nobody waits for, and so no result. */
  tell(
    name: string,
    tell: (saga: SagaContext<Input, Results>) => MessageOrder,
    options?: Omit<TellStep<SagaContext<Input, Results>>, 'name' | 'tell'>,
  ): StepList<Input, Results>;
  sleep(
    name: string,
    sleepMs: number | ((saga: SagaContext<Input, Results>) => number),
  ): StepList<Input, Results>;
}

/** An empty list for a saga with this input. */
export function stepsOf<I extends TSchema>(_input: I): StepList<Static<I>, unknown> {
  // Lists are built of data alone: the types above say what each function sees.
  return listOf([]) as unknown as StepList<Static<I>, unknown>;
}

type Loose = Readonly<Record<string, unknown>>;

function listOf(steps: readonly Loose[]): object {
  const add = (step: Loose): object => listOf([...steps, step]);
  return {
    steps,
    step: (name: string, step: Loose) => add({ ...step, name }),
    optional: (name: string, step: Loose) => add({ optional: step.when === undefined, ...step, name }),
    each: (name: string, each: unknown, step: Loose, options: Loose = {}) =>
      add({ ...options, name, each, step }),
    parallel: (name: string, group: (group: object) => { readonly steps: unknown }) =>
      add({ name, parallel: group(listOf([])).steps }),
    signal: (name: string, signal: string, options: Loose = {}) => add({ ...options, name, signal }),
    tell: (name: string, tell: unknown, options: Loose = {}) => add({ ...options, name, tell }),
    sleep: (name: string, sleepMs: unknown) => add({ name, sleepMs }),
  };
}
