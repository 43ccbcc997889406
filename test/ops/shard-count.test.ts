/** How many partitions a new store gets, and how many shards start on one that is there: `ops/shard-count.ts`. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createSystem } from '../../ops/index.js';
import { type OpenedSystem, openSystem } from '../../ops/open-system.js';
import { partitionsMax, partitionsWhenCreated, type ShardCount } from '../../ops/shard-count.js';
import { systemClock, systemRandom } from '../../ops/system-clock.js';
import { openStoreReader } from '../../persistence/open-store.js';
import { redisSuite } from '../support/redis-suite.js';
import { temporaryDirectory } from '../support/server.js';
import counters, { counterContract } from './fixtures/counter-app.js';

interface Layout {
  readonly partitions?: number;
  readonly shards: ShardCount;
}

interface StoreAt {
  readonly storeUrl: string;
  readonly redis?: { readonly prefix: string };
}

async function opened(t: Test, store: StoreAt, { partitions, shards }: Layout): Promise<OpenedSystem> {
  const system = await openSystem({
    ...store,
    ...{ modules: [counters], adapters: {}, partitions, shards, directory: undefined },
    moduleUrl: new URL('./fixtures/counter-app.js', import.meta.url).href,
    ...{ durability: 'disk', memoryBudgetBytes: 64 * 2 ** 20, clock: systemClock, random: systemRandom },
    report: () => {},
    onFatal: (error) => t.fail(String(error)),
  });
  t.teardown(() => system.stop());
  return system;
}

async function layoutOf(t: Test, store: StoreAt, asked: Layout): Promise<unknown> {
  const { store: open, shards, system, stop } = await opened(t, store, asked);
  t.equal(system.shardCount, Math.max(1, shards));
  await stop();
  return { partitions: open.partitionCount, shards };
}

/** One rule, whatever the store. */
async function follows(t: Test, store: StoreAt): Promise<void> {
  t.same(await layoutOf(t, store, { shards: { atMost: 2 } }), { partitions: 16, shards: 2 });
  t.same(await layoutOf(t, store, { shards: 0 }), { partitions: 16, shards: 0 }, 'as stored');
  t.same(await layoutOf(t, store, { shards: 3, partitions: 16 }), { partitions: 16, shards: 3 });
  await t.rejects(opened(t, store, { shards: 1, partitions: 8 }), {
    code: 'store-incompatible',
    message: /created with 16 partitions, not 8; the count is fixed$/,
  });
  await t.rejects(opened(t, store, { shards: 17 }), {
    code: 'store-incompatible',
    message: /17 shards are more than the 16 partitions/,
  });
  t.same(await layoutOf(t, store, { shards: 1 }), { partitions: 16, shards: 1 }, 'refusals leave nothing');
}

t.test('a new store has eight partitions per shard, as many as may be asked for at most', async (t) => {
  const shards: ShardCount[] = [0, 1, 3, { atMost: 1 }, { atMost: 4 }, 33, { atMost: 64 }];
  t.same(shards.map(partitionsWhenCreated), [8, 8, 24, 8, 32, partitionsMax, partitionsMax]);
  t.equal(partitionsWhenCreated(300), 300, 'and never more shards than partitions');
});

t.test('a start that is refused for its shards or its modules creates no store', async (t) => {
  const directory = path.join(temporaryDirectory(t), 'data');
  const store = { storeUrl: `embedded:${directory}` };
  await t.rejects(opened(t, store, { shards: 9, partitions: 4 }), {
    code: 'store-incompatible',
    message: /9 shards are more than the 4 partitions/,
  });
  await t.rejects(opened(t, store, { shards: 0, partitions: Number.NaN }), RangeError);
  await t.rejects(
    createSystem({ modules: [counters, counters], store: { type: 'embedded', directory } }),
    /Two modules define the actor kind/,
  );
  t.notOk(existsSync(path.join(directory, 'manifest.json')));
  t.same(await layoutOf(t, store, { shards: 2 }), { partitions: 16, shards: 2 });
});

t.test('embedded: the shards of the first start give the partitions of the store', (t) =>
  follows(t, { storeUrl: `embedded:${path.join(temporaryDirectory(t), 'data')}` }),
);

t.test('a default of shards bends to the partitions, asked for or stored', async (t) => {
  const store = { storeUrl: `embedded:${path.join(temporaryDirectory(t), 'data')}` };
  const few = { shards: { atMost: 3 }, partitions: 2 };
  t.same(await layoutOf(t, store, few), { partitions: 2, shards: 2 });
  t.same(await layoutOf(t, store, { shards: { atMost: 3 } }), { partitions: 2, shards: 2 });
});

redisSuite('partitions by shards', (server) => {
  void t.test('Redis: the shards of the first start give the partitions of the store', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    await follows(t, { storeUrl: url, redis: { prefix } });
  });
});

t.test('createSystem goes by the same rule', async (t) => {
  const directory = path.join(temporaryDirectory(t), 'data');
  const store = { type: 'embedded', directory } as const;
  const partitions = async (): Promise<number> => {
    const reader = await openStoreReader({ url: `embedded:${directory}` }, systemClock);
    await reader.close();
    return reader.partitionCount;
  };
  const moduleFile = new URL('./fixtures/counter-app.js', import.meta.url);
  await (await createSystem({ moduleFile, store, shards: 2, report: () => {} })).stop();
  t.equal(await partitions(), 16);
  const system = await createSystem({ modules: [counters], store });
  t.match(await system.call(counterContract, 'a', 'add', { amount: 1 }), { ok: true });
  await system.stop();
  await t.rejects(createSystem({ modules: [counters], store, partitions: 8 }), {
    code: 'store-incompatible',
  });
  t.equal(await partitions(), 16);
  const inMemory = await opened(t, { storeUrl: 'memory:' }, { shards: 0 });
  t.equal(inMemory.store.partitionCount, 8);
});
