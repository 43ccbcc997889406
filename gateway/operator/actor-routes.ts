/**
 * Actors for operators: which there are, how one stands, which are parked, and unparking one.
 */
import { partitionOf } from '../../actors/model/address.js';
import type { Rejection } from '../../actors/model/message.js';
import { limitOf } from '../../actors/model/page-query.js';
import type { RouteAnswer, RouteRequest } from '../../actors/model/route.js';
import type { ActorFacts, StoredActor } from '../../runtime/operator/actor-operations.js';
import {
  askAll,
  cursorText,
  cursorValue,
  dryRunOf,
  isRejected,
  type OperatorParts,
  type OperatorRoute,
  operatorOf,
} from './operator-parts.js';

/** Operations of one request: the rows looked at are bounded, and a page may be short. */
const operationsPerPage = 8;

export function actorRoutes(parts: OperatorParts): readonly OperatorRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/actors',
      query: ['kind', 'id', 'cursor', 'limit'],
      summary: 'Actors as of the last sweep of the tables; with `kind` and `id` one as it stands',
      serve: (request) => {
        const { kind, id } = request.query;
        return kind !== undefined && id !== undefined
          ? show(parts, { kind, id }, request)
          : list(parts, request);
      },
    },
    {
      method: 'GET',
      path: '/api/v1/parked-actors',
      query: ['limit'],
      summary: 'Actors that failed repeatedly and wait for an operator',
      serve: async (request) => {
        const limit = limitOf(request.query.limit);
        if (typeof limit !== 'number') return limit;
        const found = (await askAll(parts, 'actors.parked', { limit }, operatorOf(request))).flat();
        const items = found.slice(0, limit).map(factsJson);
        return { status: 200, body: { items, is_complete: found.length <= limit } };
      },
    },
    {
      method: 'POST',
      path: '/api/v1/parked-actors/{kind}/{id}/unpark',
      query: ['dry_run'],
      summary: 'Tries a parked actor again',
      serve: async (request) => {
        const isDryRun = dryRunOf(request.query.dry_run);
        if (typeof isDryRun !== 'boolean') return isDryRun;
        // The gateway matched the path, so both parameters are there.
        const ask = { kind: request.params.kind!, id: request.params.id!, isDryRun };
        const partition = partitionOf(ask.id, parts.operations.partitionCount);
        const facts = await parts.operations.ask(partition, 'actors.unpark', ask, operatorOf(request));
        return { status: 200, body: { ...factsJson(facts), dry_run: isDryRun } };
      },
    },
  ];
}

async function show(
  { operations }: OperatorParts,
  name: { readonly kind: string; readonly id: string },
  request: RouteRequest,
): Promise<RouteAnswer> {
  const partition = partitionOf(name.id, operations.partitionCount);
  const facts = await operations.ask(partition, 'actors.show', name, operatorOf(request));
  return { status: 200, body: { items: [factsJson(facts)], next_cursor: null } };
}

/** Partition after partition, each in the order of its keys. */
async function list({ operations }: OperatorParts, request: RouteRequest): Promise<RouteAnswer | Rejection> {
  const { kind, cursor: sent } = request.query;
  const limit = limitOf(request.query.limit);
  if (typeof limit !== 'number') return limit;
  const cursor = cursorValue(sent, isActorCursor);
  if (isRejected(cursor)) return cursor;
  let [partition, after]: [number, string | undefined] = cursor === undefined ? [0, undefined] : [...cursor];
  if (after === '') after = undefined;
  const items: ReturnType<typeof storedJson>[] = [];
  for (let asked = 0; asked < operationsPerPage && items.length < limit; asked++) {
    if (partition >= operations.partitionCount) break;
    const ask = { after, kind, limit: limit - items.length };
    const page = await operations.ask(partition, 'actors.list', ask, operatorOf(request));
    items.push(...page.actors.map(storedJson));
    after = page.lookedTo ?? undefined;
    if (after === undefined) partition++;
  }
  const isEnd = partition >= operations.partitionCount;
  return { status: 200, body: { items, next_cursor: isEnd ? null : cursorText([partition, after ?? '']) } };
}

function isActorCursor(value: unknown): value is readonly [partition: number, after: string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return Number.isSafeInteger(value[0]) && value[0] >= 0 && typeof value[1] === 'string';
}

function storedJson({ kind, id, version, isOpen }: StoredActor) {
  return { kind, id, version, is_open: isOpen };
}

function factsJson({ kind, id, version, isParked, isOpen, strikes }: ActorFacts) {
  return { kind, id, version, is_open: isOpen, is_parked: isParked, strikes };
}
