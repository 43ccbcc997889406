/** A replica is promoted: a node goes on with one that has everything, and is halted by one that lacks what was acknowledged. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { acceptRollback } from '../../../persistence/redis/accept-rollback.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { machineClock } from '../embedded-place.js';
import { quickClock } from './proxied-store.js';
import { type ReplicatedPair, replicatedPair } from './replicated-pair.js';

const partitionCount = 2;

interface Scene extends ReplicatedPair {
  readonly witnessFile: string;
  readonly events: string[];
  open(options?: Partial<RedisStoreOptions>): Promise<Store>;
}

async function scene(t: Test): Promise<Scene> {
  const pair = await replicatedPair(t);
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-witness-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const witnessFile = path.join(directory, 'witness.json');
  const events: string[] = [];
  return {
    ...pair,
    ...{ witnessFile, events },
    async open(options = {}) {
      const store = await openRedisStore({
        url: pair.url,
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
    t.same(readdirSync(path.dirname(witnessFile)), ['witness.json'], 'what threads found is done with');
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
