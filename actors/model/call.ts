/**
 * What can be asked of one actor from outside: a command, a query, its state at an earlier moment, or its history.
 */
import type { Address } from './address.js';
import type {
  CommandInput,
  CommandName,
  CommandReply,
  Contract,
  QueryInput,
  QueryName,
  QueryReply,
} from './contract.js';
import type { Answered } from './message.js';

export type { Answered } from './message.js';

/** A query of a neighbour (an actor with the same placement) that must not be rejected, else its rejection is the answer. */
export interface Guard extends Address {
  readonly query: string;
  readonly payload: unknown;
}

export type ActorCall = CommandCall | QueryCall | HistoryCall;

export interface CommandCall extends Address {
  readonly type: 'command';
  readonly command: string;
  readonly payload: unknown;
  readonly guard?: Guard;
  /** Sagas: hold the answer until the instance is in a final state, or this many ms; then answer its status. */
  readonly waitMs?: number;
}

export interface QueryCall extends Address {
  readonly type: 'query';
  readonly query: string;
  readonly payload: unknown;
  readonly guard?: Guard;
  /** Answer from the state as it was after this version, or at this time (Unix ms): the journal is folded up to there. */
  readonly at?: { readonly version: number } | { readonly time: number };
  /** Sagas: hold the answer until the instance is in a final state, or this many ms. */
  readonly waitMs?: number;
}

/** The actor's events. Reply: `HistoryReply`. */
export interface HistoryCall extends Address {
  readonly type: 'history';
  /** Ownership check by the actor itself or by one that bears its id: this query must not be rejected. */
  readonly guard?: Guard;
  /** `forward` from just after `fromVersion` (0 = the first), or `backward` from just below it (absent = the newest). */
  readonly direction: 'forward' | 'backward';
  readonly fromVersion?: number;
  /** 1–1,000. */
  readonly limit: number;
}

/** An event as history shows it (decision D13; the JSON names are given by the gateway). */
export interface RecordedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly streamVersion: number;
  readonly schemaVersion: number;
  readonly data: unknown;
  readonly correlationId: string;
  readonly causationId: string;
  readonly principal: string;
  /** Unix ms. */
  readonly at: number;
  /** Opaque position token. */
  readonly position: string;
}

export interface HistoryReply {
  readonly events: readonly RecordedEvent[];
  /** Version to go on from, or null at the end. */
  readonly next: number | null;
}

/** A command of a contract's actor; the payload is checked here and the reply known where the answer is made. */
export function commandCall<K extends Contract, N extends CommandName<K>>(
  contract: K,
  id: string,
  command: N,
  payload: CommandInput<K, N>,
  options: Pick<CommandCall, 'guard' | 'waitMs'> = {},
): CommandCall & Answered<CommandReply<K, N>> {
  return { type: 'command', kind: contract.kind, id, command, payload, ...options };
}

/** A query of a contract's actor. */
export function queryCall<K extends Contract, N extends QueryName<K>>(
  contract: K,
  id: string,
  query: N,
  payload: QueryInput<K, N>,
  options: Pick<QueryCall, 'guard' | 'at' | 'waitMs'> = {},
): QueryCall & Answered<QueryReply<K, N>> {
  return { type: 'query', kind: contract.kind, id, query, payload, ...options };
}

/** A query that must not be rejected before another call runs (an ownership check). */
export function guardOf<K extends Contract, N extends QueryName<K>>(
  contract: K,
  id: string,
  query: N,
  payload: QueryInput<K, N>,
): Guard {
  return { kind: contract.kind, id, query, payload };
}
