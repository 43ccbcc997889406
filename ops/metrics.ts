/**
 * `/metrics`: what the node counted, in the text format of Prometheus.
 *
 * M1  Counting happens where the work is, in plain numbers; everything here runs only when somebody asks.
 * M2  Names that the requirements fix are as written there; the others begin with `troupe_`. Units are seconds and bytes.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ActivityMetrics } from '../runtime/activity/activity-caller.js';
import type { Counters } from '../runtime/counters.js';
import type { SagaCount } from '../runtime/operator/saga-census.js';
import type { ShardMetrics } from '../runtime/shard-thread.js';
import { registerActivities } from './activity-metrics.js';
import type { EventLoopDelay } from './event-loop-delay.js';
import { type HttpMeter, type RateWindow, statusCounts } from './http-meter.js';
import { counter, entriesOf, gauge, histogram, type Labels } from './metric-forms.js';
import type { Config } from './settings.js';

export interface MetricsSources {
  readonly build: {
    readonly version: string;
    readonly durability: Config['durability'];
    readonly store: string;
  };
  readonly http: HttpMeter;
  readonly rate: RateWindow;
  readonly activeConnections: () => number;
  /** See `Store.outage`. */
  readonly storeOutage: () => string | undefined;
  readonly eventStreams: () => number;
  /** Undefined: nothing is archived. */
  readonly archiveLagEntries: (() => number) | undefined;
  readonly shards: () => Promise<readonly ShardMetrics[]>;
  readonly activities: () => readonly ActivityMetrics[];
  /** Sagas that are not done, of every partition. */
  readonly openSagas: () => Promise<readonly SagaCount[]>;
  readonly mainLoopDelay: () => EventLoopDelay;
  /** Actor kind → the module that declares it, for the label `service`, and whether it is a saga. */
  readonly kinds: ReadonlyMap<string, { readonly module: string; readonly isSaga: boolean }>;
}

export interface Metrics {
  readonly contentType: string;
  /** The whole page. Rejects when a shard does not answer. */
  text(): Promise<string>;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  // One question to the shards per page, whatever the number of metrics that read the answer.
  let shards: readonly ShardMetrics[] = [];
  let openSagas: readonly SagaCount[] = [];
  collectDefaultMetrics({ register: registry });
  registerBuild(registry, sources.build);
  registerHttp(registry, sources);
  const up = '1 while the store can be asked; 0 while there is no connection to it.';
  gauge(registry, 'troupe_store_up', up, [], (set) => set({}, sources.storeOutage() === undefined ? 1 : 0));
  registerArchive(registry, sources);
  registerShards(registry, sources, () => shards);
  registerOpenSagas(registry, () => openSagas);
  registerActivities(registry, sources.activities);
  return {
    contentType: registry.contentType,
    text: async () => {
      [shards, openSagas] = await Promise.all([sources.shards(), sources.openSagas()]);
      return await registry.metrics();
    },
  };
}

function registerBuild(registry: Registry, build: MetricsSources['build']): void {
  const labels = { ...build, node: process.versions.node };
  new Gauge({
    name: 'troupe_build_info',
    help: 'Always 1; version, store and durability are labels.',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
}

function registerArchive(registry: Registry, { archiveLagEntries }: MetricsSources): void {
  if (archiveLagEntries === undefined) return;
  const help = 'Entries that the tables are past and the archive lacks; less than a segment each is usual.';
  gauge(registry, 'troupe_archive_lag_entries', help, [], (set) => set({}, archiveLagEntries()));
}

function registerHttp(registry: Registry, sources: MetricsSources): void {
  const { http, rate, activeConnections, eventStreams } = sources;
  counter(registry, 'http_requests_total', 'Requests answered.', ['method', 'endpoint', 'status'], (add) => {
    for (const meter of http.endpoints()) {
      const { method, endpoint } = meter;
      for (const [status, count] of statusCounts(meter))
        add({ method, endpoint, status: String(status) }, count);
    }
  });
  const help = 'Time from a complete request to its answer.';
  histogram(registry, 'http_request_duration_seconds', help, function* () {
    for (const { method, endpoint, latency } of http.endpoints()) yield [{ method, endpoint }, latency];
  });
  gauge(registry, 'http_requests_per_second', 'Requests answered per second, lately.', [], (set) =>
    set({}, rate.perSecond),
  );
  gauge(registry, 'active_connections', 'Requests and sockets open at the gateway.', [], (set) =>
    set({}, activeConnections()),
  );
  gauge(registry, 'troupe_event_streams', 'Streams of events (server-sent) that are open.', [], (set) =>
    set({}, eventStreams()),
  );
}

/** Counters of `Counters` that are exported as they are, per shard. */
const shardCounters = {
  commands: ['troupe_commands_total', 'Commands executed.'],
  queries: ['troupe_queries_total', 'Queries answered.'],
  rejections: ['troupe_rejections_total', 'Commands that the domain rejected.'],
  failures: ['troupe_failures_total', 'Calls that failed for an operating reason.'],
  messages: ['troupe_messages_total', 'Messages between actors executed.'],
  timersFired: ['troupe_timers_fired_total', 'Timers fired.'],
  groups: ['troupe_groups_total', 'Groups committed.'],
  entries: ['troupe_entries_total', 'Journal entries written.'],
  events: ['troupe_events_total', 'Events written.'],
  entryBytes: ['troupe_entry_bytes_total', 'Bytes of journal entries.'],
  deduplicated: ['troupe_deduplicated_commands_total', 'Commands answered with a recorded outcome.'],
  fencedAppends: ['troupe_fenced_appends_total', 'Appends refused because another owner has the partition.'],
  resets: ['troupe_domain_resets_total', 'Refused groups that reset their domain.'],
  rowsWritten: ['troupe_table_rows_total', 'Table rows written.'],
  slices: ['troupe_table_slices_total', 'Table slices written.'],
  loads: ['troupe_actor_loads_total', 'Actors loaded from the store.'],
  passivated: ['troupe_actor_passivations_total', 'Actors dropped from memory.'],
  parkedActors: ['troupe_actors_parked_total', 'Actors parked after they failed repeatedly.'],
  lettersQueued: ['troupe_dead_letters_total', 'Messages that became dead letters.'],
  lettersDropped: [
    'troupe_dead_letters_dropped_total',
    'Refused messages that found no room as dead letters.',
  ],
} as const satisfies Partial<Record<keyof Counters, readonly [string, string]>>;

/**
 * What an event of a saga says about its instance. Every instance ends in one of completed, compensated and failed; it
 * may be parked before, and more than once.
 */
const sagaStatuses: Readonly<Record<string, string>> = {
  SagaStarted: 'started',
  SagaFailed: 'parked',
  SagaCompleted: 'completed',
  SagaCompensated: 'compensated',
  SagaAborted: 'failed',
};

type Shards = () => readonly ShardMetrics[];

function registerShards(registry: Registry, sources: MetricsSources, shards: Shards): void {
  const label = ({ shard }: ShardMetrics): Labels => ({ shard: String(shard) });
  for (const [key, [name, help]] of entriesOf(shardCounters)) {
    counter(registry, name, help, ['shard'], (add) => {
      for (const metrics of shards()) add(label(metrics), metrics.counters[key]);
    });
  }
  registerEvents(registry, sources.kinds, shards);
  const latency = 'Time from sealing a group until it is durable.';
  histogram(registry, 'troupe_commit_latency_seconds', latency, function* () {
    for (const metrics of shards()) yield [label(metrics), metrics.counters.commit];
  });
  const perEntry = 'Events per journal entry, since the start.';
  gauge(registry, 'troupe_events_per_entry', perEntry, ['shard'], (set) => {
    for (const metrics of shards()) {
      const { events, entries } = metrics.counters;
      set(label(metrics), entries === 0 ? 0 : events / entries);
    }
  });
  gauge(registry, 'message_queue_size', 'What waits for its turn in a shard.', ['queue_name'], (set) => {
    for (const { shard, callsQueued, messagesQueued } of shards()) {
      set({ queue_name: `calls-${shard}` }, callsQueued);
      set({ queue_name: `messages-${shard}` }, messagesQueued);
    }
  });
  for (const [key, [name, help]] of entriesOf(shardGauges)) {
    gauge(registry, name, help, ['shard'], (set) => {
      for (const metrics of shards()) set(label(metrics), metrics[key]);
    });
  }
  registerLoopDelay(registry, sources.mainLoopDelay, shards);
}

const shardGauges = {
  tableLagEntries: ['troupe_table_lag_entries', 'Entries that the tables lag behind the journal.'],
  activations: ['troupe_resident_actors', 'Actors in memory.'],
  activationBytes: ['troupe_resident_actor_bytes', 'Their estimated memory.'],
  timers: ['troupe_timers', 'Timers set and not yet due.'],
  actorsParked: ['troupe_parked_actors', 'Actors that failed repeatedly and wait for an operator.'],
  deadLetters: ['troupe_dead_letters', 'Messages that wait as dead letters.'],
} as const satisfies Partial<Record<keyof ShardMetrics, readonly [string, string]>>;

function registerEvents(registry: Registry, kinds: MetricsSources['kinds'], shards: Shards): void {
  const help =
    'Sagas by what became of them: started; completed, compensated, failed (given up by an operator); parked, each time one came to wait for an operator.';
  counter(registry, 'sagas_total', help, ['type', 'status'], (add) => {
    for (const [kind, event, count] of eventCounts(shards())) {
      const status = sagaStatuses[event];
      if (status !== undefined && kinds.get(kind)?.isSaga === true) add({ type: kind, status }, count);
    }
  });
  const labels = ['event_type', 'service'];
  counter(registry, 'events_total', 'Events by type and by the module that declares them.', labels, (add) => {
    for (const [kind, event, count] of eventCounts(shards())) {
      add({ event_type: event, service: kinds.get(kind)?.module ?? 'runtime' }, count);
    }
  });
}

function registerOpenSagas(registry: Registry, openSagas: () => readonly SagaCount[]): void {
  const help =
    'Sagas that are not done, by what they are busy with and by age, as of the last sweep of the tables.';
  gauge(registry, 'troupe_open_sagas', help, ['type', 'state', 'step', 'age'], (set) => {
    for (const { kind: type, state, step, age, count } of summed(openSagas(), 'age'))
      set({ type, state, step, age }, count);
  });
  gauge(registry, 'troupe_parked_sagas', 'Sagas that wait for an operator.', ['type', 'step'], (set) => {
    const parked = openSagas().filter(({ isParked }) => isParked);
    for (const { kind: type, step, count } of summed(parked, 'step')) set({ type, step }, count);
  });
}

/** Counts of several partitions put together, by all their labels or by kind and step alone. */
function summed(counts: readonly SagaCount[], by: 'age' | 'step'): readonly SagaCount[] {
  const sums = new Map<string, SagaCount>();
  for (const line of counts) {
    const { kind, state, step, age, count } = line;
    const label = by === 'age' ? JSON.stringify([kind, state, step, age]) : JSON.stringify([kind, step]);
    sums.set(label, { ...line, count: count + (sums.get(label)?.count ?? 0) });
  }
  return [...sums.values()];
}

/** Shards count events by `kind/Event`. */
function* eventCounts(
  shards: readonly ShardMetrics[],
): Iterable<readonly [kind: string, event: string, count: number]> {
  for (const { counters } of shards) {
    for (const [name, count] of counters.eventsByType) {
      const slash = name.indexOf('/');
      yield [name.slice(0, slash), name.slice(slash + 1), count];
    }
  }
}

function registerLoopDelay(registry: Registry, main: () => EventLoopDelay, shards: Shards): void {
  const help = 'Lateness of the event loop since the last scrape.';
  gauge(registry, 'troupe_event_loop_delay_seconds', help, ['thread', 'quantile'], (set) => {
    const threads: (readonly [string, EventLoopDelay])[] = [['main', main()]];
    for (const { shard, eventLoopDelay } of shards()) {
      if (eventLoopDelay !== undefined) threads.push([`shard-${shard}`, eventLoopDelay]);
    }
    for (const [thread, { meanMs, p99Ms, maxMs }] of threads) {
      set({ thread, quantile: 'mean' }, meanMs / 1000);
      set({ thread, quantile: '0.99' }, p99Ms / 1000);
      set({ thread, quantile: 'max' }, maxMs / 1000);
    }
  });
}
