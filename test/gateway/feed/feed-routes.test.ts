/** `GET /api/v1/events` and `/position`: pages, filters, who may ask, and what is refused. */
import t from 'tap';
import type { RawResponse } from '../../support/http-client.js';
import { problemCode } from '../gateway-fixture.js';
import operatorModules, { journey } from '../operator/operator-app.js';
import { FeedServer } from './feed-server.js';

function json(response: RawResponse) {
  return JSON.parse(response.body) as {
    readonly items: readonly {
      readonly event_id: string;
      readonly event_type: string;
      readonly aggregate_id: string;
      readonly correlation_id: string;
      readonly timestamp: string;
    }[];
    readonly next_cursor: string | null;
    readonly position: string;
    readonly sum: number;
    readonly partitions: readonly number[];
  };
}

t.test('rows 7, 11: events of all actors by type, page by page, to the end', async (t) => {
  const server = await FeedServer.start(t);
  for (let count = 0; count < 10; count++) {
    await server.counter(`c${count}`, 'add', { amount: count });
    await server.counter(`c${count}`, 'fill', { count: 2, characters: 3 });
  }
  const types: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = json(await server.get(`/api/v1/events?type=counter/Filled&limit=3${query}`));
    t.ok(page.items.length <= 3);
    types.push(...page.items.map((item) => item.event_type));
    cursor = page.next_cursor;
  }
  t.same(types, new Array(20).fill('Filled'));
  const whole = json(await server.get('/api/v1/events?limit=1000'));
  t.equal(whole.items.length, 30);
  t.equal(whole.next_cursor, null);
  const position = json(await server.get('/api/v1/events/position'));
  t.equal(position.position, whole.position);
  t.equal(position.sum, 20);
  t.equal(position.partitions.length, 4);
  await server.counter('c1', 'add', { amount: 1 });
  const rest = json(await server.get(`/api/v1/events?from=${whole.position}`));
  t.match(rest.items, [{ event_type: 'Added', aggregate_id: 'c1', stream_version: 4 }]);
});

t.test(
  'by correlation: what one command led to, over all actors, its saga and what that undid',
  async (t) => {
    const server = await FeedServer.start(t, { modules: operatorModules });
    await server.counter('other', 'add', { amount: 1 });
    for (const [id, second] of [
      ['j1', -1],
      ['j2', 2],
    ] as const)
      await server.run({
        type: 'command',
        kind: journey.name,
        id,
        command: 'start',
        payload: { first: 1, second },
      });
    // Its newest event: no more follow.
    const ended = async (type: string) => {
      for (;;) {
        const { items } = json(await server.get(`/api/v1/events?type=${type}`));
        if (items[0] !== undefined) return items[0].correlation_id;
      }
    };
    const correlation = await ended('SagaCompensated');
    await ended('SagaCompleted');
    const { items } = json(await server.get(`/api/v1/events?correlation_id=${correlation}`));
    // Decision D17: in order for each actor; between partitions a millisecond has no order.
    const typesOf = (id: string) =>
      items.filter((item) => item.aggregate_id === id).map((item) => item.event_type);
    t.same(typesOf('j1'), [
      'SagaStarted',
      'StepCompleted',
      'StepFailed',
      'SagaCompensating',
      'StepCompensated',
      'SagaCompensated',
    ]);
    t.same(typesOf('leg-1'), ['Received', 'Received']);
    t.equal(items.length, 8, 'and nothing of others');
  },
);

t.test('from_time begins at the first event of that moment', async (t) => {
  const server = await FeedServer.start(t);
  await server.counter('a', 'add', { amount: 1 });
  const [first] = json(await server.get('/api/v1/events')).items;
  t.equal(json(await server.get(`/api/v1/events?from_time=${first?.timestamp}`)).items.length, 1);
  t.equal(json(await server.get('/api/v1/events?from_time=2100-01-01T00:00:00Z')).items.length, 0);
});

t.test('only admins may read all events', async (t) => {
  const server = await FeedServer.start(t);
  const authorization = await server.token('carl', 'customer');
  for (const path of ['', '/position', '/stream']) {
    t.equal((await server.get(`/api/v1/events${path}`, { authorization })).status, 403);
    t.equal((await server.get(`/api/v1/events${path}`, { authorization: 'Bearer x' })).status, 401);
  }
});

t.test('what is asked wrongly is refused with a code', async (t) => {
  const server = await FeedServer.start(t);
  for (const [query, code] of [
    ['type=Nothing', 'query-invalid'],
    ['kind=nothing', 'query-invalid'],
    ['type=Added,', 'query-invalid'],
    [`types=${'Added,'.repeat(64)}Added`, 'query-invalid'],
    ['type=Added&types=Added', 'query-invalid'],
    ['correlation_id=%20', 'query-invalid'],
    ['from=3-17-0-0', 'cursor-invalid'],
    ['from=start&cursor=start', 'query-invalid'],
    ['from_time=yesterday', 'query-invalid'],
    ['limit=0', 'limit-out-of-range'],
    ['limit=1001', 'limit-out-of-range'],
    ['after=1', 'query-unknown'],
  ] as const) {
    const refused = await server.get(`/api/v1/events?${query}`);
    t.equal(refused.status, 400, query);
    t.equal(problemCode(refused), code, query);
  }
  for (const query of ['types=Nothing', 'from=x', 'from_time=2026-01-01T00:00:00Z']) {
    t.equal((await server.get(`/api/v1/events/stream?${query}`)).status, 400, query);
  }
  const most = await server.get(`/api/v1/events?types=${'Added,'.repeat(63)}Added`);
  t.equal(most.status, 200, 'namesMax');
  t.equal(server.system.feed.subscriptionCount, 0);
});
