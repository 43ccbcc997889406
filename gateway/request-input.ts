/**
 * Everything an admitted request says, checked: ids, query, conditions, key, body. Pure but for fresh ids.
 *
 * Q1  Input refused here reaches no actor and writes nothing.
 * Q2  A repeat with the same key is the same command: id and fingerprint depend on nothing but principal, route, target,
 *     key and body bytes (of an operator's route: its query).
 */
import type { Caller } from '../actors/model/message.js';
import type { RouteRequest } from '../actors/model/route.js';
import { type CompiledRoute, pathParameters } from './compiled-route.js';
import { parseIfMatch } from './conditions.js';
import {
  type BodyFingerprint,
  type FreshCommandIds,
  keyedCommandId,
  parseIdempotencyKey,
} from './idempotency.js';
import { decodeJsonBody } from './json-body.js';
import type { Problem } from './problem.js';
import { readQuery } from './query-parameters.js';
import type { TransportRequest } from './transport.js';

/** A request whose caller may use the route. */
export interface Admitted {
  readonly route: CompiledRoute;
  /** Path segments that stand for parameters, as sent. */
  readonly values: readonly string[];
  readonly caller: Caller;
  /** When the caller's credentials end, Unix ms; never where none are needed. */
  readonly expiresAtMs: number;
}

export interface InputSettings {
  readonly freshIds: FreshCommandIds;
  readonly fingerprint: BodyFingerprint;
  /** Production: a route that changes state needs a key. */
  readonly keyRequired: boolean;
}

export interface RequestInput {
  readonly type: 'input';
  readonly request: RouteRequest;
  /** Present when the request carried a key. */
  readonly fingerprint: string | undefined;
  /** From `If-Match`. */
  readonly expectedVersion: number | undefined;
}

export interface RefusedInput {
  readonly type: 'refused';
  readonly problem: Problem;
}

export function readInput(
  sent: TransportRequest,
  { route, values, caller }: Admitted,
  settings: InputSettings,
  nowMs: number,
): RequestInput | RefusedInput {
  const params = pathParameters(route, values);
  if (params === undefined) return refused({ code: 'id-invalid' });
  const query = readQuery(sent.query, route.query);
  if (query.type === 'refused') return refused({ code: query.code, detail: query.detail });
  const condition = parseIfMatch(sent.ifMatch);
  if (condition.type === 'malformed') {
    return refused({ code: 'header-invalid', detail: 'If-Match must be one strong tag, as "12".' });
  }
  const isKeyed = route.takesKey && sent.idempotencyKey !== '';
  const commandId = isKeyed ? keyedId(sent, route, caller, params) : freshId(route, settings);
  if (commandId === undefined) {
    return refused({ code: isKeyed ? 'idempotency-key-invalid' : 'idempotency-key-missing' });
  }
  const body = readBody(sent, route);
  if (body.type === 'refused') return body;
  return {
    type: 'input',
    request: { caller, params, query: query.values, body: body.value, commandId, now: nowMs },
    fingerprint: isKeyed ? settings.fingerprint.of(wordsOf(sent, route)) : undefined,
    expectedVersion: condition.type === 'version' ? condition.version : undefined,
  };
}

/** What must be the same in a repeat. A route of the gateway's own says it all in its query. */
function wordsOf({ body, query }: TransportRequest, { serve }: CompiledRoute): Uint8Array {
  return serve === undefined ? body : Buffer.from(query);
}

function refused(problem: Problem): RefusedInput {
  return { type: 'refused', problem };
}

function keyedId(
  { idempotencyKey }: TransportRequest,
  { operation }: CompiledRoute,
  { principal }: Caller,
  params: Readonly<Record<string, string>>,
): string | undefined {
  const key = parseIdempotencyKey(idempotencyKey);
  if (key === undefined) return undefined;
  return keyedCommandId({ principal, operation, target: Object.values(params).join('\0'), key });
}

/** Undefined where a key is required. */
function freshId({ route }: CompiledRoute, { freshIds, keyRequired }: InputSettings): string | undefined {
  return route.mutates === true && keyRequired ? undefined : freshIds.next();
}

interface Body {
  readonly type: 'body';
  readonly value: unknown;
}

const noBody: Body = { type: 'body', value: undefined };

/** A body that the route does not take is not looked at. */
function readBody(sent: TransportRequest, { check }: CompiledRoute): Body | RefusedInput {
  if (check === undefined) return noBody;
  const problem = mediaProblem(sent);
  if (problem !== undefined) return refused(problem);
  const decoded = decodeJsonBody(sent.body);
  if (decoded.type === 'refused') return refused({ code: decoded.code });
  const fault = check(decoded.value);
  return fault === undefined ? { type: 'body', value: decoded.value } : refused(fault);
}

const jsonType = /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i;

function mediaProblem({ contentEncoding, contentType, body }: TransportRequest): Problem | undefined {
  if (contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity')
    return { code: 'content-encoding' };
  if (body.length === 0) return { code: 'body-empty' };
  if (contentType !== 'application/json' && !jsonType.test(contentType)) {
    return { code: 'media-type', detail: 'The body must be application/json in UTF-8.' };
  }
  return undefined;
}
