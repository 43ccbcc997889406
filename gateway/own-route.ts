/**
 * Routes that the gateway serves itself, by asking the system instead of one actor: what operators use.
 *
 * O1  Checked at the door like a module's route: caller, rate, ids, query, body.
 * O2  `serve` answers, says no, or rejects with an operating error; whatever else it throws is a 500.
 */
import type { Rejection } from '../actors/model/message.js';
import type { Route, RouteAnswer, RouteRequest } from '../actors/model/route.js';

/** A no; with its status where an actor's contract gave it. */
export type Refused = Rejection & { readonly status?: number };

export type Serve = (request: RouteRequest) => Promise<RouteAnswer | Refused>;

export interface OwnRoute
  extends Pick<Route, 'method' | 'path' | 'access' | 'body' | 'query' | 'summary' | 'rejections'> {
  readonly serve: Serve;
  /** What a path parameter may be; by default an actor's id. */
  readonly isParameter?: (text: string) => boolean;
}
