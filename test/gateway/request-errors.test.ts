/**
 * `reliability.md` §3 rows 15–18, 20–42 and 63 over HTTP: each fault has its status and code, the connection stays open,
 * no actor is asked and nothing of the input is logged. Rows 29–34 are the bank's and have their tests there.
 */
import t, { type Test } from 'tap';
import type { RequestParts } from '../support/http-client.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

const fixture = await GatewayFixture.start();
t.teardown(() => fixture.close());
const authorization = await fixture.token();
const coins = '/api/v1/jars/j1/coins';

/** Sends, checks what every refusal has in common, and answers `status code`. */
async function refusal(t: Test, parts: RequestParts): Promise<string> {
  const asked = fixture.actors.requests.length;
  const connection = await fixture.open();
  const answer = await connection.send({ ...parts, headers: { authorization, ...parts.headers } });
  t.ok(await connection.isUsable(), 'the connection stays open');
  connection.destroy();
  t.equal(fixture.actors.requests.length, asked, 'no actor is asked');
  const code = problemCode(answer);
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  t.equal(problem.status, answer.status);
  t.equal(problem.type, `urn:troupe:problem:${code}`);
  t.equal(problem.instance, `urn:troupe:trace:${answer.headers.get('x-trace-id')}`);
  for (const word of ['title', 'detail']) t.type(problem[word], 'string');
  return `${answer.status} ${code}`;
}

const post = (body: string | Buffer, headers: Record<string, string> = {}): RequestParts => ({
  method: 'POST',
  path: coins,
  headers: { 'content-type': 'application/json', ...headers },
  body,
});

t.test('row 15: an unknown path is 404', async (t) => {
  for (const path of [
    '/',
    '/nowhere',
    '/api/v1/jars',
    '/api/v1/jars/j1/coins/',
    '/api/v1/jars/j1/coins/x',
    '//',
    '/api/v1//jars/j1',
  ]) {
    t.equal(await refusal(t, { path }), '404 not-found', path);
  }
});

t.test('row 16: another method is 405 and the answer lists those that there are', async (t) => {
  for (const method of ['PUT', 'POST', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'get']) {
    t.equal(await refusal(t, { method, path: '/api/v1/jars/j1' }), '405 method-not-allowed', method);
  }
  const answer = await fixture.send({ method: 'TRACE', path: '/api/v1/jars/j1' });
  t.equal(answer.headers.get('allow'), 'GET, DELETE, HEAD, OPTIONS');
  t.same(fixture.observed.at(-1), { pattern: 'unmatched', method: 'OTHER', status: 405 });
  t.equal(
    (await fixture.send({ method: 'OPTIONS', path: coins })).headers.get('allow'),
    'POST, PUT, OPTIONS',
  );
});

t.test('row 17: a body must be declared as JSON', async (t) => {
  const body = JSON.stringify(coin);
  t.equal(await refusal(t, { method: 'POST', path: coins, body }), '415 media-type');
  for (const type of [
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/xml',
    'json',
  ]) {
    t.equal(await refusal(t, post(body, { 'content-type': type })), '415 media-type', type);
  }
  for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    t.equal(
      (await fixture.json('POST', '/api/v1/jars/typed/coins', coin, { 'content-type': type })).status,
      201,
      type,
    );
  }
});

t.test('row 18: an encoded body is 415', async (t) => {
  for (const encoding of ['gzip', 'br', 'zstd']) {
    t.equal(await refusal(t, post('x', { 'content-encoding': encoding })), '415 content-encoding');
  }
});

t.test('rows 20–25: what is wrong with a body has its own code', async (t) => {
  t.equal(await refusal(t, post('')), '400 body-empty');
  t.equal(await refusal(t, { method: 'POST', path: coins }), '400 body-empty', 'without a Content-Length');
  t.equal(await refusal(t, post('{"amount":')), '400 json-invalid');
  t.equal(await refusal(t, post('\ufeff{}')), '400 json-invalid');
  t.equal(await refusal(t, post(Buffer.from([0x22, 0xff, 0x22]))), '400 utf8-invalid');
  t.equal(await refusal(t, post('['.repeat(33) + ']'.repeat(33))), '400 json-too-deep');
  t.equal(await refusal(t, post('['.repeat(60_000))), '400 json-too-deep');
  t.equal(await refusal(t, post('{"amount":"1","amount":"2"}')), '400 json-duplicate-key');
  t.equal(await refusal(t, post('{"__proto__":{"admin":true}}')), '400 key-forbidden');
  t.equal(await refusal(t, post(JSON.stringify(new Array(1001).fill(1)))), '400 json-too-many-items');
  t.equal(await refusal(t, post(JSON.stringify('x'.repeat(8193)))), '400 json-string-too-long');
});

t.test('rows 26–28: what does not fit the schema is 422 and points at the field', async (t) => {
  const faults: [unknown, string, string][] = [
    [{ ...coin, admin: true }, '422 field-unknown', '/admin'],
    [{ currency: 'USD' }, '422 validation-failed', '/amount'],
    [{ ...coin, note: 5 }, '422 validation-failed', '/note'],
    [{ ...coin, color: 'green' }, '422 validation-failed', '/color'],
    [[], '422 validation-failed', ''],
    [{ ...coin, amount: 1 }, '422 money-not-string', '/amount'],
    [{ ...coin, currency: 'usd' }, '422 currency', '/currency'],
  ];
  for (const [body, expected, pointer] of faults) {
    t.equal(await refusal(t, post(JSON.stringify(body))), expected);
    const { body: text } = await fixture.json('POST', coins, body);
    t.equal(JSON.parse(text).pointer, pointer);
  }
  t.equal(await refusal(t, post('{"amount":1e400,"currency":"USD"}')), '422 money-not-string');
  t.equal(await refusal(t, post('{"amount":9007199254740993,"currency":"USD"}')), '422 money-not-string');
});

t.test('rows 35, 36: what is no id is 400', async (t) => {
  const ids = [
    '%00',
    '%E2%80%AE',
    'caf%C3%A9',
    '%F0%9F%98%80',
    'a%20b',
    "'%20OR%201=1--",
    '-a',
    '.',
    '~a',
    'a'.repeat(129),
    '%',
    '%zz',
    '',
  ];
  for (const id of ids) t.equal(await refusal(t, { path: `/api/v1/jars/${id}` }), '400 id-invalid', id);
  t.equal(
    await refusal(t, { path: Buffer.from('/api/v1/jars/é').toString('latin1') }),
    '400 id-invalid',
    'raw bytes',
  );
  t.equal(
    (await fixture.json('GET', '/api/v1/jars/a%7E00000001')).status,
    200,
    'needless percent-encoding is read',
  );
});

t.test('row 37: the twins of one name arrive as one', async (t) => {
  for (const note of ['caf\u00e9', 'cafe\u0301']) {
    const answer = await fixture.json('POST', `/api/v1/jars/twin${note.length}/coins`, { ...coin, note });
    t.equal(JSON.parse(answer.body).note, 'caf\u00e9');
  }
});

t.test('row 38: a limit out of range is 400', async (t) => {
  for (const limit of ['-1', '0', '1000000000', 'abc', '1.5', '', '1e2', '%31%30%30%31']) {
    t.equal(
      await refusal(t, { path: `/api/v1/jars/j1/events?limit=${limit}` }),
      '400 limit-out-of-range',
      limit,
    );
  }
});

t.test('a query parameter that is unknown, repeated or malformed is 400', async (t) => {
  const events = '/api/v1/jars/j1/events';
  t.equal(await refusal(t, { path: `${events}?limits=5` }), '400 query-unknown');
  t.equal(await refusal(t, { path: '/api/v1/jars/j1?at=5' }), '400 query-unknown');
  t.equal(await refusal(t, { path: `${events}?__proto__=5` }), '400 query-unknown');
  t.equal(await refusal(t, { path: `${events}?limit=5&limit=6` }), '400 query-invalid');
  t.equal(await refusal(t, { path: `${events}?limit=%ff` }), '400 query-invalid');
  t.equal((await fixture.json('GET', `${events}?&limit=5&`)).status, 200);
});

t.test('row 40: an unknown command and an internal one are 422, as is an unknown kind', async (t) => {
  for (const path of ['jar/j1/shake', 'jar/j1/audit', 'mug/j1/put', 'jar/j1/__proto__']) {
    const parts = { ...post('{}'), path: `/api/v1/actors/${path}` };
    t.equal(await refusal(t, parts), path.endsWith('__') ? '400 id-invalid' : '422 command-unknown', path);
  }
});

t.test('row 41, 42: a key is one of 1 to 128 visible characters', async (t) => {
  for (const key of ['', '""', 'a b', 'ä', 'k'.repeat(129), '"open', '"a" ; b', '"\\x"']) {
    t.equal(
      await refusal(t, post(JSON.stringify(coin), { 'idempotency-key': key })),
      '400 idempotency-key-invalid',
      key,
    );
  }
});

t.test('a field that may stand only once is refused when it comes twice', async (t) => {
  const connection = await fixture.open();
  connection.write(
    'GET /api/v1/jars/j1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n',
  );
  const answer = await connection.response();
  t.equal(`${answer.status} ${problemCode(answer)}`, '400 header-invalid');
  await connection.closed();
});

t.test('a rejection by the plan is answered without asking an actor', async (t) => {
  const admin = await fixture.token('root', 'admin');
  const parts = { method: 'DELETE', path: '/api/v1/jars/j1', headers: { authorization: admin } };
  t.equal(await refusal(t, parts), '409 jar-closed');
});

t.test('a route may answer every rejection with one status', async (t) => {
  const service = { authorization: await fixture.token('robot', 'service') };
  for (let count = 0; count < 3; count++) await fixture.json('PUT', '/api/v1/jars/full/coins', coin, service);
  const answer = await fixture.json('PUT', '/api/v1/jars/full/coins', coin, service);
  t.equal(answer.status, 400);
  t.match(JSON.parse(answer.body), { code: 'jar-full', detail: 'The jar is full' });
});

t.test(
  'row 63: a bug in a route is 500 without a word about it, and the log names its place only',
  async (t) => {
    const secret = 'hunter2-in-the-body';
    t.same(fixture.reported, [], 'nothing was reported for all the refusals above');
    const parts = { ...post(JSON.stringify({ secret })), path: '/api/v1/jars/j1/faults' };
    t.equal(await refusal(t, parts), '500 internal');
    const answer = await fixture.json('GET', '/api/v1/jars/j1/faults');
    t.equal(problemCode(answer), 'internal');
    t.notMatch(answer.body, /cannot|at /);
    t.equal(fixture.reported.length, 2);
    const log = fixture.reported.join('\n');
    t.match(log, /request-failed.*faults.*jar-module/);
    t.match(log, answer.headers.get('x-trace-id')!);
    t.notMatch(log, secret);
    t.notMatch(log, /cannot/);
  },
);
