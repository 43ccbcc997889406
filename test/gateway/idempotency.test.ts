/** `reliability.md` §3 rows 41–46: what makes two requests one command. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { isActorId } from '../../actors/model/address.js';
import {
  BodyFingerprint,
  FreshCommandIds,
  keyedCommandId,
  parseIdempotencyKey,
} from '../../gateway/idempotency.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

t.test('a key may be bare or quoted and is the same key', async (t) => {
  t.equal(parseIdempotencyKey('abc-1'), 'abc-1');
  t.equal(parseIdempotencyKey('"abc-1"'), 'abc-1');
  t.equal(parseIdempotencyKey('"a\\"b\\\\c"'), 'a"b\\c');
  t.equal(parseIdempotencyKey('k'.repeat(128))?.length, 128);
  t.equal(parseIdempotencyKey(`"${'k'.repeat(128)}"`)?.length, 128);
  for (const key of [
    '',
    '""',
    '"',
    '"a',
    'a b',
    '"a b"',
    'k'.repeat(129),
    `"${'k'.repeat(129)}"`,
    'a\x7f',
    'ä',
    '"\\a"',
    '"a"b',
  ]) {
    t.equal(parseIdempotencyKey(key), undefined, key);
  }
});

t.test('a command id is the start of the hash of principal, operation, target and key', async (t) => {
  const parts = { principal: 'alice', operation: 'POST /x/{id}', target: 't1', key: 'k1' };
  const digest = createHash('sha256').update('alice\0POST /x/{id}\0t1\0k1').digest('base64url').slice(0, 22);
  t.equal(keyedCommandId(parts), /^[-_]/.test(digest) ? `A${digest.slice(1)}` : digest);
  const others = [{ principal: 'bob' }, { operation: 'PUT /x/{id}' }, { target: 't2' }, { key: 'k2' }];
  const ids = [parts, ...others.map((other) => ({ ...parts, ...other }))].map(keyedCommandId);
  t.equal(new Set(ids).size, ids.length, 'each of the four counts');
  fc.assert(
    fc.property(fc.string(), (key) => {
      const id = keyedCommandId({ ...parts, key });
      return id.length === 22 && isActorId(id);
    }),
  );
});

t.test('fresh ids never repeat and are valid ids whatever the random start is', async (t) => {
  for (const random of [Buffer.alloc(16, 0xff), Buffer.alloc(16, 0xfb), Buffer.alloc(16), randomBytes(16)]) {
    const ids = new FreshCommandIds(random);
    const made = Array.from({ length: 1_000 }, () => ids.next());
    t.equal(new Set(made).size, made.length);
    t.ok(made.every((id) => id.length === 22 && isActorId(id)));
  }
  t.not(new FreshCommandIds(randomBytes(16)).next(), new FreshCommandIds(randomBytes(16)).next());
});

t.test('the fingerprint is the start of an HMAC-SHA256', async (t) => {
  const secret = randomBytes(48);
  const fingerprint = new BodyFingerprint(secret);
  for (const size of [0, 1, 63, 64, 65, 5_000, 60_000, 10]) {
    const body = randomBytes(size);
    t.equal(
      fingerprint.of(body),
      createHmac('sha256', secret).update(body).digest('base64url').slice(0, 22),
      `${size} bytes`,
    );
  }
});

t.test('rows 43–46: repeats over HTTP', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const path = '/api/v1/jars/j1/coins';
  const first = await fixture.json('POST', path, coin, { 'idempotency-key': 'k1' });
  t.equal(first.status, 201);
  t.notOk(first.headers.has('idempotency-replayed'));

  const again = await fixture.json('POST', path, coin, { 'idempotency-key': '"k1"' });
  t.equal(again.status, 201, 'row 43');
  t.equal(again.body, first.body);
  t.equal(again.headers.get('etag'), first.headers.get('etag'));
  t.equal(again.headers.get('location'), first.headers.get('location'));
  t.equal(again.headers.get('idempotency-replayed'), 'true');

  const other = await fixture.json('POST', path, { ...coin, note: 'x' }, { 'idempotency-key': 'k1' });
  t.equal(`${other.status} ${problemCode(other)}`, '422 idempotency-key-reused', 'row 44');

  fixture.actors.nextAnswers.push({
    type: 'failure',
    code: 'idempotency-in-progress',
    detail: 'still running',
  });
  const busy = await fixture.json('POST', path, coin, { 'idempotency-key': 'k1' });
  t.equal(`${busy.status} ${problemCode(busy)}`, '409 idempotency-in-progress', 'row 45');
  t.match(busy.headers.get('retry-after'), /^\d+$/);

  const bob = { authorization: await fixture.token('bob'), 'idempotency-key': 'k1' };
  t.equal(JSON.parse((await fixture.json('POST', path, coin, bob)).body).coins, 2, 'row 46');
  const elsewhere = await fixture.json('POST', '/api/v1/jars/j2/coins', coin, { 'idempotency-key': 'k1' });
  t.equal(JSON.parse(elsewhere.body).coins, 1, 'another target is another command');
});

t.test('a recorded rejection is given again and marked', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  for (let count = 0; count < 3; count++) await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  const key = { 'idempotency-key': 'full' };
  const refused = await fixture.json('POST', '/api/v1/jars/j1/coins', coin, key);
  const again = await fixture.json('POST', '/api/v1/jars/j1/coins', coin, key);
  t.equal(`${again.status} ${problemCode(again)}`, '409 jar-full');
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.equal(again.body, refused.body, 'byte for byte');
  t.not(again.headers.get('x-trace-id'), refused.headers.get('x-trace-id'));
});

t.test('without a key each request is a command of its own and carries no fingerprint', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
  const [first, second] = fixture.actors.requests;
  t.not(first?.commandId, second?.commandId);
  t.equal(first?.fingerprint, undefined);
});

t.test(
  'row 41: in production a route that changes state needs a key, and one that reads does not',
  async (t) => {
    const fixture = await GatewayFixture.start({ production: true });
    t.teardown(() => fixture.close());
    const answer = await fixture.json('POST', '/api/v1/jars/j1/coins', coin);
    t.equal(`${answer.status} ${problemCode(answer)}`, '400 idempotency-key-missing');
    t.equal(fixture.actors.requests.length, 0);
    t.equal(
      (await fixture.json('POST', '/api/v1/jars/j1/coins', coin, { 'idempotency-key': 'k' })).status,
      201,
    );
    t.equal((await fixture.json('GET', '/api/v1/jars/j1')).status, 200);
  },
);
