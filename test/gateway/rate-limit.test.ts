/** The limiters by themselves (decision D24), then over HTTP: row 58, requirement rows 138 and 207, decision n. */
import fc from 'fast-check';
import t from 'tap';
import { Gcra, type RateLimiter, SlidingWindow } from '../../gateway/rate-limit.js';
import { GatewayFixture, problemCode } from './gateway-fixture.js';

const minuteMs = 60_000;
const settings = { limit: 60, windowMs: minuteMs, keysMax: 100 };
const passed = (limiter: RateLimiter, times: readonly number[], key = 'a'): number[] =>
  times.filter((at) => limiter.take(key, at).allowed);

t.test('no span of a minute ever sees more than the limit of a sliding window', async () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(gaps, (all) => {
      let at = 0;
      const times = all.map((gap) => (at += gap));
      const through = passed(new SlidingWindow({ ...settings, limit: 7 }), times);
      return through.every(
        (start, index) => (through[index + 7] ?? Number.POSITIVE_INFINITY) - start >= minuteMs,
      );
    }),
  );
});

t.test('a window lets a request pass as soon as an old one has left it, and says when that is', async (t) => {
  const limiter = new SlidingWindow({ ...settings, limit: 2 });
  t.match(limiter.take('a', 0), { allowed: true, remaining: 1 });
  t.match(limiter.take('a', 10_000), { allowed: true, remaining: 0 });
  t.match(limiter.take('a', 20_000), { allowed: false, remaining: 0, resetMs: 40_000 });
  t.match(limiter.take('a', minuteMs - 1), { allowed: false, resetMs: 1 });
  t.match(limiter.take('a', minuteMs), { allowed: true });
  t.match(limiter.take('b', 20_000), { allowed: true }, 'keys do not share');
});

t.test('GCRA lets one burst pass and then refills evenly', async (t) => {
  const limiter = new Gcra({ ...settings, limit: 600 });
  const burst = passed(limiter, new Array(700).fill(0));
  t.equal(burst.length, 600);
  t.match(limiter.take('a', 0), { allowed: false, resetMs: 100 });
  t.match(limiter.take('a', 100), { allowed: true, remaining: 0 });
  t.match(limiter.take('a', 100), { allowed: false });
  t.equal(passed(limiter, new Array(700).fill(minuteMs + 100)).length, 600, 'whole again after a minute');
});

t.test('limiters remember a bounded number of keys and forget the one not seen for longest', async (t) => {
  for (const limiter of [
    new SlidingWindow({ ...settings, limit: 1, keysMax: 3 }),
    new Gcra({ ...settings, limit: 1, keysMax: 3 }),
  ]) {
    for (const key of ['a', 'b', 'c']) limiter.take(key, 0);
    limiter.take('a', 1);
    for (let count = 0; count < 50; count++) limiter.take(`k${count}`, 2);
    t.equal(limiter.keyCount, 3);
  }
  const limiter = new SlidingWindow({ ...settings, limit: 1, keysMax: 3 });
  for (const key of ['a', 'b', 'c', 'a', 'd']) limiter.take(key, 0);
  t.notOk(limiter.take('a', 0).allowed, 'a was seen again and is remembered');
});

t.test('public routes count per address and answer 429 with when to come back', async (t) => {
  const fixture = await GatewayFixture.start({ rates: { publicPerMinute: 60 } });
  t.teardown(() => fixture.close());
  const connection = await fixture.open();
  t.teardown(() => connection.destroy());
  const first = await connection.send({ path: '/api/v1/health' });
  t.equal(first.headers.get('ratelimit-policy'), '"default";q=60;w=60');
  t.equal(first.headers.get('ratelimit'), '"default";r=59;t=60');
  // Row 207: 70 rapid calls yield a 429. Both public routes count together.
  const statuses: number[] = [];
  for (let count = 1; count < 70; count++) {
    const path = count % 2 === 0 ? '/api/v1/health' : '/api/v1/jars/j1/label';
    statuses.push((await connection.send({ path })).status);
  }
  t.equal(statuses.filter((status) => status === 200).length, 59);
  t.equal(statuses.filter((status) => status === 429).length, 10);

  const refused = await connection.send({
    path: '/api/v1/health',
    headers: { authorization: await fixture.token() },
  });
  t.equal(problemCode(refused), 'rate-limited', 'with a token as without');
  t.equal(JSON.parse(refused.body).detail, 'Rate limit exceeded');
  const waitSeconds = Number(refused.headers.get('retry-after'));
  t.ok(waitSeconds >= 1 && waitSeconds <= 60);
  t.match(refused.headers.get('ratelimit'), /^"default";r=0;t=\d+$/);

  for (const path of ['/health/live', '/health/ready', '/metrics']) {
    const answer = await connection.send({ path });
    t.equal(answer.status, 200, `${path} is not limited`);
    t.notOk(answer.headers.has('ratelimit'));
  }
  const bench = { authorization: await fixture.token('b', 'bench') };
  t.equal((await connection.send({ path: '/api/v1/health', headers: bench })).status, 200, 'bench is exempt');
  t.equal((await fixture.json('GET', '/api/v1/jars/j1')).status, 200, 'other routes count elsewhere');
  fixture.clock.aheadMs = waitSeconds * 1000;
  t.equal((await connection.send({ path: '/api/v1/health' })).status, 200, 'after the time it was told');
});

t.test('other routes count per principal, by role, and bench not at all', async (t) => {
  const fixture = await GatewayFixture.start({
    rates: { customerPerMinute: 3, servicePerMinute: 5, adminPerMinute: 7 },
  });
  t.teardown(() => fixture.close());
  const connection = await fixture.open();
  t.teardown(() => connection.destroy());
  const passing = async (user: string, ...roles: string[]): Promise<number> => {
    const headers = { authorization: await fixture.token(user, ...roles) };
    let count = 0;
    while (count < 20 && (await connection.send({ path: '/api/v1/jars/j1', headers })).status === 200)
      count += 1;
    return count;
  };
  t.equal(await passing('alice'), 3);
  t.equal(await passing('alice'), 0, 'a new token of the same principal');
  t.equal(await passing('bob'), 3);
  t.equal(await passing('robot', 'service'), 5);
  t.equal(await passing('root', 'admin'), 7);
  t.equal(await passing('bench', 'bench'), 20);
});

t.test('a wall clock that is set back locks nobody out', async (t) => {
  const fixture = await GatewayFixture.start({ rates: { customerPerMinute: 600, publicPerMinute: 60 } });
  t.teardown(() => fixture.close());
  const authorization = await fixture.token();
  const statuses = async () => [
    (await fixture.send({ path: '/api/v1/jars/j1', headers: { authorization } })).status,
    (await fixture.send({ path: '/api/v1/jars/j1/label' })).status,
  ];
  for (let count = 0; count < 60; count++) await fixture.send({ path: '/api/v1/health' });
  t.same(await statuses(), [200, 429]);
  fixture.clock.shiftMs = -30 * minuteMs;
  fixture.clock.aheadMs = 2 * minuteMs;
  t.same(await statuses(), [200, 200]);
});

t.test('in production nobody is exempt', async (t) => {
  const fixture = await GatewayFixture.start({ production: true, rates: { customerPerMinute: 1 } });
  t.teardown(() => fixture.close());
  const bench = { authorization: await fixture.token('b', 'bench') };
  t.equal((await fixture.json('GET', '/api/v1/jars/j1', undefined, bench)).status, 200);
  t.equal((await fixture.json('GET', '/api/v1/jars/j1', undefined, bench)).status, 429);
});
