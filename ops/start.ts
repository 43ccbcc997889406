/**
 * One node, put together: modules, key, store and shards, gateway. And taken apart again in order.
 *
 * N1  `startNode` resolves only when requests are answered, or rejects having left nothing open.
 * N2  What a person must put right (a module, a key, a place that is taken) rejects as `StartRefusal`, so that nobody
 *     starts it again in vain.
 * N3  Stopping: not ready, no new requests, those under way answered, last groups written, partitions released. What
 *     is still open at the deadline is answered `outcome-unknown`.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Module } from '../actors/model/module.js';
import { createGateway, type Gateway, type GatewaySettings, type RateSettings } from '../gateway/gateway.js';
import type { Health } from '../gateway/system-endpoints.js';
import type { Transport } from '../gateway/transport.js';
import { createUwsTransport } from '../gateway/uws-server.js';
import type { Clock, Random, Report } from '../runtime/clock.js';
import type { ArchiveOptions } from './archiving.js';
import type { NodeFacts } from './banner.js';
import { measureEventLoopDelay } from './event-loop-delay.js';
import { HttpMeter, RateWindow } from './http-meter.js';
import { createMetrics, type Metrics, type MetricsSources } from './metrics.js';
import { loadModuleFile } from './module-file.js';
import { countOpenSagas } from './open-sagas.js';
import { type OpenedSystem, openSystem } from './open-system.js';
import { loadProviders } from './providers/providers.js';
import type { Config } from './settings.js';
import { naming } from './shard-count.js';
import { loadFingerprintSecret, loadSigningKey } from './signing-key.js';
import { orRefuse, patiently, refusalOr } from './start-refusal.js';
import {
  archiveDirectoryOf,
  redisOptionsOf,
  segmentBytesOf,
  storeKind,
  storeUrlOf,
} from './store-options.js';
import { packageVersion } from './version.js';

export interface NodeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Runs at most once, perhaps before the node has started: it can only be helped by a new process. */
  readonly onFatal: (error: unknown) => void;
}

export interface RunningNode {
  readonly facts: NodeFacts;
  /** Resolves true when everything was left in order before the deadline (N3). Called once. */
  stop(deadlineMs: number): Promise<boolean>;
}

/** Samples of the request rate, one a second. */
const rateSamples = 10;
const sampleEveryMs = 1_000;

export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, clock, random, report, onFatal } = options;
  // First, because nothing else is worth doing on a version of Node that it has no binary for.
  const transport = await orRefuse(createUwsTransport());
  const moduleUrl = config.app === undefined ? defaultApp(config) : pathToFileURL(config.app).href;
  const modules = await orRefuse(loadModuleFile(moduleUrl));
  const key = await orRefuse(loadSigningKey(config));
  const fingerprintSecret = await orRefuse(loadFingerprintSecret(config.dataDirectory));
  const providers = await orRefuse(loadProviders({ config, clock, random, modules, moduleUrl }));
  const { partitions, durability, shards, memoryBudgetBytes } = config;
  const storeUrl = storeUrlOf(config);
  const system = await patiently(clock, () =>
    openSystem({
      adapters: providers.adapters,
      ...{ modules, moduleUrl, storeUrl, partitions, durability, shards, memoryBudgetBytes },
      ...{ directory: config.dataDirectory, redis: redisOptionsOf(config), archive: archiveOf(config) },
      ...{ clock, random, report, onFatal },
    }).catch(naming('--partitions')),
  );
  const opened: OpenedSystem = {
    ...system,
    stop: async () => {
      await system.stop();
      await providers.close();
    },
  };
  try {
    const settings: GatewaySettings = {
      production: config.mode === 'production',
      tokenKey: { algorithm: 'HS256', key: key.bytes },
      fingerprintSecret,
      rates: ratesOf(config),
      ...(config.origins === undefined ? {} : { origins: config.origins }),
    };
    return await openGateway(options, { modules, opened, transport, settings });
  } catch (error) {
    await opened.stop();
    throw refusalOr(error);
  }
}

/** See actors/app.ts. */
function defaultApp({ riskModel, notices }: Config): string {
  const app = new URL('../actors/app.js', import.meta.url);
  if (riskModel !== undefined) app.searchParams.set('risk-model', '');
  if (notices) app.searchParams.set('notices', '');
  return app.href;
}

interface GatewayMaterial {
  readonly modules: readonly Module[];
  readonly opened: OpenedSystem;
  readonly transport: Transport;
  readonly settings: GatewaySettings;
}

async function openGateway(options: NodeOptions, material: GatewayMaterial): Promise<RunningNode> {
  const { config, clock, report } = options;
  const { modules, opened, transport, settings } = material;
  const http = new HttpMeter();
  let isStopping = false;
  const metrics = nodeMetrics({
    config,
    clock,
    modules,
    opened,
    http,
    active: () => gateway.inFlightCount,
    streams: () => gateway.streamCount,
  });
  const gateway: Gateway = createGateway({
    modules,
    client: opened.system,
    operations: opened.system.operations,
    feed: opened.system.feed,
    transport,
    settings,
    callbacks: {
      onRequest: (endpoint, method, status, seconds) =>
        http.answered({ endpoint, method, status, durationMs: seconds * 1000 }),
      health: () => healthOf(config, isStopping, opened),
      metricsText: metrics.text,
    },
    clock,
    report,
  });
  const port = await patiently(clock, () => gateway.listen(config.host, config.port));
  const sampler = setInterval(
    () => metrics.rate.sample(clock.monotonic(), http.total),
    sampleEveryMs,
  ).unref();
  const facts = factsOf(config, modules, opened, port);
  const { tokenCommand: _, ...known } = facts;
  report('info', 'ready', known);
  return {
    facts,
    stop: async (deadlineMs) => {
      isStopping = true;
      clearInterval(sampler);
      return await stopNode({ gateway, opened, clock, report, deadlineMs });
    },
  };
}

function archiveOf(config: Config): ArchiveOptions {
  const segmentBytes = config.archiveSegmentBytes ?? segmentBytesOf(storeKind(config));
  return { directory: archiveDirectoryOf(config), segmentBytes, isOn: config.archive };
}

function ratesOf(config: Config): RateSettings | false {
  if (!config.rateLimits) return false;
  return {
    publicPerMinute: config.publicRate,
    customerPerMinute: config.customerRate,
    servicePerMinute: config.serviceRate,
    adminPerMinute: config.adminRate,
  };
}

/**
 * Ready while the store can be asked and every shard serves: one that is opened again after its store has refused takes no
 * commands. A store that is away makes no node unready for good: it is ready again by itself.
 */
function healthOf(config: Config, isStopping: boolean, { store, shards, system }: OpenedSystem): Health {
  const { durability } = config;
  const { partitionCount: partitions } = store;
  const phases = system.shardPhases;
  const outage = store.outage?.();
  const details = {
    ...{ store: storeKind(config), durability, shards, partitions, shard_phases: phases },
    ...(outage === undefined ? {} : { store_outage: outage }),
  };
  const isOpen = phases.every((phase) => phase === 'open');
  return { live: true, ready: !isStopping && outage === undefined && isOpen, details };
}

function factsOf(config: Config, modules: readonly Module[], opened: OpenedSystem, port: number): NodeFacts {
  const { store, shards } = opened;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const shownData = path.relative(process.cwd(), config.dataDirectory);
  return {
    version: packageVersion(),
    mode: config.mode,
    address: `http://${host}:${port}`,
    store: store.description,
    durability: config.durability,
    shards,
    partitions: store.partitionCount,
    modules: modules.map(({ name }) => name),
    tokenCommand: `npx troupe token${shownData === 'data' ? '' : ` --data '${config.dataDirectory}'`}`,
  };
}

interface MetricsParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly modules: readonly Module[];
  readonly opened: OpenedSystem;
  readonly http: HttpMeter;
  readonly active: () => number;
  readonly streams: () => number;
}

function nodeMetrics(parts: MetricsParts): Metrics & { readonly rate: RateWindow } {
  const { config, clock, modules, opened, http, active, streams } = parts;
  const rate = new RateWindow(rateSamples);
  const metrics = createMetrics({
    build: { version: packageVersion(), durability: config.durability, store: storeKind(config) },
    http,
    rate,
    activeConnections: active,
    storeOutage: () => opened.store.outage?.(),
    eventStreams: streams,
    archiveLagEntries: opened.archiveLagEntries,
    shards: () => opened.system.metrics(),
    openSagas: countOpenSagas(opened.system.operations, clock),
    activities: () => opened.activities.metrics(),
    mainLoopDelay: measureEventLoopDelay(),
    kinds: kindsOf(modules),
  });
  return { ...metrics, rate };
}

function kindsOf(modules: readonly Module[]): MetricsSources['kinds'] {
  const kinds = new Map<string, { readonly module: string; readonly isSaga: boolean }>();
  for (const { name: module, aggregates, sagas = [] } of modules) {
    for (const { contract } of aggregates) kinds.set(contract.kind, { module, isSaga: false });
    for (const { name } of sagas) kinds.set(name, { module, isSaga: true });
  }
  return kinds;
}

interface Stopping {
  readonly gateway: Gateway;
  readonly opened: OpenedSystem;
  readonly clock: Clock;
  readonly report: Report;
  readonly deadlineMs: number;
}

async function stopNode({ gateway, opened, clock, report, deadlineMs }: Stopping): Promise<boolean> {
  const until = clock.monotonic() + deadlineMs;
  const remaining = (): number => Math.max(0, until - clock.monotonic());
  report('info', 'stopping', { in_flight: gateway.inFlightCount });
  // Waits could outlast the deadline; what they wait for goes on without them.
  opened.system.endWaits();
  const answered = gateway.close();
  // Half of the time for the answers under way; the system settles the rest in the other half.
  await within(answered, remaining() / 2);
  const isStopped = await within(opened.stop(), remaining());
  // With an answer for every request the stop is in order, though a client reads the last one more slowly than there is time.
  const isAnswered = (await within(answered, remaining())) || gateway.inFlightCount === 0;
  report(isStopped && isAnswered ? 'info' : 'error', 'stopped', { in_flight: gateway.inFlightCount });
  return isStopped && isAnswered;
}

/** False when the time runs out first. Rejects when the work does. */
function within(work: Promise<void>, milliseconds: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    work.then(() => resolve(true), reject).finally(() => clearTimeout(timer));
  });
}
