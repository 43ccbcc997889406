/** What real servers refuse, and what it means for a group: a definite refusal, with nothing of it in, and then it goes on. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { hashEntry } from '../../../persistence/entry.js';
import type { AppendResult, GroupAppend, Head } from '../../../persistence/journal.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { RedisServer, type RedisServerOptions } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { quickClock } from './proxied-store.js';
import { withClient } from './redis-place.js';

const one = { entriesMax: 1, bytesMax: 1 };
/** Redis looks up from its file once in 1,024 commands: here every 0.3 s, for 18 s unless it is told to hurry. */
const loadedCommands = 60_000;
const loadDelayUs = 300;
const diskBytes = 8 * 1_048_576;
/** Left beside the filler. */
const roomBytes = 1_048_576;
const recordBytes = 8_000;

interface Scene {
  readonly redis: RedisServer;
  readonly store: Store;
  readonly owner: LogWriter;
  readonly events: string[];
  config(name: string, value: string): Promise<unknown>;
  /** An append is refused with these words, and its partition stays as it was. */
  refusedWith(words: RegExp): Promise<void>;
  /** The partitions have the same owner on the server that was started again, or promoted. */
  takenAgain(): Promise<void>;
  /** The next append is in. */
  goesOn(): Promise<void>;
}

async function scene(
  t: Test,
  server: RedisServerOptions = {},
  options: Partial<RedisStoreOptions> = {},
): Promise<Scene> {
  const redis = await RedisServer.start(server);
  t.teardown(() => redis.stop());
  const events: string[] = [];
  const report = (_level: string, event: string): void => void events.push(event);
  const store = await openRedisStore({
    ...{ url: redis.url, partitionCount: 2, clock: quickClock, report },
    ...options,
  });
  t.teardown(() => store.close());
  const owner = await LogWriter.take(store, [0, 1]);
  await owner.append([0, 1]);
  // A refusal may cost a connection, and reads have one of their own.
  const headOf = async (partition: number): Promise<Head> => {
    const heads: Head[] = [];
    const look = (): Promise<unknown> => store.journal.head(partition).then((head) => heads.push(head));
    await until(() =>
      look().then(
        () => true,
        () => false,
      ),
    );
    return heads[0] as Head;
  };
  return {
    ...{ redis, store, owner, events },
    config: (name, value) => withClient(redis.url, (client) => client.config('SET', name, value)),
    async refusedWith(words) {
      const head = owner.head(0);
      const result = await store.journal.append(owner.group([0, 1]));
      t.match(result, { type: 'refused', reason: 'storage', detail: words });
      for (const partition of [0, 1]) owner.rewind(partition, head);
      for (const partition of [0, 1]) owner.rewind(partition, await headOf(partition));
      t.equal((await headOf(0)).position, head.position, 'nothing of it is in');
      t.equal((await headOf(1)).position, head.position);
    },
    async takenAgain() {
      for (const partition of [0, 1]) await owner.take(partition, 'owner-next');
    },
    async goesOn() {
      const { position } = owner.head(0);
      const next = owner.group([0, 1]);
      // Without a connection an append is not sent; whoever sent it looks, and sends again.
      await until(async () => (await store.journal.append(next)).type !== 'unknown');
      t.equal((await headOf(0)).position, position + 1, 'the next one is in');
      t.equal((await headOf(1)).position, position + 1);
    },
  };
}

if (hasRedis('what real servers refuse')) {
  void t.test('NOREPLICAS: too few replicas', async (t) => {
    const { config, refusedWith, goesOn } = await scene(t);
    await config('min-replicas-to-write', '1');
    await refusedWith(/NOREPLICAS/);
    await config('min-replicas-to-write', '0');
    await goesOn();
  });

  void t.test('OOM: no memory left, and before that a warning and no new data', async (t) => {
    const { redis, store, events, config, refusedWith, goesOn } = await scene(t);
    const used = async (): Promise<number> => {
      const text = await withClient(redis.url, (client) => client.info('memory'));
      return Number(/used_memory:(\d+)/.exec(text)?.[1]);
    };
    const limit = async (share: number): Promise<boolean> => {
      await config('maxmemory', String(Math.round((await used()) / share)));
      return (await store.space()).acceptsWrites;
    };
    t.equal(await limit(0.5), true);
    t.same(events, []);
    t.equal(await limit(0.8), true, 'a warning');
    t.same(events, ['redis-memory-short']);
    t.equal(await limit(0.95), false, 'no new data');
    t.same(events, ['redis-memory-short', 'redis-memory-full']);
    await config('maxmemory', '1mb');
    await refusedWith(/OOM/);
    t.equal(await limit(0.5), true);
    t.same(events.at(-1), 'redis-memory-enough');
    await goesOn();
  });

  void t.test('BUSY: a script that does not end', async (t) => {
    const { redis, store, owner, config, goesOn } = await scene(t);
    await config('busy-reply-threshold', '1');
    const head = owner.head(0);
    await withClient(redis.url, async (other) =>
      withClient(redis.url, async (admin) => {
        const looping = other.eval('while true do end', 0).catch(() => undefined);
        const isBusy = (): Promise<boolean> =>
          store.journal.head(0).then(
            () => false,
            () => true,
          );
        await until(isBusy);
        t.match(await store.journal.append(owner.group([0])), { type: 'refused', detail: /BUSY/ });
        owner.rewind(0, head);
        await admin.script('KILL');
        await looping;
      }),
    );
    await goesOn();
  });

  void t.test('READONLY: the primary became the replica of another', async (t) => {
    const { redis, store, owner, events, takenAgain, goesOn } = await scene(t);
    const head = owner.head(0);
    const other = await RedisServer.start();
    t.teardown(() => other.stop());
    // Its data stay until the first synchronization, which a primary without a password for us never allows.
    await withClient(other.url, (client) => client.config('SET', 'requirepass', 'unknown'));
    await withClient(redis.url, (client) => client.replicaof('127.0.0.1', String(other.port)));
    t.match(await store.journal.append(owner.group([0])), { type: 'refused', detail: /READONLY/ });
    owner.rewind(0, head);
    await withClient(redis.url, (client) => client.replicaof('NO', 'ONE'));
    // Meanwhile it may have taken over the data of the other.
    await until(() => events.includes('redis-server-changed') && store.outage?.() === undefined);
    await takenAgain();
    await goesOn();
  });

  void t.test('MISCONF: its snapshots fail', async (t) => {
    // A directory stands where the snapshot has to go.
    const server = { args: ['--dbfilename', 'appendonlydir'] };
    const { redis, config, refusedWith, goesOn } = await scene(t, server);
    await config('save', '3600 1000000');
    const failedSnapshot = async (client: Redis): Promise<boolean> => {
      await client.bgsave().catch(() => undefined);
      return /rdb_last_bgsave_status:err/.test(await client.info('persistence'));
    };
    await withClient(redis.url, (client) => until(() => failedSnapshot(client)));
    await refusedWith(/MISCONF/);
    await config('save', '');
    await goesOn();
  });

  void t.test('LOADING: it reads its files for a while, which is said, and then it goes on', async (t) => {
    const { redis, store, owner, events, takenAgain, goesOn } = await scene(t);
    await withClient(redis.url, async (client) => {
      const filling = client.pipeline();
      for (let count = 0; count < loadedCommands; count++) filling.set(`filler:${count}`, '');
      await filling.exec();
    });
    await redis.kill();
    await redis.launch({ args: ['--key-load-delay', String(loadDelayUs)] });
    await until(() => events.includes('redis-loading') && /LOADING/.test(store.outage?.() ?? ''));
    // Reads have a connection of their own, which may come to it a moment later.
    const refusal = (): Promise<unknown> => store.journal.head(0).catch((error: unknown) => error);
    await until(async () => /LOADING/.test(String(await refusal())));
    t.match(await refusal(), { code: 'storage-unavailable' });
    const opening = openRedisStore({ url: redis.url, prefix: 'other', partitionCount: 1, clock: quickClock });
    const hurry = (client: Redis): Promise<unknown> => client.config('SET', 'key-load-delay', '0');
    await withClient(redis.url, hurry, { enableReadyCheck: false });
    const other = await opening;
    t.equal(other.outage?.(), undefined, 'whoever starts meanwhile waits');
    await other.close();
    await until(() => store.outage?.() === undefined);
    t.equal((await store.journal.head(0)).position, owner.head(0).position);
    await takenAgain();
    await goesOn();
  });

  void t.test(
    'a full disk under the append-only file: Redis ends, and nothing acknowledged is lost',
    async (t) => {
      const disk = smallDisk(t);
      if (disk === undefined) return t.comment('SKIPPED: a small tmpfs cannot be mounted');
      const { redis, store, owner, takenAgain, goesOn } = await scene(t, { directory: disk.directory });
      disk.fill();
      let last: GroupAppend;
      let result: AppendResult;
      do {
        last = owner.group([0, 1], { record: Buffer.alloc(recordBytes, owner.head(0).position) });
        result = await store.journal.append(last);
      } while (result.type === 'appended');
      t.match(result, { type: 'unknown' }, 'whoever was not answered has to look');
      await redis.ended;
      t.match(redis.output, "Can't recover from AOF write error");
      disk.empty();
      await redis.start();
      await until(() => store.outage?.() === undefined);
      const [entry] = last.entries;
      const position = entry?.position ?? 0;
      await takenAgain();
      t.ok(owner.head(0).position >= position - 1, 'what was acknowledged is there');
      const found = await store.journal.read(0, position, one);
      if (found.length > 0)
        t.same(
          found.map(({ bytes }) => hashEntry(bytes)),
          [entry?.hash],
        );
      for (const partition of [0, 1])
        for await (const damage of verifyLog(store.journal, partition, 1)) t.fail('damage', { damage });
      await goesOn();
    },
  );

  void t.test('MISCONF: a full disk where the append-only file is not flushed at once', async (t) => {
    const disk = smallDisk(t);
    if (disk === undefined) return t.comment('SKIPPED: a small tmpfs cannot be mounted');
    const server = { directory: disk.directory, args: ['--appendfsync', 'everysec'] };
    const { redis, store, owner, refusedWith, goesOn } = await scene(t, server, { durability: 'none' });
    disk.fill();
    let head = owner.head(0);
    let result: AppendResult;
    do {
      head = owner.head(0);
      result = await store.journal.append(owner.group([0, 1], { record: Buffer.alloc(recordBytes) }));
    } while (result.type === 'appended');
    t.match(result, { type: 'refused', detail: /MISCONF/ });
    for (const partition of [0, 1]) owner.rewind(partition, await store.journal.head(partition));
    t.equal(owner.head(0).position, head.position);
    await refusedWith(/MISCONF/);
    disk.empty();
    // Redis tries the write again once a second.
    await until(() =>
      withClient(redis.url, async (client) =>
        (await client.info('persistence')).includes('aof_last_write_status:ok'),
      ),
    );
    await goesOn();
  });
}

interface SmallDisk {
  readonly directory: string;
  /** To the last few bytes. */
  fill(): void;
  empty(): void;
}

/** Undefined where nothing can be mounted. */
function smallDisk(t: Test): SmallDisk | undefined {
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-small-'));
  t.teardown(() => {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  const args = ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', directory];
  if (spawnSync('mount', args).status !== 0) return undefined;
  const filler = path.join(directory, 'filler');
  return {
    directory,
    fill: () => writeFileSync(filler, Buffer.alloc(diskBytes - roomBytes)),
    empty: () => rmSync(filler),
  };
}
