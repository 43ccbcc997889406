/** A request through the whole edge to an actor and back. */
import t from 'tap';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

t.test('a route answers what the actor replied, with its version as the entity tag', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const put = await fixture.json('POST', '/api/v1/jars/j1/coins', { ...coin, note: 'first' });
  t.equal(put.status, 201);
  t.same(JSON.parse(put.body), { coins: 1, note: 'first', version: 1 });
  t.equal(put.headers.get('etag'), '"1"');
  t.equal(put.headers.get('location'), '/api/v1/jars/j1');
  t.equal(put.headers.get('content-type'), 'application/json');
  t.match(put.headers.get('x-trace-id'), /^trace-\d+-\d+$/);

  const get = await fixture.json('GET', '/api/v1/jars/j1');
  t.equal(get.status, 200);
  t.same(JSON.parse(get.body), { coins: 1, note: 'first' });
  t.same(fixture.observed.at(-1), { pattern: '/api/v1/jars/{jar_id}', method: 'GET', status: 200 });
});

t.test('a rejection of the actor answers with the status of its contract', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  for (let count = 0; count < 3; count++) await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  const refused = await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  t.equal(refused.status, 409);
  t.match(JSON.parse(refused.body), {
    type: 'urn:troupe:problem:jar-full',
    status: 409,
    code: 'jar-full',
    detail: 'The jar is full',
    instance: /^urn:troupe:trace:trace-/,
  });
  t.equal(problemCode(refused), 'jar-full');
});
