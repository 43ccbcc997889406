/**
 * The HTTP edge, put together: modules' routes, generic actor routes and system endpoints behind one transport.
 *
 * Y1  Everything that can be wrong in a route is found here, before the first request.
 * Y2  After `close` no request is accepted, and every one accepted before has its answer.
 */
import { randomBytes } from 'node:crypto';
import type { Module } from '../actors/model/module.js';
import type { ActorClient } from '../runtime/actor-client.js';
import type { Clock, Random, Report } from '../runtime/clock.js';
import type { EventFeed } from '../runtime/feed/event-feed.js';
import type { OperationClient } from '../runtime/operator/operation.js';
import { ActorExchange } from './actor-exchange.js';
import { actorRoutes } from './actor-routes.js';
import { Authenticator, type CallerSource, type TokenKey } from './authentication.js';
import { compileOwnRoute, compileRoute } from './compiled-route.js';
import type { AllowedOrigins } from './cors.js';
import { errorPlace } from './error-place.js';
import { type ActorStreamParts, actorStreamRoutes } from './feed/actor-stream-routes.js';
import type { StreamTimes } from './feed/event-stream.js';
import { feedRoutes } from './feed/feed-routes.js';
import { OpenStreams } from './feed/open-streams.js';
import { BodyFingerprint, FreshCommandIds } from './idempotency.js';
import { operatorRoutes } from './operator/operator-routes.js';
import type { OwnRoute } from './own-route.js';
import { Gcra, type RateLimiter, SlidingWindow } from './rate-limit.js';
import { type OnRequest, type RequestLimits, RequestPipeline, type TableEntry } from './request-pipeline.js';
import { RouteTable } from './route-table.js';
import { type SystemCallbacks, systemEndpoints } from './system-endpoints.js';
import type { Transport } from './transport.js';

/** Requests per minute; 0 means no limit. */
export interface RateSettings {
  /** Per address on public routes. Default 60 (row 138). */
  readonly publicPerMinute?: number;
  /** Per principal. Default 600. */
  readonly customerPerMinute?: number;
  /** Machines work for many customers. Default 6,000. */
  readonly servicePerMinute?: number;
  /** Default 6,000. */
  readonly adminPerMinute?: number;
  /** Addresses and principals tracked, each. Default 10,000: at most 6 MB. */
  readonly keysMax?: number;
}

export interface GatewaySettings {
  /** Requires idempotency keys, drops the role `bench`. */
  readonly production: boolean;
  readonly tokenKey: TokenKey;
  /** 32 to 64 bytes; changing it makes repeats of recorded commands look like other bodies. */
  readonly fingerprintSecret: Uint8Array;
  /** Default: any in development, none in production. */
  readonly origins?: AllowedOrigins;
  /** `false` switches all limits off. */
  readonly rates?: RateSettings | false;
  /** Default 10,000. */
  readonly inFlightMax?: number;
  /** Default 65,536. */
  readonly bodyBytesMax?: number;
  /** Default: a heartbeat every 5 s, 30 s for a client that does not read. */
  readonly streamTimes?: Partial<StreamTimes>;
  /** Default 50. */
  readonly streamsPerPrincipalMax?: number;
}

export interface GatewayCallbacks extends SystemCallbacks {
  readonly onRequest: OnRequest;
}

export interface GatewayParts {
  readonly modules: readonly Module[];
  readonly client: ActorClient;
  /** Absent: no routes for operators. */
  readonly operations?: OperationClient;
  /** Absent: no routes over all events. */
  readonly feed?: EventFeed;
  readonly transport: Transport;
  readonly settings: GatewaySettings;
  readonly callbacks: GatewayCallbacks;
  readonly clock: Clock;
  readonly report: Report;
  /** Default: the system's own. */
  readonly random?: Pick<Random, 'bytes'>;
  /** Default: who holds a token that was signed with the key of the settings. */
  readonly callers?: CallerSource;
}

export interface Gateway {
  /** Resolves with the port that is listened on. */
  listen(host: string, port: number): Promise<number>;
  /** Stops accepting; resolves when every request in flight has its answer. */
  close(): Promise<void>;
  /** Requests accepted and not yet answered. */
  readonly inFlightCount: number;
  /** Streams of events that are open. */
  readonly streamCount: number;
}

export const inFlightMaxDefault = 10_000;
export const bodyBytesMaxDefault = 65_536;
/** uWS closes a connection on which nothing moves for 10 s. */
const heartbeatMsDefault = 5_000;
const stallMsDefault = 30_000;
const minuteMs = 60_000;

export function createGateway({
  modules,
  client,
  operations,
  feed,
  transport,
  settings,
  callbacks,
  clock,
  report,
  random = { bytes: randomBytes },
  callers = new Authenticator({ key: settings.tokenKey, benchAllowed: !settings.production }),
}: GatewayParts): Gateway {
  const streams = new OpenStreams(settings.streamsPerPrincipalMax);
  const times = { heartbeatMs: heartbeatMsDefault, stallMs: stallMsDefault, ...settings.streamTimes };
  const freshIds = new FreshCommandIds(random.bytes(16));
  const ownRoutes = [
    ...(operations === undefined ? [] : operatorRoutes({ operations, client, modules })),
    ...(feed === undefined
      ? []
      : streamRoutes({ feed, streams, times, clock, report, client, freshIds }, modules)),
  ];
  const pipeline = new RequestPipeline({
    table: tableOf(modules, ownRoutes, callbacks, report),
    actors: new ActorExchange({
      client,
      sagaKinds: new Set(modules.flatMap((module) => (module.sagas ?? []).map((saga): string => saga.name))),
      freshIds,
      fingerprint: new BodyFingerprint(settings.fingerprintSecret),
      keyRequired: settings.production,
      clock,
      report,
    }),
    authenticator: callers,
    limits: limitsOf(settings),
    origins: settings.origins ?? (settings.production ? [] : 'any'),
    inFlightMax: settings.inFlightMax ?? inFlightMaxDefault,
    bodyBytesMax: settings.bodyBytesMax ?? bodyBytesMaxDefault,
    clock,
    report,
    onRequest: callbacks.onRequest,
  });
  return {
    listen: (host, port) => transport.listen(host, port, pipeline),
    close: () => {
      const closed = transport.close();
      streams.close();
      return closed;
    },
    get inFlightCount() {
      return pipeline.inFlightCount;
    },
    get streamCount() {
      return streams.count;
    },
  };
}

function streamRoutes(parts: ActorStreamParts, modules: readonly Module[]): readonly OwnRoute[] {
  const histories = [...modules.flatMap(({ routes }) => routes ?? []), ...actorRoutes(modules)];
  return [...feedRoutes(parts), ...actorStreamRoutes(parts, histories)];
}

function tableOf(
  modules: readonly Module[],
  ownRoutes: readonly OwnRoute[],
  callbacks: SystemCallbacks,
  report: Report,
): RouteTable<TableEntry> {
  const table = new RouteTable<TableEntry>();
  for (const module of modules) {
    for (const route of module.routes ?? []) table.add(route.method, route.path, compileRoute(route));
  }
  for (const route of actorRoutes(modules)) table.add(route.method, route.path, compileRoute(route, true));
  for (const route of ownRoutes) table.add(route.method, route.path, compileOwnRoute(route));
  const failed = (error: unknown): void => report('error', 'metrics-failed', { place: errorPlace(error) });
  for (const endpoint of systemEndpoints(callbacks, failed)) table.add('GET', endpoint.pattern, endpoint);
  return table;
}

function limitsOf({ rates, production }: GatewaySettings): RequestLimits {
  const {
    publicPerMinute = 60,
    customerPerMinute = 600,
    servicePerMinute = 6_000,
    adminPerMinute = 6_000,
    keysMax = 10_000,
  } = rates === false
    ? { publicPerMinute: 0, customerPerMinute: 0, servicePerMinute: 0, adminPerMinute: 0 }
    : (rates ?? {});
  const perMinute = (limit: number, make: (limit: number) => RateLimiter): RateLimiter | undefined =>
    limit === 0 ? undefined : make(limit);
  const gcra = (limit: number): RateLimiter => new Gcra({ limit, windowMs: minuteMs, keysMax });
  return {
    publicRoutes: perMinute(
      publicPerMinute,
      (limit) => new SlidingWindow({ limit, windowMs: minuteMs, keysMax }),
    ),
    customer: perMinute(customerPerMinute, gcra),
    service: perMinute(servicePerMinute, gcra),
    admin: perMinute(adminPerMinute, gcra),
    benchExempt: !production,
  };
}
