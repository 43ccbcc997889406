/**
 * Routes that every actor kind gets from its contract alone, beside those its module declares:
 *
 *     POST /api/v1/actors/{kind}/{id}/{command}    a command, its input as the body
 *     GET  /api/v1/actors/{kind}/{id}              the query `get`, where the contract has one
 *     GET  /api/v1/actors/{kind}/{id}/events       the history
 *
 *
 * and every saga that names the roles that may start it:
 *
 *     POST /api/v1/actors/{saga}/{id}/start        its input as the body; `Prefer: wait=N` holds the answer
 *     GET  /api/v1/actors/{saga}/{id}              its status
 *     GET  /api/v1/actors/{saga}/{id}/events       its history
 *
 * N1  Internal commands and queries are as good as absent.
 * N2  A history is open to whom `get` answers; without a `get` only to admins.
 * N3  A saga without roles has no generic routes: its module's own routes check what its start needs (whose money it is).
 *     Status and history of one are open to who started it, and to admins.
 */
import type { Guard, HistoryReply } from '../actors/model/call.js';
import type { CommandSpec, Contract } from '../actors/model/contract.js';
import { reject } from '../actors/model/message.js';
import type { AnySaga, Module } from '../actors/model/module.js';
import { pageRejections, versionRange, versionRangeOf } from '../actors/model/page-query.js';
import { eventPageJson } from '../actors/model/recorded-event.js';
import { defineRoute, type Route, type RouteAnswer } from '../actors/model/route.js';
import { contractOf } from '../runtime/saga/saga-contract.js';

const root = '/api/v1/actors';

export function actorRoutes(modules: readonly Module[]): Route[] {
  const kinds = modules.flatMap((module) => module.aggregates.map(({ contract }): Contract => contract));
  const sagas = modules
    .flatMap((module) => [...(module.sagas ?? [])])
    .filter(({ roles }) => roles !== undefined);
  return [...kinds.flatMap(routesOfKind), ...sagas.flatMap(routesOfSaga), unknownCommand('{kind}')];
}

function routesOfSaga(definition: AnySaga): Route[] {
  const { kind, commands } = contractOf(definition);
  const { start } = commands;
  if (start === undefined) return [];
  const guardOf = (id: string): Guard => ({ kind, id, query: 'authorise', payload: {} });
  return [
    commandRoute(kind, 'start', start),
    defineRoute<undefined, unknown>({
      method: 'GET',
      path: `${root}/${kind}/{id}`,
      access: [],
      etag: true,
      plan: ({ params }) => {
        const id = idOf(params);
        return { type: 'query', kind, id, query: 'status', payload: {}, guard: guardOf(id) };
      },
      answer: (reply, _request, version) => answerWithVersion(reply, version),
      summary: `Status of one ${kind}`,
    }),
    historyRoute(kind, [], guardOf),
    unknownCommand(kind),
  ];
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
  const guardOf = (id: string): Guard => ({ kind, id, query: 'get', payload: {} });
  routes.push(
    get === undefined ? historyRoute(kind, ['admin']) : historyRoute(kind, get.roles ?? [], guardOf),
  );
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

function historyRoute(kind: string, access: readonly string[], guardOf?: (id: string) => Guard): Route {
  return defineRoute<undefined, HistoryReply>({
    method: 'GET',
    path: `${root}/${kind}/{id}/events`,
    access,
    query: versionRange,
    isFollowed: true,
    rejections: pageRejections,
    plan: ({ params, query }) => {
      const id = idOf(params);
      const range = versionRangeOf(query);
      if ('type' in range) return range;
      return {
        type: 'history',
        kind,
        id,
        direction: 'forward',
        ...range,
        ...(guardOf === undefined ? {} : { guard: guardOf(id) }),
      };
    },
    answer: (reply, { query }) => ({ status: 200, body: eventPageJson(reply, query) }),
    summary: `Events of one ${kind}`,
  });
}

/** Row 40: a command that the kind does not have, or a kind that nobody has. */
function unknownCommand(kind: string): Route {
  return defineRoute<undefined, never>({
    method: 'POST',
    path: `${root}/${kind}/{id}/{command}`,
    access: [],
    plan: ({ params }) =>
      reject(
        'command-unknown',
        // Row 70.
        params.kind !== undefined && params.command === 'start'
          ? `Unknown saga definition: ${params.kind}`
          : 'No actor of this kind takes this command.',
      ),
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
