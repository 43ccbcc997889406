/**
 * An HTTP route of a module, declared as data: which request becomes which command or query, and how its answer looks.
 * The gateway runs it; nothing here knows HTTP servers.
 *
 * R1  `plan` is synchronous and reads only the request; what it returns is all that reaches an actor.
 * R2  Input is checked against `body` before `plan` sees it (unknown properties refused).
 */
import type { ActorCall, Answered } from './call.js';
import type { Caller, Rejection } from './message.js';
import type { Static, TSchema } from './typebox.js';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface RouteRequest<Body = unknown> {
  readonly caller: Caller;
  /** Path parameters by name, each a valid actor id. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters that the route declares in `query`; absent ones are missing. */
  readonly query: Readonly<Record<string, string>>;
  readonly body: Body;
  /** Stable for repeats of one Idempotency-Key, unique otherwise; generated ids derive from it. */
  readonly commandId: string;
  /** Unix ms at the gateway; for defaults only. */
  readonly now: number;
}

/** What the gateway answers with. `body` is serialised as JSON; bigints must have become strings. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: HttpMethod;
  /** `/api/v1/accounts/{account_id}`: each parameter is one path segment and must be an actor id (else 400). */
  readonly path: string;
  /** `public`: no token. Otherwise the roles that may call; an empty list admits every authenticated caller. */
  readonly access: 'public' | readonly string[];
  /** Schema of the JSON body; absent means that the route takes no body. */
  readonly body?: TSchema;
  /** Names of the query parameters this route reads; any other is refused (400). */
  readonly query?: readonly string[];
  /** True when the route changes state: takes `Idempotency-Key`, and needs it in production. */
  readonly mutates?: boolean;
  /** A rejection here is answered without asking any actor (422 `amount-scale` …); `rejections` gives its status. */
  readonly plan: (request: RouteRequest<never>) => ActorCall | Rejection;
  /** Turns the actor's reply into the HTTP answer. `version` is the actor's version, also sent as ETag when `etag`. */
  readonly answer: (reply: never, request: RouteRequest<never>, version: number) => RouteAnswer;
  readonly etag?: boolean;
  /** A history (without parameters that it needs) that can also be followed: `{path}/stream`, as server-sent events. */
  readonly isFollowed?: boolean;
  readonly rejections?: Readonly<Record<string, number>>;
  /** Decision D20: rows 109–111 and 119–121 answer every rejection with this status. */
  readonly rejectionStatus?: number;
  readonly summary: string;
}

/** A route whose functions see types: the body as its schema says, the reply as the planned call says. */
interface TypedRoute<Body, Reply> extends Omit<Route, 'plan' | 'answer'> {
  readonly plan: (request: RouteRequest<Body>) => (ActorCall & Answered<Reply>) | Rejection;
  readonly answer: (reply: Reply, request: RouteRequest<Body>, version: number) => RouteAnswer;
}

/**
 * Declares a route. The body's type follows from `body`, the reply's from `commandCall` or `queryCall` in `plan`;
 * where the call is made by hand, annotate the reply in `answer` or name both types.
 */
export function defineRoute<S extends TSchema, Reply>(
  route: TypedRoute<Static<S>, Reply> & { readonly body: S },
): Route;
export function defineRoute<Body, Reply>(route: TypedRoute<Body, Reply>): Route;
// biome-ignore lint/suspicious/noExplicitAny: the overloads above are the types; this only forgets what they proved
export function defineRoute(route: TypedRoute<any, any>): Route {
  return route;
}
