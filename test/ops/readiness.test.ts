/** What a node says while it cannot serve all of its work, on a real Redis that goes away, or fills up, and comes back. */
import t, { type Test } from 'tap';
import type { HttpClient } from '../../bench/http-client.js';
import type { ServerProcess } from '../../bench/server-process.js';
import { withClient } from '../persistence/redis/redis-place.js';
import { RedisServer, redisMissing, redisProgram } from '../support/redis-server.js';
import { connectTo, startServer } from '../support/server.js';

async function nodeOnRedis(
  t: Test,
): Promise<{ redis: RedisServer; server: ServerProcess; client: HttpClient }> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const server = await startServer(t, { args: ['--store', redis.url] });
  return { redis, server, client: connectTo(t, server.endpoint) };
}

async function readiness(client: HttpClient): Promise<string> {
  const reply = await client.ask({ method: 'GET', path: '/health/ready' });
  return reply.type === 'answer' ? `${reply.answer.status} ${reply.answer.body}` : reply.reason;
}

/** Asks until the answer matches; the runner's own deadline ends what never does. */
async function untilReadiness(client: HttpClient, wanted: RegExp): Promise<string> {
  for (;;) {
    const said = await readiness(client);
    if (wanted.test(said)) return said;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test(
  'a node whose shard is reopened is not ready, says so, and is ready again with its store',
  { skip: redisProgram() === undefined ? redisMissing : false },
  async (t) => {
    const { redis, server, client } = await nodeOnRedis(t);
    const token = await server.token('alice', 'admin');
    const post = (path: string, body: unknown) =>
      ({ method: 'POST', path, token, idempotencyKey: 'once', body: JSON.stringify(body) }) as const;
    const opening = post('/api/v1/accounts', {
      account_id: 'a',
      account_type: 'checking',
      currency: 'USD',
    });
    const deposit = post('/api/v1/accounts/a/deposits', { amount: '1.00', currency: 'USD' });
    t.equal((await client.insist(opening)).status, 201);
    t.match(await readiness(client), /^200 .*"store":"redis","durability":"disk".*"shard_phases":\["open"\]/);
    await redis.kill();
    // The shard learns of it when it commits.
    const asked = client.ask(deposit);
    const reopening = /"shard_phases":\["reopening"\]/;
    t.match(await untilReadiness(connectTo(t, server.endpoint), reopening), /^503/);
    await redis.start();
    t.match(await untilReadiness(client, /^200/), /"shard_phases":\["open"\]/);
    await asked;
    t.match(await client.insist(deposit), { status: 200, body: /"balance":"1.00"/ });
    t.same(await server.stop(), { code: 0, signal: null });
  },
);

t.test(
  'an idle node whose Redis is away is not ready, says why, and is ready again by itself',
  { skip: redisProgram() === undefined ? redisMissing : false },
  async (t) => {
    const { redis, server, client } = await nodeOnRedis(t);
    const isUp = async (): Promise<string | undefined> => {
      const { body } = await client.insist({ method: 'GET', path: '/metrics' });
      return /^troupe_store_up (\d)$/m.exec(body)?.[1];
    };
    t.notMatch(await readiness(client), 'store_outage');
    t.equal(await isUp(), '1');
    await redis.kill();
    t.match(await untilReadiness(client, /^503/), /"store_outage":"[^"]+"/);
    t.equal(await isUp(), '0');
    t.match(await client.ask({ method: 'GET', path: '/health/live' }), { answer: { status: 200 } });
    await redis.start();
    await untilReadiness(client, /^200/);
    t.equal(await isUp(), '1');
    // Nothing comes back any more, yet no connection is closed: found out by the lease, which is renewed all the time.
    redis.pause();
    t.match(await untilReadiness(client, /^503/), /"store_outage"/);
    redis.resume();
    await untilReadiness(client, /^200/);
    t.same(await server.stop(), { code: 0, signal: null });
  },
);

t.test(
  'a Redis that is nearly full takes no new data, still answers, and goes on when it has room',
  { skip: redisProgram() === undefined ? redisMissing : false },
  async (t) => {
    const { redis, server, client } = await nodeOnRedis(t);
    const token = await server.token('alice', 'admin');
    const opening = (account_id: string) =>
      client.ask({
        ...{ method: 'POST', path: '/api/v1/accounts', token, idempotencyKey: account_id },
        body: JSON.stringify({ account_id, account_type: 'checking', currency: 'USD' }),
      });
    const untilOpening = async (status: number, name: string): Promise<string> => {
      for (let count = 0; ; count++) {
        const reply = await opening(`${name}-${count}`);
        if (reply.type === 'answer' && reply.answer.status === status) return reply.answer.body;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const limit = (share: number): Promise<unknown> =>
      withClient(redis.url, async (admin) => {
        const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
        await admin.config('SET', 'maxmemory', Math.round(used / share));
      });
    await untilOpening(201, 'before');
    await limit(0.95);
    t.match(await untilOpening(503, 'full'), /"code":"storage-unavailable"/);
    const seen = await client.insist({ method: 'GET', path: '/api/v1/accounts/before-0', token });
    t.equal(seen.status, 200, 'what is there can be read');
    await limit(0.3);
    await untilOpening(201, 'after');
  },
);
