/**
 * Activities: calls to the world outside (a payment provider, a mail server), through ports.
 *
 * A port is to a provider what a contract is to an actor: schemas and codes, no implementation. A saga step orders an
 * activity with `perform`; an adapter, handed in where the system is put together, does it.
 *
 * A1  A call may be repeated (after an operating error, after a crash) and then carries the same idempotency key: an
 *     adapter passes it on, and the provider does the thing once.
 * A2  `outcome-unknown` is the only code of a failure under which the call may have taken effect (O2 in `errors.ts`).
 */
import type { ErrorCode } from './errors.js';
import type { Answered, Rejection } from './message.js';
import type { Static, TSchema } from './typebox.js';

/** Rows 156 to 161; a circuit is per activity, named `port.activity`. */
export interface BreakerPolicy {
  /** Failures in a row that open it. Default 5. */
  readonly failureThreshold?: number;
  /** Successful probes that close it. Default 2; at most `halfOpenRequests`. */
  readonly successThreshold?: number;
  /** Time from the last failure until a probe is let through, ms. Default 30,000. */
  readonly timeoutMs?: number;
  /** Probes at a time while half open. Default 3. */
  readonly halfOpenRequests?: number;
  /** What the failure rate looks back on, ms. Default 60,000. */
  readonly timeWindowMs?: number;
  /** Failures with these codes say nothing about the provider: they do not count. Default none. */
  readonly excludedCodes?: readonly ErrorCode[];
}

/** How an activity is called. Every number has a default; a definition changes what its provider needs. */
export interface ActivityPolicy {
  /** Time for one attempt. Default 30,000 (row 67). */
  readonly timeoutMs?: number;
  /** Attempts, the first included. Default 3 (row 67). A rejection is never repeated. */
  readonly attemptsMax?: number;
  /** Wait before attempt n + 2 is this · 2^n, of which the last half is random. Default 1,000. */
  readonly retryDelayMs?: number;
  /** Bulkhead: attempts under way at a time, and how many more may wait for one of them to end. Default 32 and 256. */
  readonly concurrencyMax?: number;
  readonly queueMax?: number;
  /** Default: all of row 156. `false` for a provider that cannot be down (a pure computation). */
  readonly breaker?: BreakerPolicy | false;
}

export interface ActivitySpec<
  I extends TSchema = TSchema,
  R extends TSchema = TSchema,
  J extends string = string,
> {
  readonly input: I;
  readonly result: R;
  /** Codes with which a provider may say no. Final: a rejection is recorded and not tried again. */
  readonly rejections: readonly J[];
  readonly policy?: ActivityPolicy;
  /** The result to go on with when every attempt failed and none took effect. Default: the call has failed. */
  readonly fallback?: unknown;
}

export type ActivitySpecs = Readonly<Record<string, ActivitySpec>>;

export interface Port<N extends string = string, A extends ActivitySpecs = ActivitySpecs> {
  readonly type: 'port';
  /** As adapters, settings, metrics and circuits call it. */
  readonly name: N;
  readonly activities: A;
}

export type ActivityName<P extends Port> = keyof P['activities'] & string;
export type ActivityInput<P extends Port, N extends ActivityName<P>> = Static<P['activities'][N]['input']>;
export type ActivityResult<P extends Port, N extends ActivityName<P>> = Static<P['activities'][N]['result']>;
export type ActivityCode<
  P extends Port,
  N extends ActivityName<P>,
> = P['activities'][N]['rejections'][number];

/** The operating error of an activity: every attempt failed. `detail` holds nothing of the input. */
export interface ActivityFailure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** What came of an activity. Plain data: it crosses threads and is recorded. */
export type ActivityOutcome<Result = unknown, Code extends string = string> =
  | { readonly type: 'result'; readonly value: Result }
  | { readonly type: 'rejected'; readonly code: Code; readonly detail: string }
  | { readonly type: 'failed'; readonly error: ActivityFailure };

/** An activity to perform, made by `perform`. */
export interface ActivityOrder {
  readonly type: 'activity';
  readonly port: string;
  readonly activity: string;
  readonly input: unknown;
}

/** A fallback is a result; `ActivitySpec` alone cannot say so once its schemas are two of many. */
type WithFallbacks<A extends ActivitySpecs> = {
  readonly [N in keyof A]: { readonly fallback?: Static<A[N]['result']> };
};

const portNamePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** Declares a port; returns it with its exact type. Throws on a name that no setting or metric could carry. */
export function definePort<const N extends string, const A extends ActivitySpecs>(
  port: Omit<Port<N, A>, 'type'> & { readonly activities: WithFallbacks<A> },
): Port<N, A> {
  if (!portNamePattern.test(port.name)) {
    throw new TypeError(`port "${port.name}": a name is a letter and up to 31 of a-z 0-9 -`);
  }
  return { type: 'port', name: port.name, activities: port.activities };
}

/** An order for an activity; input and result are typed by the port. */
export function perform<P extends Port, N extends ActivityName<P>>(
  port: P,
  activity: N,
  input: ActivityInput<P, N>,
): ActivityOrder & Answered<ActivityResult<P, N>> {
  return { type: 'activity', port: port.name, activity, input };
}

/** What an adapter is told beside the input. */
export interface AdapterCall {
  /** Equal for every attempt and every repeat of one activity of one saga. */
  readonly idempotencyKey: string;
  /** Attempts of this run before this one. A repeat after a crash counts from 0 again. */
  readonly attempt: number;
  /** Aborted when the attempt's time is over: whoever goes on after that is not listened to. */
  readonly signal: AbortSignal;
  /** W3C trace context, or empty. */
  readonly traceparent: string;
}

/**
 * What does a port's activities. Resolves with the result or with `reject(code, detail)`; throws an `OperatingError`
 * with `provider-unavailable` or `provider-refused` when nothing happened, and any other error when that is not sure.
 */
export type PortAdapter<P extends Port = Port> = {
  readonly [N in ActivityName<P>]: (
    input: ActivityInput<P, N>,
    call: AdapterCall,
  ) => Promise<ActivityResult<P, N> | Rejection<ActivityCode<P, N>>>;
};

/** Declares an adapter; every function is checked against the port. */
export function defineAdapter<P extends Port>(_port: P, adapter: PortAdapter<P>): PortAdapter<P> {
  return adapter;
}

// The element type forgets its port: a map holds adapters of many, each proved where it was declared.
// biome-ignore lint/suspicious/noExplicitAny: functions are contravariant in their input
export type AnyAdapter = Readonly<Record<string, (input: any, call: AdapterCall) => Promise<unknown>>>;

/** Adapters by the name of their port: what `createSystem({ adapters })` takes. */
export type Adapters = Readonly<Record<string, AnyAdapter>>;
