/** Decision D25 and `reliability.md` §3 row 59: who may read answers from another origin. */
import t from 'tap';
import type { RawResponse } from '../support/http-client.js';
import { coin, GatewayFixture, problemCode } from './gateway-fixture.js';

const path = '/api/v1/jars/j1/coins';
const preflight = (fixture: GatewayFixture, origin: string): Promise<RawResponse> =>
  fixture.send({ method: 'OPTIONS', path, headers: { origin, 'access-control-request-method': 'POST' } });

t.test('in development any origin is welcome, and credentials stay off', async (t) => {
  const fixture = await GatewayFixture.start();
  t.teardown(() => fixture.close());
  const answer = await preflight(fixture, 'http://anywhere.example');
  t.equal(answer.status, 204);
  t.notOk(answer.headers.has('content-length'));
  t.equal(answer.headers.get('access-control-allow-origin'), '*');
  t.equal(answer.headers.get('access-control-allow-methods'), 'POST, PUT, OPTIONS');
  t.match(
    answer.headers.get('access-control-allow-headers'),
    /authorization.*idempotency-key.*if-match.*last-event-id/,
  );
  t.notOk(answer.headers.has('access-control-allow-credentials'));
  const put = await fixture.json('POST', path, coin, { origin: 'http://anywhere.example' });
  t.equal(put.headers.get('access-control-allow-origin'), '*');
  t.match(put.headers.get('access-control-expose-headers'), 'etag');
  const refused = await fixture.json('POST', path, '{', { origin: 'http://anywhere.example' });
  t.equal(refused.headers.get('access-control-allow-origin'), '*', 'refusals can be read too');
});

t.test('row 59: in production only listed origins', async (t) => {
  const fixture = await GatewayFixture.start({ production: true, origins: ['https://bank.example'] });
  t.teardown(() => fixture.close());
  const refused = await preflight(fixture, 'https://evil.example');
  t.equal(`${refused.status} ${problemCode(refused)}`, '403 origin-forbidden');
  t.notOk(refused.headers.has('access-control-allow-origin'));
  const admitted = await preflight(fixture, 'https://bank.example');
  t.equal(admitted.status, 204);
  t.equal(admitted.headers.get('access-control-allow-origin'), 'https://bank.example');
  t.equal(admitted.headers.get('vary'), 'origin');
  const read = await fixture.json('GET', '/api/v1/jars/j1', undefined, { origin: 'https://evil.example' });
  t.notOk(read.headers.has('access-control-allow-origin'));
  t.equal(read.headers.get('vary'), 'origin');
});

t.test('in production without a list nobody is listed', async (t) => {
  const fixture = await GatewayFixture.start({ production: true });
  t.teardown(() => fixture.close());
  t.equal((await preflight(fixture, 'https://bank.example')).status, 403);
});
