/**
 * What an actor understands, says and refuses: schemas and codes, no implementation.
 *
 * Because a contract imports no behaviour, two actors may refer to each other. Everything a user writes against an
 * actor (payloads, replies, rejections) is inferred from here.
 */
import type { Answered, MessageOrder } from './message.js';
import type { Static, TSchema } from './typebox.js';

/** An older stored form, by its version: positional fields as they were written → today's data. */
export type Upcasters<Data> = Readonly<Record<number, (fields: readonly unknown[]) => Data>>;

/** An event. `version` counts schema versions from 1 and must rise whenever the field list changes. */
export interface EventSpec<S extends TSchema = TSchema> {
  readonly version: number;
  readonly schema: S;
  readonly upcast?: Upcasters<Static<S>>;
}

/**
 * A command. `internal` ones are for other actors, sagas and timers: no route reaches them. `roles` names who may
 * call from outside (default: anyone authenticated; the actor itself checks ownership).
 */
export interface CommandSpec<I extends TSchema = TSchema, R extends TSchema = TSchema> {
  readonly version: number;
  readonly input: I;
  readonly reply: R;
  readonly upcast?: Upcasters<Static<I>>;
  /**
   * Replies are recorded under the command's version and answered again for as long as outcomes are kept. A version whose
   * reply has the same field list needs no upcaster.
   */
  readonly upcastReply?: Upcasters<Static<R>>;
  readonly internal?: boolean;
  readonly roles?: readonly string[];
}

/** A read of an actor's state; changes nothing, is never stored. */
export interface QuerySpec<I extends TSchema = TSchema, R extends TSchema = TSchema> {
  readonly input: I;
  readonly reply: R;
  readonly internal?: boolean;
  readonly roles?: readonly string[];
}

export type EventSpecs = Readonly<Record<string, EventSpec>>;
export type CommandSpecs = Readonly<Record<string, CommandSpec>>;
export type QuerySpecs = Readonly<Record<string, QuerySpec>>;
/** Rejection code → HTTP status (decision D20: 409 when the state says no, 422 when the input does). */
export type RejectionSpecs = Readonly<Record<string, number>>;

export interface Contract<
  K extends string = string,
  E extends EventSpecs = EventSpecs,
  C extends CommandSpecs = CommandSpecs,
  Q extends QuerySpecs = QuerySpecs,
  J extends RejectionSpecs = RejectionSpecs,
> {
  readonly kind: K;
  readonly events: E;
  readonly commands: C;
  readonly queries: Q;
  readonly rejections: J;
}

export type EventName<K extends Contract> = keyof K['events'] & string;
export type CommandName<K extends Contract> = keyof K['commands'] & string;
export type QueryName<K extends Contract> = keyof K['queries'] & string;
export type RejectionCode<K extends Contract> = keyof K['rejections'] & string;

export type EventData<K extends Contract, N extends EventName<K>> = Static<K['events'][N]['schema']>;
export type CommandInput<K extends Contract, N extends CommandName<K>> = Static<K['commands'][N]['input']>;
export type CommandReply<K extends Contract, N extends CommandName<K>> = Static<K['commands'][N]['reply']>;
export type QueryInput<K extends Contract, N extends QueryName<K>> = Static<K['queries'][N]['input']>;
export type QueryReply<K extends Contract, N extends QueryName<K>> = Static<K['queries'][N]['reply']>;

/** One event of a contract, tagged by its name. */
export type EventOf<K extends Contract> = {
  [N in EventName<K>]: { readonly type: N; readonly data: EventData<K, N> };
}[EventName<K>];

/** Upcasters have to make today's data; `EventSpec` alone cannot say so once its schema is one of many. */
type WithUpcasters<E extends EventSpecs, C extends CommandSpecs> = {
  readonly events: { readonly [N in keyof E]: { readonly upcast?: Upcasters<Static<E[N]['schema']>> } };
  readonly commands: {
    readonly [N in keyof C]: {
      readonly upcast?: Upcasters<Static<C[N]['input']>>;
      readonly upcastReply?: Upcasters<Static<C[N]['reply']>>;
    };
  };
};

/** Declares a contract; returns it unchanged with its exact type. */
export function defineContract<
  const K extends string,
  E extends EventSpecs,
  C extends CommandSpecs,
  Q extends QuerySpecs,
  const J extends RejectionSpecs,
>(contract: Contract<K, E, C, Q, J> & WithUpcasters<E, C>): Contract<K, E, C, Q, J> {
  return contract;
}

/** A typed message for another actor. */
export function send<K extends Contract, N extends CommandName<K>>(
  contract: K,
  id: string,
  command: N,
  payload: CommandInput<K, N>,
): MessageOrder & Answered<CommandReply<K, N>> {
  return { kind: contract.kind, id, command, payload };
}
