/**
 * A module's route with everything that does not depend on the request worked out before the first one comes.
 */
import { isActorId } from '../actors/model/address.js';
import type { Caller } from '../actors/model/message.js';
import type { Route } from '../actors/model/route.js';
import { type Check, compileValidator } from '../actors/model/validation.js';
import type { OwnRoute, Serve } from './own-route.js';
import { parameterNames } from './route-table.js';

export interface CompiledRoute {
  readonly type: 'route';
  readonly route: Route;
  /** `POST /api/v1/accounts/{account_id}/deposits`: part of the identity of a command. */
  readonly operation: string;
  readonly pattern: string;
  readonly isPublic: boolean;
  readonly roles: readonly string[];
  readonly parameters: readonly string[];
  /** What a parameter may be. */
  readonly isParameter: (text: string) => boolean;
  readonly query: readonly string[];
  readonly check: Check | undefined;
  /** An `Idempotency-Key` makes a repeat the same command. */
  readonly takesKey: boolean;
  /** Made from a contract alone: the reply may hold what JSON has no form for. */
  readonly isGeneric: boolean;
  /** Present where the gateway serves the route itself. */
  readonly serve?: Serve;
}

export function compileRoute(route: Route, isGeneric = false): CompiledRoute {
  return {
    type: 'route',
    route,
    operation: `${route.method} ${route.path}`,
    pattern: route.path,
    isPublic: route.access === 'public',
    roles: route.access === 'public' ? [] : route.access,
    parameters: parameterNames(route.path),
    isParameter: isActorId,
    query: route.query ?? [],
    takesKey: route.mutates === true,
    check: route.body === undefined ? undefined : compileValidator(route.body),
    isGeneric,
  };
}

export function compileOwnRoute(own: OwnRoute): CompiledRoute {
  const { serve, isParameter = isActorId, takesKey = false, ...route } = own;
  const compiled = compileRoute({ ...route, plan: unplanned, answer: unplanned });
  return { ...compiled, isParameter, takesKey, serve };
}

function unplanned(): never {
  throw new TypeError('this route plans no call');
}

/** True when the caller's roles open the route. An admin may do everything (decision D28). */
export function admits({ roles }: CompiledRoute, caller: Caller): boolean {
  if (roles.length === 0) return true;
  for (const role of caller.roles) if (role === 'admin' || roles.includes(role)) return true;
  return false;
}

/** Path parameters by name, or undefined when one of them is no id. Clients may percent-encode what need not be. */
export function pathParameters(
  { parameters, isParameter }: CompiledRoute,
  values: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (let index = 0; index < parameters.length; index++) {
    // A match has a value for each parameter of its pattern.
    const id = percentDecoded(values[index]!);
    if (id === undefined || !isParameter(id)) return undefined;
    params[parameters[index]!] = id;
  }
  return params;
}

function percentDecoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    // Malformed percent-encoding: no id.
    return undefined;
  }
}
