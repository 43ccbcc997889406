/** A whole system on Redis, on one thread and on several, while connections break and the server goes away. */
import path from 'node:path';
import t from 'tap';
import { createSystem, type System } from '../../ops/index.js';
import { logOnly, tablesOnly } from '../persistence/redis/proxied-store.js';
import { withClient } from '../persistence/redis/redis-place.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisServer } from '../support/redis-server.js';
import { hasRedis } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';
import { counterContract } from './fixtures/counter-app.js';

const moduleFile = new URL('./fixtures/counter-app.js', import.meta.url);
const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
const quiet = () => {};

/** Calls with one key until the answer is definite; true when it was a repeat of what had been done. */
async function add(system: System, id: string, key: string): Promise<number> {
  for (;;) {
    const result = await system.call(counterContract, id, 'add', { amount: 1 }, { idempotencyKey: key });
    if (result.ok) return result.reply.total;
    const isPassing = ['storage-unavailable', 'outcome-unknown', 'idempotency-in-progress'];
    if (!isPassing.includes(result.code)) throw new Error(`${result.code}: ${JSON.stringify(result)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

if (hasRedis('a system on Redis')) {
  for (const shards of [0, 2]) {
    void t.test(`with ${shards} shards on threads: every call counts once, whatever breaks`, async (t) => {
      const redis = await RedisServer.start();
      const proxy = await FaultProxy.start(redis.port);
      t.teardown(async () => {
        await proxy.stop();
        await redis.stop();
      });
      const directory = path.join(temporaryDirectory(t), 'data');
      const url = `redis://127.0.0.1:${proxy.port}/0`;
      const store = { type: 'redis', url, directory } as const;
      const fatal: unknown[] = [];
      const options = {
        moduleFile,
        store,
        shards,
        report: quiet,
        onFatal: (error: unknown) => fatal.push(error),
      };
      const system = await createSystem(options);
      const totals = new Map(ids.map((id) => [id, 0]));
      let round = 0;
      const everyOne = async (): Promise<void> => {
        round += 1;
        const answers = ids.map((id) => add(system, id, `${id}-${round}`));
        for (const id of ids) totals.set(id, (totals.get(id) ?? 0) + 1);
        t.same(await Promise.all(answers), [...totals.values()], `round ${round}`);
      };
      await everyOne();

      for (const connection of proxy.connections) if (logOnly(connection)) connection.swallowReplyAfter(0);
      await everyOne();
      for (const connection of proxy.connections) if (logOnly(connection)) connection.resetAfter('up', 700);
      await everyOne();
      proxy.reset(tablesOnly);
      await everyOne();
      proxy.reset();
      await everyOne();

      const outage = everyOne();
      await redis.kill();
      await redis.start();
      await outage;
      await everyOne();
      t.same(fatal, []);
      await system.stop();

      const again = await createSystem(options);
      for (const id of ids)
        t.match(await again.query(counterContract, id, 'total', {}), { reply: { total: round } }, id);
      await again.stop();
    });
  }

  void t.test(
    'a store that was emptied under a running system ends it, and refuses the next start',
    async (t) => {
      const redis = await RedisServer.start();
      t.teardown(() => redis.stop());
      const directory = path.join(temporaryDirectory(t), 'data');
      const store = { type: 'redis', url: redis.url, directory } as const;
      const fatal: { code?: string }[] = [];
      const options = {
        moduleFile,
        store,
        report: quiet,
        onFatal: (error: unknown) => fatal.push(error as object),
      };
      const system = await createSystem(options);
      t.equal(await add(system, 'a', 'k'), 1);
      await until(() => system.query(counterContract, 'a', 'total', {}).then(({ ok }) => ok));
      await withClient(redis.url, (client) => client.flushall());
      const late = await system.call(counterContract, 'a', 'add', { amount: 1 });
      t.match(late, { ok: false }, 'nothing is acknowledged any more');
      await until(() => fatal.length > 0);
      t.match(fatal, [{ code: 'store-went-back' }]);
      await system.stop();
    },
  );

  for (const shards of [0, 2]) {
    void t.test(
      `with ${shards} shards on threads: an idle system that another one has succeeded ends, and answers no read any more`,
      async (t) => {
        const redis = await RedisServer.start();
        t.teardown(() => redis.stop());
        const open = (data: string, fatal: unknown[] = []): Promise<System> => {
          const directory = path.join(temporaryDirectory(t), data);
          const store = { type: 'redis', url: redis.url, directory } as const;
          const onFatal = (error: unknown): void => void fatal.push(error);
          return createSystem({ moduleFile, store, shards, report: quiet, onFatal });
        };
        const fatal: unknown[] = [];
        const idle = await open('idle', fatal);
        t.match(await idle.query(counterContract, 'a', 'total', {}), { reply: { total: 0 } });
        // As if it had been paused for longer than its lease.
        await withClient(redis.url, (client) => client.del('troupe:node'));
        const next = await open('next');
        t.equal(await add(next, 'a', 'k1'), 1);
        await until(() => fatal.length > 0);
        t.match(fatal, [{ message: /another owner has taken partition/ }]);
        // It would say 0. A shard that has not looked yet may say so; in a node the process has ended.
        await until(() => idle.query(counterContract, 'a', 'total', {}).then(({ ok }) => !ok));
        t.equal(await add(next, 'a', 'k2'), 2, 'the other one is not disturbed');
        await idle.stop();
        await next.stop();
      },
    );
  }
}
