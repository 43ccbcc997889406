/**
 * Routes that the gateway serves itself, by asking the system instead of one actor: what operators use.
 *
 * O1  Checked at the door like a module's route: caller, rate, ids, query, body.
 * O2  `serve` answers, says no, or rejects with an operating error; whatever else it throws is a 500.
 */
import type { Rejection } from '../actors/model/message.js';
import type { Route, RouteAnswer, RouteRequest } from '../actors/model/route.js';
import type { TransportStream } from './transport.js';

/** A no; with its status where an actor's contract gave it. */
export type Refused = Rejection & { readonly status?: number };

/** What some routes need of a request beside what every route is told. */
export interface Sent {
  /** The field `Last-Event-ID`; empty when there is none. */
  readonly lastEventId: string;
  /** When the caller's credentials end, Unix ms. */
  readonly expiresAtMs: number;
  /** Present when the request carried a key that the route takes. */
  readonly fingerprint: string | undefined;
}

/** An answer that goes on. Exactly one of the two functions runs, once. */
export interface StreamAnswer {
  readonly type: 'stream';
  readonly contentType: string;
  readonly run: (stream: TransportStream) => void;
  /** There is nobody to answer any more. */
  readonly abandon: () => void;
}

export type Serve = (request: RouteRequest, sent: Sent) => Promise<RouteAnswer | Refused | StreamAnswer>;

export interface OwnRoute
  extends Pick<Route, 'method' | 'path' | 'access' | 'body' | 'query' | 'summary' | 'rejections'> {
  readonly serve: Serve;
  /**
   * An `Idempotency-Key` is taken, in production too never required: it makes the command's id, and the query the
   * fingerprint. Without this a key means nothing, so doing the same once more must change nothing.
   */
  readonly takesKey?: boolean;
  /** What a path parameter may be; by default an actor's id. */
  readonly isParameter?: (text: string) => boolean;
}
