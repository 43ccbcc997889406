/** Which servers are refused at start, with which words, and what a server's refusals mean for a write. */
import t, { type Test } from 'tap';
import { freePort } from '../../../bench/free-port.js';
import { parseRedisUrl } from '../../../persistence/redis/redis-address.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import { faultOf } from '../../../persistence/redis/reply-error.js';
import { assertServer, memoryLevel, memoryOf } from '../../../persistence/redis/server-check.js';
import { parseInfo } from '../../../persistence/redis/server-info.js';
import type { Store } from '../../../persistence/store.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { quickClock } from './proxied-store.js';
import { withClient } from './redis-place.js';

const good = {
  info: 'redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n',
  settings: {
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    'aof-load-truncated': 'no',
  },
};

function check(
  change: { info?: string; settings?: Record<string, string> },
  durability: 'disk' | 'none' = 'disk',
) {
  const settings = new Map(Object.entries({ ...good.settings, ...change.settings }));
  return () =>
    assertServer({ info: parseInfo(change.info ?? good.info), settings }, durability, 'cache:6379/0');
}

void t.test('a server that would lose acknowledged work is refused, and says what to set', async (t) => {
  t.doesNotThrow(check({}));
  t.throws(check({ info: good.info.replace('7.0.15', '6.2.1') }), {
    code: 'store-incompatible',
    message: /6\.2\.1; 7\.0/,
  });
  t.throws(check({ info: good.info.replace('standalone', 'cluster') }), {
    code: 'store-incompatible',
    message: /cluster/,
  });
  t.throws(check({ info: good.info.replace('master', 'slave') }), {
    code: 'store-incompatible',
    message: /primary/,
  });
  t.throws(check({ settings: { appendonly: 'no' } }), { code: 'store-unsafe', message: /appendonly yes/ });
  t.throws(check({ settings: { appendfsync: 'everysec' } }), {
    code: 'store-unsafe',
    message: /appendfsync always \(it is everysec\)/,
  });
  t.throws(check({ settings: { 'no-appendfsync-on-rewrite': 'yes' } }), {
    message: /no-appendfsync-on-rewrite no/,
  });
  t.throws(check({ settings: { 'aof-load-truncated': 'yes' } }), {
    code: 'store-unsafe',
    message: /aof-load-truncated no \(it is yes\)/,
  });
  t.throws(check({ info: good.info.replace('noeviction', 'allkeys-lru') }, 'none'), {
    code: 'store-unsafe',
    message: /noeviction/,
  });
  t.doesNotThrow(check({ settings: { appendonly: 'no' } }, 'none'), 'with --durability none it is accepted');
});

void t.test('memory: warned above 70 %, refused above 90 %, of maxmemory or of the machine', async (t) => {
  const level = (used: number, max: number) => memoryLevel({ usedBytes: used, limitBytes: max });
  t.same(
    [level(69, 100), level(70, 100), level(89, 100), level(90, 100)],
    ['enough', 'warn', 'warn', 'refuse'],
  );
  t.equal(level(1, 0), 'enough');
  const info = (max: number) => parseInfo(`used_memory:5\r\nmaxmemory:${max}\r\ntotal_system_memory:50\r\n`);
  t.equal(memoryOf(info(10)).limitBytes, 10);
  t.equal(memoryOf(info(0)).limitBytes, 50);
});

void t.test(
  'what Redis refuses before running it is a definite refusal; all else has to be looked for',
  async (t) => {
    const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
    for (const code of ['LOADING', 'READONLY', 'MISCONF', 'OOM', 'NOREPLICAS', 'BUSY', 'NOPERM', 'NOAUTH'])
      t.equal(faultOf(reply(`${code} some words`)).type, 'refused', code);
    t.equal(faultOf(reply('ERR Function not found')).type, 'refused');
    for (const text of ['ERR user_script:1: error', 'WRONGTYPE Operation', 'UNKILLABLE'])
      t.equal(faultOf(reply(text)).type, 'unknown', text);
    t.equal(faultOf(new Error('Connection is closed.')).type, 'unknown');
    t.equal(faultOf(Object.assign(new Error('OOM'), { name: 'Error' })).type, 'unknown', 'not a reply');
  },
);

void t.test('an address is read in full, shown without secrets, and refused with a reason', async (t) => {
  const address = parseRedisUrl('rediss://me:s%40cret@cache.example:6380/3', { caFile: 'ca.pem' });
  t.match(address, {
    host: 'cache.example',
    port: 6380,
    db: 3,
    username: 'me',
    password: 's@cret',
    isTls: true,
  });
  t.equal(address.shown, 'cache.example:6380/3');
  for (const url of ['redis:', 'redis://u:secret@h/x', 'redis://u:secret@h/0?a=b']) {
    t.throws(() => parseRedisUrl(url), { code: 'store-address' }, url);
    try {
      parseRedisUrl(url);
    } catch (error) {
      t.notMatch(String(error), 'secret');
    }
  }
  t.throws(() => parseRedisUrl('redis://h', { caFile: 'ca.pem' }), { message: /rediss:/ });
  t.throws(() => parseRedisUrl('rediss://h', { keyFile: 'key.pem' }), { message: /both/ });
});

if (hasRedis('real servers that are refused')) {
  const serverOf = async (t: Test, args: readonly string[] = []): Promise<RedisServer> => {
    const redis = await RedisServer.start({ args });
    t.teardown(() => redis.stop());
    return redis;
  };
  const open = async (
    t: Test,
    redis: RedisServer,
    options: Partial<RedisStoreOptions> = {},
  ): Promise<Store> => {
    const store = await openRedisStore({ url: redis.url, partitionCount: 2, clock: quickClock, ...options });
    t.teardown(() => store.close());
    return store;
  };

  void t.test('weaker settings are refused, also when they are changed while we run', async (t) => {
    const redis = await serverOf(t);
    const events: string[] = [];
    const store = await open(t, redis, { report: (_level, event) => events.push(event) });
    t.match(store.description, /Redis 7.*appendfsync always/);
    await withClient(redis.url, async (client) => {
      await client.config('SET', 'appendfsync', 'everysec');
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    });
    await until(() => events.includes('redis-reconnect-failed'));
    await t.rejects(open(t, redis, { prefix: 'other' }), {
      code: 'store-unsafe',
      message: /appendfsync always/,
    });
    const weak = await open(t, redis, { prefix: 'other', durability: 'none' });
    t.match(weak.description, /appendfsync everysec/);
    t.equal(weak.durability, 'none');
  });

  void t.test(
    'nobody there, a wrong password, no such database, a cluster, a replica: each its own words',
    async (t) => {
      const redis = await serverOf(t, ['--requirepass', 'right']);
      await t.rejects(open(t, redis), { code: 'store-access', message: /does not let us in/ });
      const wrong = redis.url.replace('//', '//:wrong@');
      const refused = open(t, redis, { url: wrong });
      await t.rejects(refused, { code: 'store-access', message: /WRONGPASS/ });
      await refused.catch((error: unknown) => t.notMatch(String(error), /:wrong@/));
      await open(t, redis, { url: redis.url.replace('//', '//:right@') });
      const elsewhere = redis.url.replace('//', '//:right@').replace('/0', '/99');
      await t.rejects(open(t, redis, { url: elsewhere }), {
        code: 'store-address',
        message: /no database 99/,
      });
      await redis.stop();
      await t.rejects(open(t, redis), { code: 'store-unreachable', message: /ECONNREFUSED/ });
      // The bus' port would be 10,000 above the other: among those that outgoing connections are given.
      const bus = String(await freePort());
      const cluster = await serverOf(t, ['--cluster-enabled', 'yes', '--cluster-port', bus]);
      await t.rejects(open(t, cluster), { code: 'store-incompatible', message: /cluster mode/ });
      const replica = await serverOf(t, [
        '--replicaof',
        '127.0.0.1',
        '1',
        '--replica-serve-stale-data',
        'yes',
      ]);
      await t.rejects(open(t, replica), { code: 'store-incompatible', message: /replica/ });
    },
  );

  void t.test(
    'a prefix has one live node and one partition count; a dead node is succeeded at once',
    async (t) => {
      const redis = await serverOf(t);
      const store = await open(t, redis);
      await t.rejects(open(t, redis), {
        code: 'store-locked',
        message: new RegExp(`process ${process.pid} `),
      });
      await t.rejects(open(t, redis, { lock: false, partitionCount: 3 }), {
        message: /created with 2 partitions, not 3/,
      });
      await open(t, redis, { prefix: 'beside' });
      await store.close();
      await withClient(redis.url, (client) =>
        client.get('troupe:node').then((holder) => t.equal(holder, null, 'given back')),
      );
      const again = await open(t, redis);
      const holder = await withClient(redis.url, (client) => client.get('troupe:node'));
      await again.close();
      const dead = (holder ?? '').replace(` ${process.pid} `, ' 4194999 ');
      await withClient(redis.url, (client) => client.set('troupe:node', dead, 'PX', 60_000));
      await open(t, redis);
    },
  );

  void t.test('our user needs no more than it should, and is told what it lacks', async (t) => {
    const redis = await serverOf(t);
    const rules = [
      'on',
      '>word',
      '~troupe:*',
      '-@all',
      '+fcall',
      '+fcall_ro',
      '+get',
      '+mget',
      '+hget',
      '+hmget',
    ];
    rules.push(
      '+hset',
      '+hkeys',
      '+hlen',
      '+hdel',
      '+xrange',
      '+xrevrange',
      '+xadd',
      '+xtrim',
      '+set',
      '+mset',
      '+zadd',
    );
    rules.push('+zcard', '+zrangebylex', '+zrem', '+del', '+pttl', '+info', '+config|get', '+client|setname');
    rules.push('+function|list', '+function|load', '+select', '+ping');
    await withClient(redis.url, (client) => client.call('ACL', 'SETUSER', 'runtime', ...rules));
    const url = redis.url.replace('//', '//runtime:word@');
    const store = await open(t, redis, { url });
    const owner = await LogWriter.take(store, [0, 1]);
    await owner.append([0, 1]);
    t.equal((await store.journal.read(0, 1, { entriesMax: 9, bytesMax: 9_000 })).length, 1);
    await store.close();
    await withClient(redis.url, (client) => client.call('ACL', 'SETUSER', 'runtime', '-config|get'));
    await t.rejects(open(t, redis, { url }), { code: 'store-unsafe', message: /"config\|get"/ });
    const trusted = await open(t, redis, { url, durability: 'none' });
    await trusted.close();
    await withClient(redis.url, (client) => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    await t.rejects(open(t, redis, { url, durability: 'none' }), {
      code: 'store-unsafe',
      message: /noeviction \(it is allkeys-lru\)/,
    });
  });
}
