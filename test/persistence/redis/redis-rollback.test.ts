/** A store that holds less than was acknowledged is found out, whichever way and whenever it lost it, and nobody goes on from it. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { acceptRollback } from '../../../persistence/redis/accept-rollback.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import type { StoreClock } from '../../../persistence/store-clock.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { machineClock } from '../embedded-place.js';
import { withClient } from './redis-place.js';

const partitionCount = 4;
const wentBack = { code: 'store-went-back' };
/** Looks and reconnects come a twentieth of their time after one another. */
const quickClock: StoreClock = {
  ...machineClock,
  after: (delayMs, run) => machineClock.after(delayMs / 20, run),
};

interface Scene {
  readonly redis: RedisServer;
  readonly witnessFile: string;
  readonly events: string[];
  open(options?: Partial<RedisStoreOptions>): Promise<Store>;
}

async function scene(t: Test): Promise<Scene> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-witness-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const witnessFile = path.join(directory, 'witness.json');
  const events: string[] = [];
  return {
    redis,
    witnessFile,
    events,
    async open(options = {}) {
      const store = await openRedisStore({
        url: redis.url,
        partitionCount,
        clock: quickClock,
        witnessFile,
        report: (_level, event) => events.push(event),
        ...options,
      });
      t.teardown(() => store.close());
      return store;
    },
  };
}

const flushAll = (redis: RedisServer) => withClient(redis.url, (client) => client.flushall());

async function acknowledged(store: Store, groups: number): Promise<LogWriter> {
  const owner = await LogWriter.take(store, [0, 1, 2, 3]);
  for (let count = 0; count < groups; count++) await owner.append([0, 1]);
  return owner;
}

/** What the file says of partition 0. */
function witnessed(file: string): string {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { fences: string[] }).fences[0] ?? '';
  } catch {
    return '';
  }
}

if (hasRedis('a store that went back')) {
  void t.test('FLUSHALL under a running node halts the store at its next append', async (t) => {
    const { redis, open, events } = await scene(t);
    const store = await open();
    const owner = await acknowledged(store, 3);
    await flushAll(redis);
    t.match(await store.journal.append(owner.group([0])), { type: 'refused', reason: 'storage' });
    t.ok(events.includes('store-went-back'), 'with an alarm');
    await t.rejects(store.ownership.take(1, 'owner-two'), wentBack);
    await t.rejects(store.journal.read(0, 1, { entriesMax: 1, bytesMax: 1 }), wentBack);
    await t.rejects(store.tables.get(0, 'rows', ['k']), wentBack);
    const { keys } = await withClient(redis.url, async (client) => ({ keys: await client.keys('*log*') }));
    t.same(keys, [], 'nothing was written after it');
  });

  void t.test('FLUSHALL is noticed by a table commit and by a node that writes nothing', async (t) => {
    const { redis, open, events } = await scene(t);
    const store = await open();
    const owner = await acknowledged(store, 1);
    await flushAll(redis);
    const from = { position: 0, hash: Buffer.alloc(16), epoch: 0 };
    const commit = { partition: 0, fence: owner.fence(0), from, to: from, puts: [], deletes: [] };
    t.match(await store.tables.commit(commit), { type: 'refused', reason: 'storage' });
    t.ok(events.includes('store-went-back'));

    const idle = await scene(t);
    const other = await idle.open();
    await acknowledged(other, 1);
    await until(() => witnessed(idle.witnessFile).includes(':1:'));
    await flushAll(idle.redis);
    await until(() => idle.events.includes('store-went-back'));
  });

  void t.test('an older dump is noticed when the connection comes back', async (t) => {
    const { redis, open, events } = await scene(t);
    const store = await open();
    const owner = await acknowledged(store, 2);
    const dump = path.join(redis.directory, '..', `${path.basename(redis.directory)}-dump`);
    cpSync(redis.directory, dump, { recursive: true });
    t.teardown(() => rmSync(dump, { recursive: true }));
    for (let count = 0; count < 3; count++) await owner.append([1]);
    await redis.kill();
    rmSync(redis.directory, { recursive: true });
    cpSync(dump, redis.directory, { recursive: true });
    await redis.start();
    await until(() => events.includes('store-went-back'));
    t.match(await store.journal.append(owner.group([1])), { type: 'refused', reason: 'storage' });
  });

  void t.test('what happened while no node ran is noticed at the next start', async (t) => {
    const { redis, open, witnessFile } = await scene(t);
    const first = await open();
    const owner = await acknowledged(first, 2);
    const dump = path.join(redis.directory, '..', `${path.basename(redis.directory)}-dump`);
    cpSync(redis.directory, dump, { recursive: true });
    t.teardown(() => rmSync(dump, { recursive: true }));
    for (let count = 0; count < 3; count++) await owner.append([1]);
    await first.close();
    const unharmed = await open();
    await unharmed.close();
    await redis.kill();
    rmSync(redis.directory, { recursive: true });
    cpSync(dump, redis.directory, { recursive: true });
    await redis.start();
    await t.rejects(open(), { ...wentBack, message: /partition 1.*accept-rollback/ });

    const accepted = await acceptRollback({ url: redis.url, clock: quickClock, witnessFile });
    t.same(accepted, { lost: [{ partition: 1, from: 3, to: 5 }], wasEmptied: false });
    const after = await open();
    const epochs = await Promise.all([0, 1, 2, 3].map((partition) => after.ownership.observe(partition)));
    for (const fence of epochs) t.ok((fence?.epoch ?? 0) > owner.fence(0).epoch, 'every epoch was raised');
    t.match(await after.journal.append(owner.group([0])), { type: 'refused', reason: 'fenced' });
    await acknowledged(after, 1);
  });

  void t.test('a store that went on from an older copy is not said to have lost nothing', async (t) => {
    const { redis, open, witnessFile } = await scene(t);
    const first = await open();
    const owner = await acknowledged(first, 2);
    await owner.append([2]);
    const dump = path.join(redis.directory, '..', `${path.basename(redis.directory)}-dump`);
    cpSync(redis.directory, dump, { recursive: true });
    t.teardown(() => rmSync(dump, { recursive: true }));
    for (let count = 0; count < 3; count++) await owner.append([0, 1, 2]);
    await first.close();
    await redis.kill();
    rmSync(redis.directory, { recursive: true });
    cpSync(dump, redis.directory, { recursive: true });
    await redis.start();
    const elsewhere = await open({ witnessFile: `${witnessFile}.other` });
    const other = await LogWriter.take(elsewhere, [0, 1], 'owner-elsewhere');
    for (let count = 0; count < 4; count++) await other.append([0]);
    await other.append([1]);
    await elsewhere.close();
    await t.rejects(open(), wentBack);

    const { lost } = await acceptRollback({ url: redis.url, clock: quickClock, witnessFile });
    t.same(lost, [
      { partition: 0, from: null, to: 5 },
      { partition: 1, from: null, to: 5 },
      { partition: 2, from: 2, to: 4 },
    ]);
    await open();
  });

  void t.test('a store that was emptied is not made anew in silence', async (t) => {
    const { redis, open, witnessFile } = await scene(t);
    const first = await open();
    await acknowledged(first, 2);
    await first.close();
    await flushAll(redis);
    await t.rejects(open(), { ...wentBack, message: /emptied or replaced/ });
    t.same(await withClient(redis.url, (client) => client.keys('troupe:*')), [], 'and nothing was written');
    const accepted = await acceptRollback({ url: redis.url, clock: quickClock, witnessFile });
    t.same(accepted, {
      lost: [
        { partition: 0, from: 1, to: 2 },
        { partition: 1, from: 1, to: 2 },
      ],
      wasEmptied: true,
    });
    const again = await open();
    t.equal((await again.journal.head(0)).position, 0);
  });

  void t.test('a log that was cut beside its fence is not taken', async (t) => {
    const { redis, open } = await scene(t);
    const store = await open();
    await acknowledged(store, 3);
    await withClient(redis.url, (client) => client.xdel('troupe:{0}:log', '3-0'));
    await t.rejects(store.ownership.take(0, 'owner-two'), { ...wentBack, message: /ends at 2-0/ });
  });
}
