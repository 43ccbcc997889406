/** Health, metrics, the start and the stop of the gateway. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { createUwsTransport, unavailable } from '../../gateway/uws-server.js';
import { GatewayFixture } from './gateway-fixture.js';

t.test('requirement row 135 and 189: health is answered as the process says', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const answers = async () => {
    const paths = ['/health/live', '/health/ready', '/api/v1/health'];
    return Promise.all(paths.map(async (path) => (await fixture.send({ path })).status));
  };
  t.same(JSON.parse((await fixture.send({ path: '/api/v1/health' })).body), {
    status: 'healthy',
    service: 'api-gateway',
  });
  t.match(JSON.parse((await fixture.send({ path: '/health/ready' })).body), {
    status: 'ready',
    retention_hours: 24,
  });
  t.same(await answers(), [200, 200, 200]);
  fixture.health.ready = false;
  t.same(await answers(), [200, 503, 503]);
  fixture.health.live = false;
  t.same(await answers(), [503, 503, 503]);
});

t.test('metrics are handed through, and their failure is answered and reported', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const answer = await fixture.send({ path: '/metrics' });
  t.equal(answer.body, 'up 1\n');
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  fixture.metrics = () => Promise.reject(new Error('secret'));
  t.equal((await fixture.send({ path: '/metrics' })).status, 500);
  t.match(fixture.reported.join(), 'metrics-failed');
  t.notMatch(fixture.reported.join(), 'secret');
});

t.test('every answered request is observed by its pattern, never by its path', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  await fixture.json('GET', '/api/v1/jars/private-name');
  await fixture.send({ path: '/secret-path' });
  await fixture.send({ method: 'POST', path: '/health/live', headers: { 'transfer-encoding': 'chunked' } });
  t.same(fixture.observed, [
    { pattern: '/api/v1/jars/{jar_id}', method: 'GET', status: 200 },
    { pattern: 'unmatched', method: 'GET', status: 404 },
    { pattern: 'unmatched', method: 'POST', status: 411 },
  ]);
});

t.test('a stop answers what is in flight, closes what is idle and accepts nothing new', async (t) => {
  const fixture = await GatewayFixture.start();
  const authorization = await fixture.token();
  const idle = await fixture.open();
  await idle.send({ path: '/health/live' });
  const late = await fixture.open();
  await late.send({ path: '/health/live' });
  const busy = await fixture.open();
  fixture.actors.isHolding = true;
  const answer = busy.send({ path: '/api/v1/jars/j1', headers: { authorization } });
  while (fixture.actors.heldCount === 0) await new Promise((resolve) => setImmediate(resolve));

  let isClosed = false;
  const closing = Promise.all([fixture.close(), fixture.close()]).then(() => {
    isClosed = true;
  });
  await t.rejects(fixture.open(), { code: 'ECONNREFUSED' });
  t.equal((await late.send({ path: '/health/live' })).status, 200, 'an open connection gets one more answer');
  await late.closed();
  t.notOk(isClosed, 'it waits for the one in flight');
  fixture.actors.isHolding = false;
  fixture.actors.release();
  t.equal((await answer).status, 200);
  await closing;
  await Promise.all([idle.closed(), busy.closed()]);
  await fixture.close();
});

t.test('a stop waits until a large answer is out, however slowly its client reads', async (t) => {
  const fixture = await GatewayFixture.start();
  // More than the sockets of both ends take.
  const text = 'x'.repeat(32_000_000);
  fixture.actors.nextAnswers.push({ type: 'reply', reply: { text }, version: 1, replayed: false });
  const socket = connect(fixture.port, '127.0.0.1');
  socket.pause();
  const head = `GET /api/v1/jars/j1 HTTP/1.1\r\nHost: a\r\nAuthorization: ${await fixture.token()}\r\n\r\n`;
  socket.write(head);
  while (fixture.observed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const closing = fixture.close();
  let received = 0;
  socket.on('data', (bytes: Buffer) => (received += bytes.length));
  socket.resume();
  await once(socket, 'end');
  await closing;
  t.ok(received > text.length, `${received} bytes`);
});

t.test('a large answer is whole, and its connection goes on', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const connection = await fixture.open();
  t.teardown(() => connection.destroy());
  const headers = { authorization: await fixture.token() };
  for (const characters of [16_383, 16_384, 1_000_000, 10]) {
    const reply = { text: 'ü€x'.repeat(characters / 3) };
    fixture.actors.nextAnswers.push({ type: 'reply', reply, version: 1, replayed: false });
    const answer = await connection.send({ path: '/api/v1/jars/j1', headers });
    t.ok(answer.body === JSON.stringify(reply), `${characters} characters`);
  }
});

t.test('a client that leaves in the middle of a large answer holds no stop up', async (t) => {
  const fixture = await GatewayFixture.start();
  const text = 'x'.repeat(32_000_000);
  fixture.actors.nextAnswers.push({ type: 'reply', reply: { text }, version: 1, replayed: false });
  const socket = connect(fixture.port, '127.0.0.1');
  socket.write(`GET /api/v1/jars/j1 HTTP/1.1\r\nHost: a\r\nAuthorization: ${await fixture.token()}\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  const closing = fixture.close();
  socket.destroy();
  await closing;
  t.equal(fixture.gateway.inFlightCount, 0);
});

t.test('an address in use is refused with a code', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const other = await createUwsTransport();
  await t.rejects(other.listen('127.0.0.1', fixture.port, { head: () => undefined, request: () => {} }), {
    code: 'listen-failed',
  });
  await other.close();
});

t.test('a platform without a binary is told what to do', async (t) => {
  const cause = new Error('no binary');
  const error = unavailable(cause);
  t.match(error, { code: 'transport-unavailable', cause });
  t.match(error.message, /Node 20 or 22/);
});
