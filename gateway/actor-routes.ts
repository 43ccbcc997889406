/**
 * Routes that every actor kind gets from its contract alone, beside those its module declares:
 *
 *     POST /api/v1/actors/{kind}/{id}/{command}    a command, its input as the body
 *     GET  /api/v1/actors/{kind}/{id}              the query `get`, where the contract has one
 *     GET  /api/v1/actors/{kind}/{id}/events       the history
 *
 * N1  Internal commands and queries are as good as absent.
 * N2  A history is open to whom `get` answers; without a `get` only to admins.
 */
import type { Guard, HistoryReply } from '../actors/model/call.js';
import type { CommandSpec, Contract } from '../actors/model/contract.js';
import { reject } from '../actors/model/message.js';
import type { Module } from '../actors/model/module.js';
import { limitOf, pageRejections, versionOf } from '../actors/model/page-query.js';
import { eventPageJson } from '../actors/model/recorded-event.js';
import { defineRoute, type Route, type RouteAnswer } from '../actors/model/route.js';

const root = '/api/v1/actors';

export function actorRoutes(modules: readonly Module[]): Route[] {
  const kinds = modules.flatMap((module) => module.aggregates.map(({ contract }): Contract => contract));
  return [...kinds.flatMap(routesOfKind), unknownCommand('{kind}')];
}

function routesOfKind(contract: Contract): Route[] {
  const { kind, commands, queries } = contract;
  const get = queries.get?.internal === true ? undefined : queries.get;
  const routes = Object.entries(commands).flatMap(([name, spec]) =>
    spec.internal === true ? [] : [commandRoute(kind, name, spec)],
  );
  if (get !== undefined) {
    routes.push(
      defineRoute<undefined, unknown>({
        method: 'GET',
        path: `${root}/${kind}/{id}`,
        access: get.roles ?? [],
        etag: true,
        plan: ({ params }) => ({ type: 'query', kind, id: idOf(params), query: 'get', payload: {} }),
        answer: (reply, _request, version) => answerWithVersion(reply, version),
        summary: `State of one ${kind}`,
      }),
    );
  }
  routes.push(historyRoute(kind, get === undefined ? ['admin'] : (get.roles ?? []), get !== undefined));
  routes.push(unknownCommand(kind));
  return routes;
}

function commandRoute(kind: string, command: string, spec: CommandSpec): Route {
  return defineRoute<unknown, unknown>({
    method: 'POST',
    path: `${root}/${kind}/{id}/${command}`,
    access: spec.roles ?? [],
    body: spec.input,
    mutates: true,
    etag: true,
    plan: ({ params, body }) => ({ type: 'command', kind, id: idOf(params), command, payload: body }),
    answer: (reply, _request, version) => answerWithVersion(reply, version),
    summary: `Command ${command} of ${kind}`,
  });
}

function historyRoute(kind: string, access: readonly string[], isGuarded: boolean): Route {
  return defineRoute<undefined, HistoryReply>({
    method: 'GET',
    path: `${root}/${kind}/{id}/events`,
    access,
    query: ['after_version', 'limit'],
    rejections: pageRejections,
    plan: ({ params, query }) => {
      const id = idOf(params);
      const limit = limitOf(query.limit);
      if (typeof limit !== 'number') return limit;
      const fromVersion = versionOf('after_version', query.after_version ?? '0');
      if (typeof fromVersion !== 'number') return fromVersion;
      const guard: Guard = { kind, id, query: 'get', payload: {} };
      return {
        type: 'history',
        kind,
        id,
        direction: 'forward',
        fromVersion,
        limit,
        ...(isGuarded ? { guard } : {}),
      };
    },
    answer: (reply) => ({ status: 200, body: eventPageJson(reply) }),
    summary: `Events of one ${kind}`,
  });
}

/** Row 40: a command that the kind does not have, or a kind that nobody has. */
function unknownCommand(kind: string): Route {
  return defineRoute<undefined, never>({
    method: 'POST',
    path: `${root}/${kind}/{id}/{command}`,
    access: [],
    plan: () => reject('command-unknown', 'No actor of this kind takes this command.'),
    answer: () => ({ status: 200, body: null }),
    summary: 'Refuses unknown commands',
  });
}

function answerWithVersion(reply: unknown, version: number): RouteAnswer {
  const isRecord = typeof reply === 'object' && reply !== null && !Array.isArray(reply);
  return { status: 200, body: isRecord ? { ...reply, version } : { reply, version } };
}

/** Every pattern here has `{id}`. */
function idOf(params: Readonly<Record<string, string>>): string {
  return params.id!;
}
