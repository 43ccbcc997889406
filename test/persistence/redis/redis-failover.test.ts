/** A replica is promoted: a node goes on with one that has everything, and is halted by one that lacks what was acknowledged. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { acceptRollback } from '../../../persistence/redis/accept-rollback.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { machineClock } from '../embedded-place.js';
import { quickClock } from './proxied-store.js';
import { withClient } from './redis-place.js';

const partitionCount = 2;

interface Scene {
  readonly url: string;
  readonly witnessFile: string;
  readonly events: string[];
  open(options?: Partial<RedisStoreOptions>): Promise<Store>;
  /** Resolves when the replica has everything. */
  replicated(): Promise<void>;
  /** From now on nothing comes to the replica. */
  cutOff(): void;
  /** The primary dies, and the address leads to the replica, which is one no more. */
  failOver(): Promise<void>;
}

async function scene(t: Test): Promise<Scene> {
  // Otherwise a primary waits five seconds for more replicas.
  const primary = await RedisServer.start({ args: ['--repl-diskless-sync-delay', '0'] });
  const address = await FaultProxy.start(primary.port);
  const link = await FaultProxy.start(primary.port);
  const replica = await RedisServer.start({ args: ['--replicaof', `127.0.0.1 ${link.port}`] });
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-witness-'));
  t.teardown(async () => {
    for (const each of [address, link, primary, replica]) await each.stop();
    rmSync(directory, { recursive: true });
  });
  const url = `redis://127.0.0.1:${address.port}/0`;
  const witnessFile = path.join(directory, 'witness.json');
  const events: string[] = [];
  const offset = (server: RedisServer, field: string): Promise<string | undefined> =>
    withClient(
      server.url,
      async (client) => new RegExp(`${field}:(\\d+)`).exec(await client.info('replication'))?.[1],
    );
  return {
    ...{ url, witnessFile, events },
    async open(options = {}) {
      const report = (_level: string, event: string): void => void events.push(event);
      const store = await openRedisStore({
        url,
        partitionCount,
        clock: quickClock,
        witnessFile,
        report,
        ...options,
      });
      t.teardown(() => store.close());
      return store;
    },
    replicated: () =>
      until(async () => {
        const wanted = await offset(primary, 'master_repl_offset');
        return wanted !== undefined && wanted === (await offset(replica, 'slave_repl_offset'));
      }),
    cutOff: () => link.blackhole('down'),
    async failOver() {
      await primary.kill();
      await withClient(replica.url, (client) => client.replicaof('NO', 'ONE'));
      address.targetPort = replica.port;
      address.reset();
    },
  };
}

async function appended(store: Store, owner: LogWriter): Promise<void> {
  const group = owner.group([0, 1]);
  // Sent again until the store knows: in the end it is in, once.
  await until(async () => {
    const result = await store.journal.append(group);
    return result.type === 'appended' || (result.type === 'refused' && result.reason === 'conflict');
  });
}

if (hasRedis('a failover')) {
  void t.test('a promoted replica that has everything: the node goes on', async (t) => {
    const { open, replicated, failOver, events } = await scene(t);
    const store = await open();
    const owner = await LogWriter.take(store, [0, 1]);
    for (let count = 0; count < 5; count++) await owner.append([0, 1]);
    await replicated();
    await failOver();
    await appended(store, owner);
    t.equal((await store.journal.head(0)).position, 6);
    for await (const damage of verifyLog(store.journal, 1, 1)) t.fail('damage', { damage });
    t.notOk(events.includes('store-went-back'));
  });

  void t.test('a promoted replica that lacks acknowledged work: halted, listed, accepted', async (t) => {
    const { url, witnessFile, events, open, replicated, cutOff, failOver } = await scene(t);
    // As a node with shard threads has it: one thread holds the lock and remembers, another one appends.
    const main = await open({ clock: machineClock });
    const store = await open({ lock: false });
    const owner = await LogWriter.take(store, [0, 1]);
    await owner.append([0, 1]);
    await replicated();
    cutOff();
    for (let count = 0; count < 3; count++) await owner.append([1]);
    await failOver();
    await until(() => events.includes('store-went-back'));
    t.match(
      store.outage?.(),
      /older history: partition 1: its log ends at 1, yet position 4 was acknowledged/,
    );
    t.match(await store.journal.append(owner.group([0])), { type: 'refused', reason: 'storage' });
    await t.rejects(store.journal.read(0, 1, { entriesMax: 1, bytesMax: 1 }), { code: 'store-went-back' });
    await store.close();
    await main.close();

    await t.rejects(open(), { code: 'store-went-back', message: /accept-rollback/ });
    const accepted = await acceptRollback({ url, clock: quickClock, witnessFile });
    t.same(accepted, { lost: [{ partition: 1, from: 2, to: 4 }], wasEmptied: false });
    const after = await open();
    t.match(
      await after.journal.append(owner.group([1])),
      { type: 'refused', reason: 'fenced' },
      'whoever still knows the lost part can write no more',
    );
    const next = await LogWriter.take(after, [0, 1], 'owner-next');
    t.same(
      [0, 1].map((partition) => next.head(partition).position),
      [1, 1],
    );
    await next.append([0, 1]);
  });
}
