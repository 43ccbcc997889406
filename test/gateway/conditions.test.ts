/** `If-Match`, `If-None-Match`, `Prefer: wait`, trace headers: row 39, decisions D19 and D22, requirement row 140. */
import t from 'tap';
import { ifNoneMatchHolds, parseIfMatch, parsePreferWait } from '../../gateway/conditions.js';
import { traceIdOf } from '../../gateway/trace-context.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

const fixture = await GatewayFixture.start();
t.teardown(() => fixture.close());

t.test('a version condition is one strong tag', async (t) => {
  t.same(parseIfMatch(''), { type: 'none' });
  t.same(parseIfMatch('*'), { type: 'none' });
  t.same(parseIfMatch('"0"'), { type: 'version', version: 0 });
  t.same(parseIfMatch('"120"'), { type: 'version', version: 120 });
  for (const field of [
    '1',
    'W/"1"',
    '"1", "2"',
    '"a"',
    '"-1"',
    '"01"',
    '"1e3"',
    '""',
    '"99999999999999999999"',
  ]) {
    t.same(parseIfMatch(field), { type: 'malformed' }, field);
  }
});

t.test('row 39: a stale version is 412, a matching one passes, a malformed one is 400', async (t) => {
  const put = (ifMatch: string) =>
    fixture.json('POST', '/api/v1/jars/v/coins', coin, { 'if-match': ifMatch });
  t.equal((await put('"0"')).status, 201);
  const stale = await put('"0"');
  t.equal(`${stale.status} ${problemCode(stale)}`, '412 version-conflict');
  t.equal((await put('"1"')).status, 201);
  t.equal(fixture.actors.requests.at(-1)?.expectedVersion, 1);
  const malformed = await put('1');
  t.equal(`${malformed.status} ${problemCode(malformed)}`, '400 header-invalid');
});

t.test('a read with the current tag is 304 without a body, after the actor has answered', async (t) => {
  await fixture.json('POST', '/api/v1/jars/n/coins', coin);
  for (const tag of ['"1"', 'W/"1"', '"0", "1"', '*']) {
    const asked = fixture.actors.requests.length;
    const answer = await fixture.json('GET', '/api/v1/jars/n', undefined, { 'if-none-match': tag });
    t.equal(answer.status, 304, tag);
    t.equal(answer.body, '');
    t.equal(answer.headers.get('etag'), '"1"');
    t.notOk(answer.headers.has('content-length'));
    t.equal(fixture.actors.requests.length, asked + 1);
  }
  const connection = await fixture.open();
  const headers = { authorization: await fixture.token(), 'if-none-match': '"1"' };
  t.equal((await connection.send({ path: '/api/v1/jars/n', headers })).status, 304);
  t.ok(await connection.isUsable(), 'the connection stays open');
  connection.destroy();
  const answer = await fixture.json('GET', '/api/v1/jars/n', undefined, { 'if-none-match': '"0"' });
  t.equal(answer.status, 200);
  t.equal(
    (await fixture.json('POST', '/api/v1/jars/n/coins', coin, { 'if-none-match': '*' })).status,
    201,
    'reads only',
  );
  t.notOk(ifNoneMatchHolds('"11"', 1));
});

t.test('HEAD answers as GET would, without the body', async (t) => {
  const connection = await fixture.open();
  t.teardown(() => connection.destroy());
  const headers = { authorization: await fixture.token() };
  const head = await connection.send({ method: 'HEAD', path: '/api/v1/jars/h', headers });
  const get = await connection.send({ path: '/api/v1/jars/h', headers });
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), get.headers.get('content-length'));
  t.equal(head.headers.get('etag'), get.headers.get('etag'));
  t.equal((await connection.send({ method: 'HEAD', path: '/nowhere' })).status, 404);
  t.ok(await connection.isUsable());
});

t.test('a preferred wait is read, capped, and ignored when it cannot be read', async (t) => {
  t.equal(parsePreferWait('wait=10'), 10);
  t.equal(parsePreferWait('respond-async, wait = 5; x=y'), 5);
  t.equal(parsePreferWait('wait="7"'), 7);
  t.equal(parsePreferWait('WAIT=0'), 0);
  t.equal(parsePreferWait('wait=900'), 30);
  for (const field of ['', 'respond-async', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'nowait=5', 'wait=abc']) {
    t.equal(parsePreferWait(field), undefined, field);
  }
});

t.test('a wait goes to a saga and is confirmed; other actors are not waited for', async (t) => {
  const reply = (state: string) =>
    ({ type: 'reply', reply: { state }, version: 1, replayed: false }) as const;
  fixture.actors.nextAnswers.push(reply('completed'));
  const waited = await fixture.json('POST', '/api/v1/rides/r1', undefined, { prefer: 'wait=10' });
  t.equal(waited.status, 200);
  t.equal(waited.headers.get('preference-applied'), 'wait=10');
  t.match(fixture.actors.requests.at(-1), { call: { waitMs: 10_000 } });
  // The system adds the wait to its deadline.
  t.equal(fixture.actors.requests.at(-1)?.deadlineMs, undefined);

  fixture.actors.nextAnswers.push(reply('pending'));
  const pending = await fixture.json('POST', '/api/v1/rides/r1');
  t.equal(pending.status, 202);
  t.notOk(pending.headers.has('preference-applied'));
  t.equal(fixture.actors.requests.at(-1)?.deadlineMs, undefined);

  const put = await fixture.json('POST', '/api/v1/jars/w/coins', coin, { prefer: 'wait=10' });
  t.notOk(put.headers.has('preference-applied'));
});

t.test('a well-formed traceparent goes in and out and names the trace; any other is ignored', async (t) => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const traceparent = `00-${trace}-b7ad6b7169203331-01`;
  const answer = await fixture.json('GET', '/api/v1/jars/t', undefined, {
    traceparent,
    'x-correlation-id': 'order-7',
  });
  t.equal(answer.headers.get('traceparent'), traceparent);
  t.equal(answer.headers.get('x-trace-id'), trace);
  t.match(fixture.actors.requests.at(-1), { traceparent, correlationId: 'order-7' });
  const malformed = [
    'abc',
    `00-${trace}-b7ad6b7169203331`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `ff-${trace}-b7ad6b7169203331-01`,
    traceparent.toUpperCase(),
  ];
  for (const field of malformed) {
    t.equal(traceIdOf(field), undefined, field);
    const other = await fixture.json('GET', '/api/v1/jars/t', undefined, {
      traceparent: field,
      'x-correlation-id': 'a b',
    });
    t.notOk(other.headers.has('traceparent'));
    t.match(other.headers.get('x-trace-id'), /^trace-\d+-\d+$/);
    t.equal(fixture.actors.requests.at(-1)?.traceparent, undefined);
    t.equal(fixture.actors.requests.at(-1)?.correlationId, undefined);
  }
});
