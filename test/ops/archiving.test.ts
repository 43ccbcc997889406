/** Archive and trim in a running system: the log stays short, and nobody who asks for the past notices. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createSystem, type System, type SystemOptions } from '../../ops/index.js';
import { systemClock } from '../../ops/system-clock.js';
import { firstPosition } from '../../persistence/first-position.js';
import { openStoreReader } from '../../persistence/open-store.js';
import { RedisServer, redisMissing, redisProgram } from '../support/redis-server.js';
import counters, { counterContract } from './fixtures/counter-app.js';
import { add, temporaryFolder, toolEnd } from './tools/counted-place.js';

const segmentBytes = 64 * 1024;

type StoreOptions = Exclude<NonNullable<SystemOptions['store']>, { type: 'memory' }>;

async function running(store: StoreOptions, shards: number): Promise<System> {
  return await createSystem({
    modules: [counters],
    moduleFile: new URL('./fixtures/counter-app.js', import.meta.url),
    store: { ...store, archiveSegmentBytes: segmentBytes },
    partitions: 2,
    shards,
  });
}

/** Positions trimmed from the logs so far. */
async function trimmedCount(store: StoreOptions): Promise<number> {
  const url = store.type === 'redis' ? store.url : `embedded:${store.directory}`;
  const reader = await openStoreReader({ url }, systemClock);
  try {
    let trimmed = 0;
    for (const partition of [0, 1]) trimmed += (await firstPosition(reader.journal, partition)) - 1;
    return trimmed;
  } finally {
    await reader.close();
  }
}

const cases = [
  { type: 'embedded', shards: 0 },
  { type: 'embedded', shards: 2 },
  { type: 'redis', shards: 2 },
] as const;

for (const { type, shards } of cases) {
  const skip = type === 'redis' && redisProgram() === undefined ? redisMissing : false;
  t.test(
    `${type}, with ${shards} shard threads: packed, trimmed, and read as before`,
    { timeout: 120_000, skip },
    async (t) => {
      const directory = path.join(temporaryFolder(t), 'data');
      const redis = type === 'redis' ? await RedisServer.start() : undefined;
      t.teardown(() => redis?.stop());
      const store =
        redis === undefined
          ? ({ type: 'embedded', directory } as const)
          : ({ type: 'redis', url: redis.url, directory } as const);
      const storeArgs = redis === undefined ? [] : ['--store', redis.url];
      let system = await running(store, shards);
      t.teardown(() => system.stop());
      await add(system, 'old', 7, 'first-key');
      for (let amount = 1; amount <= 5; amount++) await add(system, 'old', amount);
      // Until something of both logs is in the archive: each round is some 60 KB of entries.
      while ((await trimmedCount(store)) < 200) {
        await Promise.all(
          Array.from({ length: 20 }, async (_, lane) => {
            for (let count = 0; count < 20; count++) await add(system, `busy-${lane}`, 0);
          }),
        );
      }
      const check = async (what: string): Promise<void> => {
        const history = await system.history(counterContract.kind, 'old', { limit: 10 });
        t.match(
          history.ok && history.reply.events.map(({ data }) => data),
          [7, 1, 2, 3, 4, 5].map((amount) => ({ amount })),
          `${what}: the events of an actor that nobody asked for long`,
        );
        const feed = await system.events({ actor: { kind: counterContract, id: 'old' }, limit: 6 });
        t.match(
          feed.events.map(({ event }) => event.data),
          [7, 1, 2, 3, 4, 5].map((amount) => ({ amount })),
          `${what}: the same events in the feed, from its start`,
        );
        const repeat = await system.call(
          counterContract,
          'old',
          'add',
          { amount: 7 },
          { idempotencyKey: 'first-key' },
        );
        t.match(repeat, { ok: true, replayed: true, reply: { total: 7 } }, `${what}: a recorded answer`);
      };
      await check('running');
      if (redis === undefined)
        t.ok(
          existsSync(path.join(directory, 'LOCK')),
          'packing on another thread leaves the directory taken',
        );
      await system.stop();
      system = await running(store, shards);
      await check('after a restart');
      t.equal(await add(system, 'old', 1), 23);
      t.ok(existsSync(path.join(directory, 'archive')));
      const segments = readdirSync(path.join(directory, 'archive', '0000'));
      t.ok(segments.some((name) => name.endsWith('.journal')));
      t.ok(
        segments.some((name) => name.endsWith('.events')),
        'each with its index',
      );
      const verified = await toolEnd(t, directory, ['journal', 'verify', '--json', ...storeArgs]);
      t.equal(verified.code, 0, verified.stdout);
      t.match(JSON.parse(verified.stdout), { partitions: [{ first: 1 }, { first: 1 }] });
      const copy = path.join(directory, '..', 'copy');
      const backup = await toolEnd(t, directory, ['backup', copy, ...storeArgs]);
      t.equal(backup.code, 0, backup.stderr);
      if (redis !== undefined) {
        const file = path.join(copy, 'journal.export');
        const restored = await toolEnd(t, copy, ['journal', 'import', file]);
        t.equal(restored.code, 0, `${restored.stderr}${restored.stdout}`);
      }
      const copied = await toolEnd(t, copy, ['journal', 'verify', '--json']);
      t.match(JSON.parse(copied.stdout), { sound: true, partitions: [{ first: 1 }, { first: 1 }] });
    },
  );
}
