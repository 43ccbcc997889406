/** `reliability.md` §3 rows 45 and 60–63: what an actor's failure looks like from outside, and the gateway's own limit. */
import t from 'tap';
import { errorRegistry } from '../../actors/model/errors.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

t.test('every failure answers with the status, title and advice of the registry', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  for (const [code, entry] of Object.entries(errorRegistry)) {
    fixture.actors.nextAnswers.push({ type: 'failure', code, detail: 'said by the runtime' });
    const answer = await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
    t.equal(`${answer.status} ${problemCode(answer)}`, `${entry.status} ${code}`);
    const problem = JSON.parse(answer.body) as { title: string; detail: string };
    t.equal(problem.title, entry.title);
    t.equal(problem.detail, entry.status === 500 ? entry.title : 'said by the runtime');
    const retryAfter = 'retryAfterSeconds' in entry ? String(entry.retryAfterSeconds) : undefined;
    t.equal(answer.headers.get('retry-after'), retryAfter);
  }
});

t.test(
  'rows 60–62: overload, a refusing store and an unknown outcome are 503 with a time to come back',
  async (t) => {
    const fixture = await GatewayFixture.start();
    t.teardown(() => fixture.close());
    for (const code of ['overloaded', 'storage-unavailable', 'storage-behind', 'outcome-unknown']) {
      fixture.actors.nextAnswers.push({ type: 'failure', code, detail: 'no', retryAfterSeconds: 7 });
      const answer = await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
      t.equal(`${answer.status} ${problemCode(answer)}`, `503 ${code}`);
      t.equal(answer.headers.get('retry-after'), '7', 'the runtime knows better than the registry');
    }
  },
);

t.test('a code that the registry does not have is an internal error', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  fixture.actors.nextAnswers.push({ type: 'failure', code: 'from-the-future', detail: 'secret' });
  const answer = await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  t.equal(`${answer.status} ${problemCode(answer)}`, '500 internal');
  t.notMatch(answer.body, 'secret');
  const [said] = fixture.reported.filter((line) => line.includes('call-failed'));
  t.match(said, answer.headers.get('x-trace-id') ?? 'no trace', 'the log ties the trace to the command');
  t.match(said, fixture.actors.requests[0]?.commandId);
});

t.test('past the bound of requests in flight the answer is 503 before any work', async (t) => {
  const fixture = await GatewayFixture.start({ inFlightMax: 2 });
  t.teardown(() => fixture.close());
  const authorization = await fixture.token();
  fixture.actors.isHolding = true;
  const connections = await Promise.all([fixture.open(), fixture.open()]);
  const held = connections.map((connection) =>
    connection.send({ path: '/api/v1/jars/j1', headers: { authorization } }),
  );
  while (fixture.actors.heldCount < 2) await new Promise((resolve) => setImmediate(resolve));
  t.equal(fixture.gateway.inFlightCount, 2);

  const refused = await fixture.json('GET', '/api/v1/jars/j1');
  t.equal(`${refused.status} ${problemCode(refused)}`, '503 overloaded');
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal(fixture.actors.requests.length, 2);
  for (const path of ['/health/live', '/health/ready'])
    t.equal((await fixture.send({ path })).status, 200, `${path}: a full process is not a dead one`);
  t.equal((await fixture.send({ path: '/metrics' })).status, 503);

  fixture.actors.isHolding = false;
  fixture.actors.release();
  for (const { status } of await Promise.all(held)) t.equal(status, 200);
  t.equal((await fixture.json('GET', '/api/v1/jars/j1')).status, 200, 'and room again');
  t.equal(fixture.gateway.inFlightCount, 0);
  for (const connection of connections) connection.destroy();
});

t.test('a client that leaves gives its place back when its answer comes', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const authorization = await fixture.token();
  fixture.actors.isHolding = true;
  const connection = await fixture.open();
  connection.send({ path: '/api/v1/jars/j1', headers: { authorization } }).catch(() => 'its own doing');
  while (fixture.actors.heldCount < 1) await new Promise((resolve) => setImmediate(resolve));
  connection.destroy();
  await fixture.send({ path: '/health/live' });
  fixture.actors.release();
  t.equal(fixture.gateway.inFlightCount, 0);
});
