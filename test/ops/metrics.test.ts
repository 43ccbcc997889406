/** `/metrics`: the names that the requirements fix (rows 172–176), the text format, and what is counted where. */
import t from 'tap';
import { measureEventLoopDelay } from '../../ops/event-loop-delay.js';
import { HttpMeter, RateWindow } from '../../ops/http-meter.js';
import { createMetrics, type MetricsSources } from '../../ops/metrics.js';
import {
  type Counters,
  latencyBucketsMs,
  newCounters,
  newHistogram,
  observe,
} from '../../runtime/counters.js';
import type { ShardMetrics } from '../../runtime/shard-thread.js';

function shard(
  index: number,
  counted: Partial<Counters> = {},
  gauges: Partial<ShardMetrics> = {},
): ShardMetrics {
  return {
    shard: index,
    counters: { ...newCounters(), ...counted },
    activations: 0,
    activationBytes: 0,
    timers: 0,
    callsQueued: 0,
    messagesQueued: 0,
    actorsParked: 0,
    deadLetters: 0,
    tableLagEntries: 0,
    phase: 'open',
    ...gauges,
  };
}

/** Lines of the page without comments, by metric and labels. */
async function page(sources: Partial<MetricsSources>): Promise<Map<string, number>> {
  const metrics = createMetrics({
    build: { version: '1.2.3', durability: 'disk', store: 'embedded' },
    http: new HttpMeter(),
    rate: new RateWindow(10),
    activeConnections: () => 0,
    storeOutage: () => undefined,
    eventStreams: () => 0,
    archiveLagEntries: undefined,
    shards: async () => [],
    activities: () => [],
    openSagas: async () => [],
    mainLoopDelay: () => ({ meanMs: 0, p99Ms: 0, maxMs: 0 }),
    kinds: new Map([
      ['account', { module: 'banking', isSaga: false }],
      ['payment_transfer', { module: 'banking', isSaga: true }],
    ]),
    ...sources,
  });
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

t.test('requests are counted by method, endpoint and status, errors like all others', async (t) => {
  const http = new HttpMeter();
  const request = { method: 'POST', endpoint: '/api/v1/accounts/{account_id}/deposits', durationMs: 2 };
  http.answered({ ...request, status: 200 });
  http.answered({ ...request, status: 200 });
  http.answered({ ...request, status: 500 });
  http.answered({ ...request, status: 200, method: 'GET' });
  const lines = await page({ http });
  const labels = 'endpoint="/api/v1/accounts/{account_id}/deposits"';
  t.equal(lines.get(`http_requests_total{method="POST",${labels},status="200"}`), 2);
  t.equal(lines.get(`http_requests_total{method="POST",${labels},status="500"}`), 1);
  t.equal(lines.get(`http_requests_total{method="GET",${labels},status="200"}`), 1);
  t.equal(
    lines.get(`http_request_duration_seconds_count{method="POST",${labels}}`),
    3,
    'duration of errors too',
  );
});

t.test('a histogram is cumulative, in seconds, and ends with +Inf', async (t) => {
  const http = new HttpMeter();
  for (const durationMs of [0.05, 0.3, 0.3, 7, 999_999]) {
    http.answered({ method: 'GET', endpoint: '/x', status: 200, durationMs });
  }
  const lines = await page({ http });
  const bucket = (le: string) =>
    lines.get(`http_request_duration_seconds_bucket{method="GET",endpoint="/x",le="${le}"}`);
  t.equal(bucket('0.0001'), 1);
  t.equal(bucket('0.0005'), 3);
  t.equal(bucket('0.0075'), 4);
  t.equal(bucket('5'), 4);
  t.equal(bucket('+Inf'), 5);
  const sum = lines.get('http_request_duration_seconds_sum{method="GET",endpoint="/x"}') ?? 0;
  t.ok(Math.abs(sum - 1000.00665) < 1e-6);
});

t.test('open sagas are summed over partitions by what they do and how old they are', async (t) => {
  const line = {
    kind: 'payment_transfer',
    state: 'running',
    step: 'risk',
    age: '5m',
    isParked: false,
  } as const;
  const parked = { ...line, state: 'failed', step: 'reserve', isParked: true } as const;
  const openSagas = async () => [
    { ...line, count: 2 },
    { ...line, count: 3 },
    { ...line, age: '1m', count: 1 },
    { ...parked, count: 1 },
    { ...parked, age: 'older', count: 1 },
  ];
  const lines = await page({ openSagas });
  const labels = 'type="payment_transfer",state="running",step="risk"';
  t.equal(lines.get(`troupe_open_sagas{${labels},age="5m"}`), 5);
  t.equal(lines.get(`troupe_open_sagas{${labels},age="1m"}`), 1);
  t.equal(lines.get('troupe_parked_sagas{type="payment_transfer",step="reserve"}'), 2);
});

t.test('a shard that counted shows under its number, and asking twice counts nothing twice', async (t) => {
  const commit = newCounters().commit;
  observe(commit, 0.6);
  const eventsByType = new Map([
    ['account/MoneyDeposited', 7],
    ['payment_transfer/SagaCompensated', 3],
    ['account/SagaCompleted', 1],
  ]);
  const busy = shard(
    1,
    { commands: 5, events: 7, entries: 2, eventsByType, commit },
    {
      callsQueued: 4,
      tableLagEntries: 12,
      activations: 9,
      eventLoopDelay: { meanMs: 1, p99Ms: 20, maxMs: 250 },
    },
  );
  const sources = { shards: async () => [shard(0), busy] };
  await page(sources);
  const lines = await page(sources);
  t.equal(lines.get('troupe_commands_total{shard="1"}'), 5);
  t.equal(lines.get('troupe_commands_total{shard="0"}'), 0);
  t.equal(lines.get('events_total{event_type="MoneyDeposited",service="banking"}'), 7);
  t.equal(lines.get('sagas_total{type="payment_transfer",status="compensated"}'), 3);
  t.notOk(
    lines.has('sagas_total{type="account",status="completed"}'),
    'an event of that name, but of no saga',
  );
  t.equal(lines.get('troupe_resident_actors{shard="1"}'), 9);
  t.equal(lines.get('troupe_events_per_entry{shard="1"}'), 3.5);
  t.equal(lines.get('troupe_events_per_entry{shard="0"}'), 0);
  t.equal(lines.get('troupe_commit_latency_seconds_bucket{shard="1",le="0.00075"}'), 1);
  t.equal(lines.get('message_queue_size{queue_name="calls-1"}'), 4);
  t.equal(lines.get('troupe_table_lag_entries{shard="1"}'), 12);
  t.equal(lines.get('troupe_event_loop_delay_seconds{thread="shard-1",quantile="max"}'), 0.25);
  t.equal(lines.get('troupe_event_loop_delay_seconds{thread="main",quantile="0.99"}'), 0);
});

t.test(
  'a saga that was parked and completed later is counted once as each, and as failed only when given up',
  async (t) => {
    const eventsByType = new Map([
      ['payment_transfer/SagaStarted', 3],
      ['payment_transfer/SagaFailed', 3],
      ['payment_transfer/SagaResumed', 2],
      ['payment_transfer/SagaCompleted', 1],
      ['payment_transfer/SagaAborted', 1],
    ]);
    const lines = await page({ shards: async () => [shard(0, { eventsByType })] });
    const total = (status: string) => lines.get(`sagas_total{type="payment_transfer",status="${status}"}`);
    t.same(['started', 'parked', 'completed', 'failed', 'compensated'].map(total), [3, 3, 1, 1, undefined]);
  },
);

t.test('the durability that a number was reached with stands beside it', async (t) => {
  const lines = await page({ build: { version: '1.2.3', durability: 'none', store: 'embedded' } });
  const [line] = [...lines.keys()].filter((key) => key.startsWith('troupe_build_info'));
  t.match(line, 'durability="none"');
  t.match(line, 'version="1.2.3"');
});

t.test('the page names every metric that others build upon', async (t) => {
  const eventsByType = new Map([['payment_transfer/SagaStarted', 1]]);
  const sources = { shards: async () => [shard(0, { eventsByType })], activeConnections: () => 3 };
  const names = new Set([...(await page(sources)).keys()].map((key) => key.replace(/\{.*/, '')));
  for (const name of [
    'http_requests_per_second',
    'active_connections',
    'sagas_total',
    'message_queue_size',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
  ]) {
    t.ok(names.has(name), name);
  }
});

t.test(
  'open streams and the lag of the archive are shown, the lag only where there is an archive',
  async (t) => {
    const lines = await page({ eventStreams: () => 3, archiveLagEntries: () => 41 });
    t.equal(lines.get('troupe_event_streams'), 3);
    t.equal(lines.get('troupe_archive_lag_entries'), 41);
    t.notOk((await page({})).has('troupe_archive_lag_entries'));
  },
);

t.test('two shards with the same event type add up', async (t) => {
  const figures = (index: number) => shard(index, { eventsByType: new Map([['account/E', 2]]) });
  const lines = await page({ shards: async () => [figures(0), figures(1)] });
  t.equal(lines.get('events_total{event_type="E",service="banking"}'), 4);
});

t.test('a page without an answer of the shards fails rather than showing half', async (t) => {
  const shards = async (): Promise<never> => {
    throw new Error('no answer');
  };
  await t.rejects(page({ shards }), /no answer/);
});

t.test('the request rate is that of the samples kept', async (t) => {
  const rate = new RateWindow(3);
  t.equal(rate.perSecond, 0);
  rate.sample(0, 0);
  t.equal(rate.perSecond, 0);
  rate.sample(1_000, 100);
  t.equal(rate.perSecond, 100);
  rate.sample(2_000, 100);
  t.equal(rate.perSecond, 50);
  rate.sample(3_000, 100);
  t.equal(rate.perSecond, 0, 'the first sample is gone');
});

t.test('a status that HTTP does not know is counted at the edge of the table', async (t) => {
  const http = new HttpMeter();
  http.answered({ method: 'GET', endpoint: '/x', status: 99, durationMs: 1 });
  http.answered({ method: 'GET', endpoint: '/x', status: 1000, durationMs: 1 });
  const lines = await page({ http });
  t.equal(lines.get('http_requests_total{method="GET",endpoint="/x",status="100"}'), 1);
  t.equal(lines.get('http_requests_total{method="GET",endpoint="/x",status="599"}'), 1);
  t.ok(latencyBucketsMs.every((bound, index) => index === 0 || bound > (latencyBucketsMs[index - 1] ?? 0)));
});

t.test('a blocked event loop is seen as delay, and each reading begins anew', async (t) => {
  const read = measureEventLoopDelay();
  // The monitor ticks by a timer of its own; turning the loop for some ticks gives it the chance to.
  const turnsFor = async (spanMs: number): Promise<void> => {
    const until = performance.now() + spanMs;
    while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  };
  await turnsFor(50);
  const until = performance.now() + 200;
  while (performance.now() < until);
  await turnsFor(50);
  const stalled = read();
  t.ok(stalled.maxMs >= 100, 'a stall of 200 ms');
  t.ok(read().maxMs < stalled.maxMs, 'gone in the next reading');
});

t.test('activities and their circuits show outcomes, attempts, places and states', async (t) => {
  const latency = newHistogram();
  observe(latency, 20);
  const lines = await page({
    activities: () => [
      {
        ...{ port: 'payment', activity: 'charge', attempts: 7, latency, placesFree: 30, waiting: 2 },
        outcomes: new Map([
          ['result', 3],
          ['circuit-open', 1],
        ]),
        breaker: {
          ...{ name: 'payment.charge', state: 'half_open', failure_rate: 0.25, response_times: [] },
          metrics: { total_requests: 7, successful_requests: 3, failed_requests: 4, rejected_requests: 1 },
          last_state_change: {
            ...{ timestamp: '2026-01-02T00:00:00.500Z', from_state: 'open', to_state: 'half_open' },
            failure_count: 5,
          },
        },
      },
      {
        ...{
          port: 'risk-model',
          activity: 'score',
          attempts: 0,
          latency: newHistogram(),
          outcomes: new Map(),
        },
        ...{ placesFree: 1, waiting: 0, breaker: undefined },
      },
    ],
  });
  const charge = 'port="payment",activity="charge"';
  t.match(Object.fromEntries(lines), {
    [`troupe_activities_total{${charge},outcome="result"}`]: 3,
    [`troupe_activities_total{${charge},outcome="circuit-open"}`]: 1,
    [`troupe_activity_attempts_total{${charge}}`]: 7,
    [`troupe_activity_duration_seconds_count{${charge}}`]: 1,
    [`troupe_activity_places_free{${charge}}`]: 30,
    [`troupe_activities_waiting{${charge}}`]: 2,
    'troupe_circuit_state{name="payment.charge",state="half_open"}': 1,
    'troupe_circuit_state{name="payment.charge",state="open"}': 0,
    'troupe_circuit_failure_rate{name="payment.charge"}': 0.25,
    'troupe_circuit_requests_total{name="payment.charge",result="failed"}': 4,
    'troupe_circuit_requests_total{name="payment.charge",result="rejected"}': 1,
    'troupe_circuit_last_state_change_timestamp_seconds{name="payment.charge"}': 1767312000.5,
  });
  t.notOk([...lines.keys()].some((line) => line.includes('circuit') && line.includes('risk-model')));
});
