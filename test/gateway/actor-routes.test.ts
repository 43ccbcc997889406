/** Every actor kind through its contract alone. */
import t from 'tap';
import { RouteTable } from '../../gateway/route-table.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

const fixture = await GatewayFixture.start();
t.teardown(() => fixture.close());
const actor = '/api/v1/actors/jar/g1';

t.test('a command answers its reply with the version', async (t) => {
  const put = await fixture.json('POST', `${actor}/put`, { ...coin, note: 'a' });
  t.equal(put.status, 200);
  t.same(JSON.parse(put.body), { coins: 1, note: 'a', version: 1 });
  t.equal(put.headers.get('etag'), '"1"');
  t.match(fixture.actors.requests.at(-1)?.call, { type: 'command', kind: 'jar', id: 'g1', command: 'put' });
});

t.test('a reply that is no object stands under its own name, and large whole numbers are text', async (t) => {
  const weigh = await fixture.json('POST', `${actor}/weigh`, {});
  t.same(JSON.parse(weigh.body), { reply: '9007199254740993', version: 1 });
});

t.test('commands take keys, and their input is checked', async (t) => {
  const key = { 'idempotency-key': 'g' };
  await fixture.json('POST', '/api/v1/actors/jar/g2/put', coin, key);
  const again = await fixture.json('POST', '/api/v1/actors/jar/g2/put', coin, key);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  const wrong = await fixture.json('POST', `${actor}/put`, { amount: 5, currency: 'USD' });
  t.equal(`${wrong.status} ${problemCode(wrong)}`, '422 money-not-string');
});

t.test('roles of a command are enforced', async (t) => {
  t.equal((await fixture.json('POST', `${actor}/smash`, {})).status, 403);
  const admin = { authorization: await fixture.token('root', 'admin') };
  t.equal((await fixture.json('POST', `${actor}/smash`, {}, admin)).status, 200);
});

t.test('an internal command is as good as absent', async (t) => {
  const admin = { authorization: await fixture.token('root', 'admin') };
  const internal = await fixture.json('POST', `${actor}/audit`, {}, admin);
  const absent = await fixture.json('POST', `${actor}/nothing`, {}, admin);
  t.equal(`${internal.status} ${problemCode(internal)}`, '422 command-unknown');
  t.equal(JSON.parse(internal.body).detail, JSON.parse(absent.body).detail);
});

t.test('the state is the query get', async (t) => {
  const get = await fixture.json('GET', actor);
  t.same(JSON.parse(get.body), { coins: 1, note: 'a', version: 1 });
  t.equal((await fixture.json('GET', actor, undefined, { 'if-none-match': '"1"' })).status, 304);
  t.equal((await fixture.json('GET', '/api/v1/actors/mug/g1')).status, 404);
});

t.test('decision D13: the history shows events under their JSON names, in pages', async (t) => {
  for (const note of ['1', '2', '3'])
    await fixture.json('POST', '/api/v1/actors/jar/h1/put', { ...coin, note });
  const page = async (query: string) =>
    JSON.parse((await fixture.json('GET', `/api/v1/actors/jar/h1/events${query}`)).body);
  const all = await page('');
  t.equal(all.items.length, 3);
  t.equal(all.next_cursor, null);
  t.same(Object.keys(all.items[0]), [
    'event_id',
    'event_type',
    'aggregate_id',
    'aggregate_type',
    'stream_version',
    'schema_version',
    'event_data',
    'metadata',
    'correlation_id',
    'causation_id',
    'timestamp',
    'position',
  ]);
  t.match(all.items[0], {
    event_type: 'CoinPut',
    aggregate_id: 'h1',
    aggregate_type: 'jar',
    stream_version: 1,
    event_data: { note: '1', weight: '9007199254740993' },
    timestamp: '2026-01-02T03:04:05.006Z',
  });
  const first = await page('?limit=2');
  t.equal(first.next_cursor, '2');
  const rest = await page(`?after_version=${first.next_cursor}`);
  t.same(rest.items, all.items.slice(2));
  const bad = await fixture.json('GET', '/api/v1/actors/jar/h1/events?limit=0');
  t.equal(problemCode(bad), 'limit-out-of-range');
});

t.test('row 6: a history is read between two versions, page by page', async (t) => {
  for (const note of ['1', '2', '3'])
    await fixture.json('POST', '/api/v1/actors/jar/h2/put', { ...coin, note });
  const page = async (query: string) => {
    const { items, next_cursor } = JSON.parse(
      (await fixture.json('GET', `/api/v1/actors/jar/h2/events${query}`)).body,
    );
    return [items.map((item: { readonly stream_version: number }) => item.stream_version), next_cursor];
  };
  t.same(await page('?to_version=2'), [[1, 2], null]);
  t.same(await page('?to_version=2&limit=1'), [[1], '1']);
  t.same(await page('?to_version=2&limit=1&after_version=1'), [[2], null]);
  t.same(await page('?after_version=1&to_version=99'), [[2, 3], null]);
  for (const query of ['?to_version=x', '?to_version=2&after_version=2']) {
    const bad = await fixture.json('GET', `/api/v1/actors/jar/h2/events${query}`);
    t.equal(`${bad.status} ${problemCode(bad)}`, '400 query-invalid', query);
  }
});

t.test('row 70: starting a saga that nobody has defined names it', async (t) => {
  const unknown = await fixture.json('POST', '/api/v1/actors/errand/e1/start', {});
  t.equal(`${unknown.status} ${problemCode(unknown)}`, '422 command-unknown');
  t.equal(JSON.parse(unknown.body).detail, 'Unknown saga definition: errand');
});

t.test('a history is closed to whom the actor does not answer', async (t) => {
  const other = await fixture.json('GET', '/api/v1/actors/jar/hidden1/events');
  t.equal(`${other.status} ${problemCode(other)}`, '404 not-found');
  const owner = { authorization: await fixture.token('owner') };
  t.equal((await fixture.json('GET', '/api/v1/actors/jar/hidden1/events', undefined, owner)).status, 200);
});

t.test('a route declared twice stops the start', async (t) => {
  const table = new RouteTable<string>();
  table.add('GET', '/a/{x}', 'one');
  table.add('POST', '/a/{y}', 'two');
  t.throws(() => table.add('GET', '/a/{z}', 'three'), /declared twice/);
  t.same(table.match('/a/b'), {
    byMethod: new Map([
      ['GET', 'one'],
      ['POST', 'two'],
    ]),
    values: ['b'],
  });
  t.equal(table.match('/a'), undefined);
});
