/**
 * From checked input to an actor and back: the route plans a call, the answer becomes HTTP.
 *
 * V1  `plan` decides what is asked; here only wait, condition, key and trace are added to it.
 * V2  A 304 or a 412 is answered from the actor's durable answer, never from what is known here.
 * V3  What broke inside (status 500) is told to the log, not to the caller.
 */
import { isActorId } from '../actors/model/address.js';
import type { ActorCall, CommandCall, QueryCall } from '../actors/model/call.js';
import { errorEntry, isErrorCode, isOperatingError } from '../actors/model/errors.js';
import type { Route, RouteAnswer, RouteRequest } from '../actors/model/route.js';
import type { ActorAnswer, ActorClient, ActorRequest } from '../runtime/actor-client.js';
import type { Clock, Report } from '../runtime/clock.js';
import type { CompiledRoute } from './compiled-route.js';
import { entityTag, ifNoneMatchHolds, parsePreferWait } from './conditions.js';
import { errorPlace } from './error-place.js';
import type { HttpExchange } from './http-exchange.js';
import { targetedCommandId } from './idempotency.js';
import { jsonText } from './json-text.js';
import type { Refused, Serve, StreamAnswer } from './own-route.js';
import type { Problem } from './problem.js';
import { type Admitted, type InputSettings, type RequestInput, readInput } from './request-input.js';

export interface ActorExchangeParts extends InputSettings {
  readonly client: ActorClient;
  /** Kinds whose answers can be waited for. */
  readonly sagaKinds: ReadonlySet<string>;
  readonly clock: Clock;
  readonly report: Report;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What of a request is needed again when its answer comes. */
interface Asked {
  readonly route: CompiledRoute;
  readonly request: RouteRequest;
  readonly call: ActorCall;
  /** Seconds of `Prefer: wait` that the call took over. */
  readonly waitApplied: number | undefined;
  readonly keyed: Pick<Problem, 'commandId'>;
}

export class ActorExchange {
  readonly #parts: ActorExchangeParts;

  constructor(parts: ActorExchangeParts) {
    this.#parts = parts;
  }

  run(exchange: HttpExchange, admitted: Admitted): void {
    const input = readInput(exchange.request, admitted, this.#parts, this.#parts.clock.now());
    if (input.type === 'refused') {
      exchange.refuse(input.problem);
      return;
    }
    const { route, serve } = admitted.route;
    if (serve !== undefined) return this.#serve(exchange, admitted, serve, input);
    // `plan` is declared for a body of the route's own type, which the input's check has just proved.
    const planned = route.plan(input.request as RouteRequest<never>);
    if (planned.type === 'rejection')
      exchange.refuse({ ...plannedProblem(route, planned), ...keyedCommand(input) });
    else this.#submit(exchange, admitted, input, planned);
  }

  /** A route of the gateway's own. */
  #serve(
    exchange: HttpExchange,
    { route, expiresAtMs }: Admitted,
    serve: Serve,
    { request, fingerprint }: RequestInput,
  ): void {
    const failed = (error: unknown): void => {
      if (isOperatingError(error)) return exchange.refuse(failureProblem(error.code, error.message));
      this.#parts.report('error', 'request-failed', {
        route: route.pattern,
        trace_id: exchange.traceId,
        place: errorPlace(error),
      });
      exchange.refuse({ code: 'internal' });
    };
    serve(request, { lastEventId: exchange.request.lastEventId, expiresAtMs, fingerprint })
      .then((answer) => {
        if ('type' in answer && answer.type === 'stream') return giveStream(exchange, answer);
        if ('type' in answer) return exchange.refuse(plannedProblem(route.route, answer));
        const headers: string[] = [];
        pushRouteHeaders(headers, answer, route.operation);
        exchange.json(answer.status, jsonText(answer.body), headers);
      })
      .catch(failed);
  }

  #submit(
    exchange: HttpExchange,
    { route, caller }: Admitted,
    input: RequestInput,
    planned: ActorCall,
  ): void {
    const { request, fingerprint, expectedVersion } = input;
    const commandId = commandIdOf(route, input, planned);
    const { call, waitApplied } = this.#withWait(planned, exchange.request.prefer);
    const asked: Mutable<ActorRequest> = {
      call,
      caller,
      commandId,
      bytes: exchange.request.body.length,
    };
    const { correlationId } = exchange.request;
    if (fingerprint !== undefined) asked.fingerprint = fingerprint;
    if (expectedVersion !== undefined && call.type === 'command') asked.expectedVersion = expectedVersion;
    if (exchange.traceparent !== '') asked.traceparent = exchange.traceparent;
    if (correlationId !== '' && isActorId(correlationId)) asked.correlationId = correlationId;
    const keyed = fingerprint === undefined ? unkeyed : { commandId };
    this.#parts.client.submit(asked, (answer) => {
      if (answer.type === 'failure') this.#noteFailure(exchange, route, commandId, answer.code);
      try {
        give(exchange, { route, request, call, waitApplied, keyed }, answer);
      } catch (error) {
        this.#parts.report('error', 'answer-failed', {
          route: route.pattern,
          trace_id: exchange.traceId,
          place: errorPlace(error),
        });
        exchange.refuse({ code: 'internal' });
      }
    });
  }

  /** Ties what a shard has reported under the command's id to the trace that the caller knows (V3). */
  #noteFailure(
    exchange: HttpExchange,
    { pattern: route }: CompiledRoute,
    command_id: string,
    code: string,
  ): void {
    if (isErrorCode(code) && errorEntry(code).status !== 500) return;
    this.#parts.report('error', 'call-failed', { route, code, command_id, trace_id: exchange.traceId });
  }

  /** `Prefer: wait` goes into a call to a saga, unless the plan has set a wait. */
  #withWait(call: ActorCall, prefer: string): Pick<Asked, 'call' | 'waitApplied'> {
    const isWaitable =
      call.type !== 'history' && call.waitMs === undefined && this.#parts.sagaKinds.has(call.kind);
    const seconds = isWaitable ? parsePreferWait(prefer) : undefined;
    if (!isWaitable || seconds === undefined) return { call, waitApplied: undefined };
    return { call: waiting(call, seconds * 1000), waitApplied: seconds };
  }
}

/** The call, held for so long. A command is written out: spread, it costs 0.8 µs, and most calls that wait are commands. */
function waiting(call: CommandCall | QueryCall, waitMs: number): ActorCall {
  if (call.type === 'query') return { ...call, waitMs };
  const { type, kind, id, command, payload, guard } = call;
  return guard === undefined
    ? { type, kind, id, command, payload, waitMs }
    : { type, kind, id, command, payload, waitMs, guard };
}

/**
 * The same key towards another target is another command, which for a path's ids its id holds already. Ids that the plan
 * made of the command's own need no more.
 */
function commandIdOf(
  { check }: CompiledRoute,
  { request: { commandId, params }, fingerprint }: RequestInput,
  { type, kind, id }: ActorCall,
): string {
  if (fingerprint === undefined || check === undefined || type !== 'command') return commandId;
  if (id.includes(commandId)) return commandId;
  for (const name in params) if (params[name] === id) return commandId;
  return targetedCommandId(commandId, kind, id);
}

/** What a refusal says of a command that can be repeated. */
function keyedCommand({ fingerprint, request }: RequestInput): Pick<Problem, 'commandId'> {
  return fingerprint === undefined ? unkeyed : { commandId: request.commandId };
}

const unkeyed = {};
const replayedHeader: readonly string[] = ['idempotency-replayed', 'true'];
const noHeaders: readonly string[] = [];

function give(exchange: HttpExchange, asked: Asked, answer: ActorAnswer): void {
  switch (answer.type) {
    case 'reply':
      giveReply(exchange, asked, answer);
      return;
    case 'rejection': {
      const { route } = asked.route;
      const status = route.rejectionStatus ?? route.rejections?.[answer.code] ?? answer.status;
      const { code, detail, replayed } = answer;
      exchange.refuse({ code, detail, status, ...asked.keyed }, replayed ? replayedHeader : noHeaders);
      return;
    }
    case 'failure':
      exchange.refuse(failureProblem(answer.code, answer.detail, answer.retryAfterSeconds));
      return;
    default:
      assertNever(answer);
  }
}

function giveReply(exchange: HttpExchange, asked: Asked, answer: ActorAnswer & { type: 'reply' }): void {
  const { route, request, call } = asked;
  const headers: string[] = [];
  if (route.route.etag === true) headers.push('etag', entityTag(answer.version));
  if (isNotModified(exchange, asked, answer.version)) {
    exchange.send(304, '', '', headers);
    return;
  }
  // The contract fixed the reply's type, and the route was declared against it.
  const answered = route.route.answer(answer.reply as never, request as RouteRequest<never>, answer.version);
  if (answer.replayed) headers.push(...replayedHeader);
  if (asked.waitApplied !== undefined) headers.push('preference-applied', `wait=${asked.waitApplied}`);
  pushRouteHeaders(headers, answered, route.operation);
  const isOpen = route.isGeneric || call.type === 'history';
  const body = isOpen ? jsonText(answered.body) : JSON.stringify(answered.body);
  exchange.json(answered.status, body, headers);
}

function giveStream(exchange: HttpExchange, { contentType, run, abandon }: StreamAnswer): void {
  // Proxies must neither keep what goes by nor wait for its end.
  const stream = exchange.stream(contentType, ['cache-control', 'no-store', 'x-accel-buffering', 'no']);
  if (stream === undefined) abandon();
  else run(stream);
}

function isNotModified({ request }: HttpExchange, { route, call }: Asked, version: number): boolean {
  if (request.ifNoneMatch === '' || route.route.etag !== true || call.type !== 'query') return false;
  return ifNoneMatchHolds(request.ifNoneMatch, version);
}

const lineBreak = /[\r\n]/;

function pushRouteHeaders(headers: string[], answered: RouteAnswer, operation: string): void {
  if (answered.headers === undefined) return;
  for (const [name, value] of Object.entries(answered.headers)) {
    if (lineBreak.test(value)) throw new TypeError(`a header of ${operation} holds a line break`);
    headers.push(name.toLowerCase(), value);
  }
}

function plannedProblem(route: Route, { code, detail, status }: Refused): Problem {
  const declared = status ?? route.rejectionStatus ?? route.rejections?.[code];
  // Without a declaration the registry knows its own codes; any other "no" before an actor was asked is about the input.
  const known = declared ?? (isErrorCode(code) ? errorEntry(code).status : 422);
  return { code, detail, status: known };
}

function failureProblem(failed: string, detail: string, retryAfterSeconds?: number): Problem {
  const code = isErrorCode(failed) ? failed : 'internal';
  const problem: Mutable<Problem> = { code };
  if (errorEntry(code).status !== 500) problem.detail = detail;
  if (retryAfterSeconds !== undefined) problem.retryAfterSeconds = retryAfterSeconds;
  return problem;
}

function assertNever(answer: never): never {
  throw new TypeError(`unknown answer ${String(answer)}`);
}
