/**
 * `GET {history}/stream` beside every history that says it is followed: one actor's events as server-sent events, for
 * whoever may read its history. Ids are versions.
 */
import { pageRejections, versionCursorOf } from '../../actors/model/page-query.js';
import type { Route, RouteRequest } from '../../actors/model/route.js';
import type { ActorClient } from '../../runtime/actor-client.js';
import type { FreshCommandIds } from '../idempotency.js';
import type { OwnRoute, Serve } from '../own-route.js';
import { actorSource } from './actor-source.js';
import { isRejection } from './feed-query.js';
import { type FeedRouteParts, streamOf } from './feed-routes.js';

export interface ActorStreamParts extends FeedRouteParts {
  readonly client: ActorClient;
  readonly freshIds: FreshCommandIds;
}

export function actorStreamRoutes(parts: ActorStreamParts, routes: readonly Route[]): OwnRoute[] {
  return routes
    .filter((route) => route.isFollowed === true)
    .map((route) => ({
      method: 'GET',
      path: `${route.path}/stream`,
      access: route.access,
      query: ['after_version'],
      rejections: { ...pageRejections, ...route.rejections },
      summary: `${route.summary}, as they happen (server-sent events)`,
      serve: (request, sent) => follow(parts, route, request, sent),
    }));
}

async function follow(
  parts: ActorStreamParts,
  route: Route,
  request: RouteRequest,
  sent: Parameters<Serve>[1],
): ReturnType<Serve> {
  // A client that comes back repeats its URL: where it was is in the header.
  const text = sent.lastEventId === '' ? request.query.after_version : sent.lastEventId;
  const afterVersion = versionCursorOf(text);
  if (typeof afterVersion === 'object') return afterVersion;
  // A route that is followed takes no body, and plans its history without any parameter.
  const call = route.plan({ ...request, query: {} } as RouteRequest<never>);
  if (isRejection(call)) return call;
  if (call.type !== 'history') throw new TypeError(`${route.path} is followed and plans no history`);
  const { client, feed, freshIds } = parts;
  const { caller } = request;
  const nextCommandId = (): string => freshIds.next();
  return streamOf(parts, caller.principal, sent.expiresAtMs, () =>
    actorSource({ client, feed, call, caller, nextCommandId }, afterVersion),
  );
}
