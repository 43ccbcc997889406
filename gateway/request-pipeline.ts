/**
 * The way of a request: head → route → limit → caller → input → `plan` → actor → answer. Callbacks only: promises on
 * this way would cost as much as the rest of it.
 *
 * P1  Checks come in this order, and the first that fails answers; nothing reaches an actor before all have passed.
 * P2  Requests in flight are bounded; past the bound the answer is 503 before any work. Probes are answered even then:
 *     an orchestrator ends what does not answer them, and a full process must not be ended.
 * P3  A throw in a route's functions answers 500 and is reported by its place in the code, never with its message: that
 *     may quote the input.
 */
import type { ErrorCode } from '../actors/model/errors.js';
import type { Caller } from '../actors/model/message.js';
import type { Clock, Report } from '../runtime/clock.js';
import type { ActorExchange } from './actor-exchange.js';
import type { AuthenticationCode, AuthenticationResult, CallerSource } from './authentication.js';
import { admits, type CompiledRoute } from './compiled-route.js';
import { type AllowedOrigins, admittedOrigin, preflightHeaders } from './cors.js';
import { errorPlace } from './error-place.js';
import { type ExchangeContext, HttpExchange, unmatchedPattern } from './http-exchange.js';
import { type Problem, problemContentType, problemReply } from './problem.js';
import { holdsCredentials } from './query-parameters.js';
import type { RateLimiter, RateVerdict } from './rate-limit.js';
import type { RouteTable, TableMatch } from './route-table.js';
import type { SystemEndpoint } from './system-endpoints.js';
import { TraceIds, traceIdOf } from './trace-context.js';
import type { TransportAnswer, TransportExchange, TransportHandler, TransportRequest } from './transport.js';

export type TableEntry = CompiledRoute | SystemEndpoint;

/** Limits by who asks; undefined means none. */
export interface RequestLimits {
  readonly publicRoutes: RateLimiter | undefined;
  readonly customer: RateLimiter | undefined;
  readonly service: RateLimiter | undefined;
  readonly admin: RateLimiter | undefined;
  /** Role `bench` passes unlimited (development). */
  readonly benchExempt: boolean;
}

/** What is told about every answered request. `pattern` is the route's, never the path. */
export type OnRequest = (pattern: string, method: string, status: number, seconds: number) => void;

export interface PipelineParts {
  readonly table: RouteTable<TableEntry>;
  readonly actors: ActorExchange;
  readonly authenticator: CallerSource;
  readonly limits: RequestLimits;
  readonly origins: AllowedOrigins;
  readonly inFlightMax: number;
  readonly bodyBytesMax: number;
  readonly clock: Clock;
  readonly report: Report;
  readonly onRequest: OnRequest;
}

const anonymous: Caller = { principal: 'anonymous', roles: [], internal: false };
const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
]);

export class RequestPipeline implements TransportHandler {
  readonly #parts: PipelineParts;
  readonly #traceIds = new TraceIds();
  readonly #context: ExchangeContext;
  #inFlight = 0;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#context = { origins: parts.origins, ended: (exchange, status) => this.#ended(exchange, status) };
  }

  get inFlightCount(): number {
    return this.#inFlight;
  }

  head(request: TransportRequest): TransportAnswer | undefined {
    const code = this.#headFault(request);
    if (code === undefined) return undefined;
    const traceId = this.#traceIds.next(this.#parts.clock.now());
    const { status, body } = problemReply({ code }, traceId);
    this.#parts.onRequest(unmatchedPattern, methodLabel(request.method), status, 0);
    return { status, headers: ['content-type', problemContentType, 'x-trace-id', traceId], body };
  }

  #headFault(request: TransportRequest): ErrorCode | undefined {
    if (request.transferEncoding !== '') return 'length-required';
    if (request.contentLength.length > 15 || Number(request.contentLength) > this.#parts.bodyBytesMax) {
      return 'body-too-large';
    }
    // uWS lets an empty Host pass; RFC 9112 §3.2 wants 400 for it and for a second one.
    if (request.host === '' || request.repeated !== '') return 'header-invalid';
    return undefined;
  }

  request(request: TransportRequest, out: TransportExchange): void {
    const { clock } = this.#parts;
    this.#inFlight += 1;
    const fromCaller = request.traceparent === '' ? undefined : traceIdOf(request.traceparent);
    const exchange = new HttpExchange(request, out, this.#context, {
      startedAt: clock.monotonic(),
      traceId: fromCaller ?? this.#traceIds.next(clock.now()),
      traceparent: fromCaller === undefined ? '' : request.traceparent,
    });
    this.#guarded(exchange, () => this.#route(exchange));
  }

  #guarded(exchange: HttpExchange, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#parts.report('error', 'request-failed', {
        route: exchange.pattern,
        trace_id: exchange.traceId,
        place: errorPlace(error),
      });
      exchange.refuse({ code: 'internal' });
    }
  }

  #ended(exchange: HttpExchange, status: number): void {
    this.#inFlight -= 1;
    const { clock, onRequest } = this.#parts;
    const seconds = (clock.monotonic() - exchange.startedAt) / 1000;
    onRequest(exchange.pattern, methodLabel(exchange.request.method), status, seconds);
  }

  #route(exchange: HttpExchange): void {
    const { request } = exchange;
    const code = this.#doorCode(request);
    const match = code === undefined ? this.#parts.table.match(request.path) : undefined;
    if (match === undefined) {
      exchange.refuse({ code: code ?? 'not-found' });
      return;
    }
    const entry = entryFor(match, request);
    if (entry === undefined) {
      this.#otherMethod(exchange, match);
      return;
    }
    exchange.pattern = entry.pattern;
    if (entry.type === 'system') this.#system(exchange, entry);
    else if (entry.isPublic) this.#public(exchange, entry, match.values);
    else this.#private(exchange, entry, match.values);
  }

  /** What is refused before its path is looked at. */
  #doorCode(request: TransportRequest): ErrorCode | undefined {
    if (this.#inFlight > this.#parts.inFlightMax && !this.#isProbe(request)) return 'overloaded';
    return holdsCredentials(request.path, request.query) ? 'credentials-in-url' : undefined;
  }

  #isProbe(request: TransportRequest): boolean {
    const match = this.#parts.table.match(request.path);
    const entry = match === undefined ? undefined : entryFor(match, request);
    return entry?.type === 'system' && entry.isProbe;
  }

  #otherMethod(exchange: HttpExchange, { byMethod }: TableMatch<TableEntry>): void {
    const allowed = [...byMethod.keys(), ...(byMethod.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    const { method, origin, requestedMethod } = exchange.request;
    if (method !== 'OPTIONS') exchange.refuse({ code: 'method-not-allowed' }, ['allow', allowed]);
    else if (origin === '' || requestedMethod === '') exchange.send(204, '', '', ['allow', allowed]);
    else if (admittedOrigin(origin, this.#parts.origins) === undefined)
      exchange.refuse({ code: 'origin-forbidden' });
    else exchange.send(204, '', '', preflightHeaders(allowed));
  }

  #system(exchange: HttpExchange, entry: SystemEndpoint): void {
    const answer = (): void => {
      entry.respond((status, contentType, body) => exchange.send(status, contentType, body));
    };
    if (entry.isLimited) this.#limitAddress(exchange, answer);
    else answer();
  }

  #public(exchange: HttpExchange, route: CompiledRoute, values: readonly string[]): void {
    this.#limitAddress(exchange, () =>
      this.#parts.actors.run(exchange, {
        route,
        values,
        caller: anonymous,
        expiresAtMs: Number.POSITIVE_INFINITY,
      }),
    );
  }

  /** Public routes count per address, with or without a token, unless the token is the benchmark's. */
  #limitAddress(exchange: HttpExchange, pass: () => void): void {
    const { limits } = this.#parts;
    const limiter = limits.publicRoutes;
    if (limiter === undefined) {
      pass();
      return;
    }
    // Asked for now: while a token is being verified the client may leave, and its address with it.
    const address = exchange.request.remoteAddress();
    const count = (): void => {
      const verdict = limiter.take(address, this.#wholeMs());
      if (exchange.passes(limiter, verdict)) pass();
      else exchange.refuse(rateLimited(verdict));
    };
    if (!limits.benchExempt || exchange.request.authorization === '') {
      count();
      return;
    }
    this.#identify(exchange, (verified) => {
      if (typeof verified !== 'string' && verified.caller.roles.includes('bench')) pass();
      else count();
    });
  }

  #private(exchange: HttpExchange, route: CompiledRoute, values: readonly string[]): void {
    this.#identify(exchange, (verified) => {
      const problem =
        typeof verified === 'string'
          ? authenticationProblem(verified)
          : (this.#rateProblem(exchange, verified.caller) ?? roleProblem(route, verified.caller));
      if (problem !== undefined) exchange.refuse(problem);
      // A code is always a problem, so there is a caller here.
      else if (typeof verified !== 'string') this.#parts.actors.run(exchange, { route, values, ...verified });
    });
  }

  #rateProblem(exchange: HttpExchange, { principal, roles }: Caller): Problem | undefined {
    const limiter = this.#limiterOf(roles);
    if (limiter === undefined) return undefined;
    const verdict = limiter.take(principal, this.#wholeMs());
    return exchange.passes(limiter, verdict) ? undefined : rateLimited(verdict);
  }

  /** What limiters count in: not the wall clock, which may go back, and whole, so that intervals add up to a window. */
  #wholeMs(): number {
    return Math.trunc(this.#parts.clock.monotonic());
  }

  /** Runs `next` at once for a token that is remembered, later for a new one. */
  #identify(exchange: HttpExchange, next: (verified: AuthenticationResult) => void): void {
    const { authenticator, clock } = this.#parts;
    const { authorization } = exchange.request;
    const nowMs = clock.now();
    const known = authenticator.known(authorization, nowMs);
    if (known !== undefined) next(known);
    else authenticator.verify(authorization, nowMs, (result) => this.#guarded(exchange, () => next(result)));
  }

  #limiterOf(roles: readonly string[]): RateLimiter | undefined {
    const { limits } = this.#parts;
    if (limits.benchExempt && roles.includes('bench')) return undefined;
    if (roles.includes('admin')) return limits.admin;
    return roles.includes('service') ? limits.service : limits.customer;
  }
}

function entryFor(match: TableMatch<TableEntry>, { method }: TransportRequest): TableEntry | undefined {
  return match.byMethod.get(method === 'HEAD' ? 'GET' : method);
}

/** Row 137: one wording for every token that is not accepted. */
function authenticationProblem(code: AuthenticationCode): Problem {
  return code === 'token-invalid' ? { code, detail: 'Invalid authentication' } : { code };
}

function roleProblem(route: CompiledRoute, caller: Caller): Problem | undefined {
  if (admits(route, caller)) return undefined;
  const isForAdmins = route.roles.length === 1 && route.roles[0] === 'admin';
  // Row 133's wording.
  return isForAdmins ? { code: 'scope-missing', detail: 'Admin access required' } : { code: 'scope-missing' };
}

function rateLimited({ resetMs }: RateVerdict): Problem {
  const retryAfterSeconds = Math.max(1, Math.ceil(resetMs / 1000));
  // Row 138's wording.
  return { code: 'rate-limited', detail: 'Rate limit exceeded', retryAfterSeconds };
}

/** Clients may invent methods; a metric may not have a label for each. */
function methodLabel(method: string): string {
  return knownMethods.has(method) ? method : 'OTHER';
}
