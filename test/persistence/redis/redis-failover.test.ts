/** A replica is promoted: a node goes on with one that has everything, and is halted by one that lacks what was acknowledged. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { noHash } from '../../../persistence/entry.js';
import { acceptRollback } from '../../../persistence/redis/accept-rollback.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import type { Checkpoint, TableCommit } from '../../../persistence/tables.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { machineClock } from '../embedded-place.js';
import { logOnly, quickClock, tablesOnly } from './proxied-store.js';
import { withClient } from './redis-place.js';
import { type ReplicatedPair, replicatedPair } from './replicated-pair.js';

const partitionCount = 2;
const start: Checkpoint = { position: 0, hash: noHash, epoch: 0 };

interface Scene extends ReplicatedPair {
  readonly witnessFile: string;
  readonly events: string[];
  open(options?: Partial<RedisStoreOptions>): Promise<Store>;
}

/** Two groups in both logs; a row of the first that the replica gets, and its newer form that it does not. */
async function commitBehind(
  t: Test,
  store: Store,
  owner: LogWriter,
  leaveReplica: () => Promise<void>,
): Promise<void> {
  await owner.append([0, 1]);
  t.same(await store.tables.commit(rowOf(owner, start, 'old')), { type: 'committed' });
  const older = await store.tables.checkpoint(0);
  await owner.append([0, 1]);
  await leaveReplica();
  t.same(await store.tables.commit(rowOf(owner, older, 'new')), { type: 'committed' });
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

/** The connections have found the other server, and are both on it. */
async function moved(store: Store, events: readonly string[]): Promise<void> {
  await until(() => events.includes('redis-server-changed') && store.outage?.() === undefined);
}

function rowOf(owner: LogWriter, from: Checkpoint, value: string): TableCommit {
  const to = { ...owner.head(0), epoch: owner.fence(0).epoch };
  const puts = [{ table: 'rows', key: 'k', value: Buffer.from(value) }];
  return { partition: 0, fence: owner.fence(0), from, to, puts, deletes: [] };
}

if (hasRedis('a failover')) {
  void t.test('a promoted replica that has everything: the node goes on when it has taken it', async (t) => {
    const { open, replicated, failOver, events } = await scene(t);
    const store = await open();
    const owner = await LogWriter.take(store, [0, 1]);
    for (let count = 0; count < 5; count++) await owner.append([0, 1]);
    await replicated();
    await failOver();
    await moved(store, events);
    const next = await LogWriter.take(store, [0, 1], 'owner-next');
    await next.append([0, 1]);
    t.equal((await store.journal.head(0)).position, 6);
    for await (const damage of verifyLog(store.journal, 1, 1)) t.fail('damage', { damage });
    t.notOk(events.includes('store-went-back'));
  });

  void t.test(
    'a promoted replica that has the log and lacks rows: nothing is read or written before it was taken',
    async (t) => {
      const { open, replicated, cutOff, failOver, events } = await scene(t);
      const store = await open();
      const owner = await LogWriter.take(store, [0, 1]);
      await commitBehind(t, store, owner, async () => {
        await replicated();
        cutOff();
      });
      const newer = await store.tables.checkpoint(0);
      t.equal(newer.position, 2);
      await failOver();
      await moved(store, events);

      t.equal(await store.ownership.renew(0, owner.fence(0)), 'elsewhere');
      const unavailable = { code: 'storage-unavailable' };
      await t.rejects(store.tables.get(0, 'rows', ['k']), unavailable);
      await t.rejects(store.tables.range(0, { table: 'rows', from: '', limit: 9 }), unavailable);
      await t.rejects(store.tables.checkpoint(0), unavailable);
      const conflict = { type: 'refused', reason: 'conflict' };
      t.match(await store.tables.commit(rowOf(owner, newer, 'newest')), conflict);
      t.match(await store.journal.append(owner.group([1])), conflict);
      t.equal(
        (await store.journal.read(0, 1, { entriesMax: 9, bytesMax: 1024 })).length,
        2,
        'the log is whole',
      );
      await store.journal.trim([{ partition: 0, below: newer.position }]);

      const next = await LogWriter.take(store, [0], 'owner-next');
      t.equal(await store.ownership.renew(0, next.fence(0)), 'held');
      t.equal((await store.tables.checkpoint(0)).position, 1, 'the owner begins at the older checkpoint');
      t.equal(
        (await store.journal.read(0, 1, { entriesMax: 9, bytesMax: 1024 })).length,
        2,
        'nothing it needs was cut',
      );
      t.same((await store.tables.get(0, 'rows', ['k'])).map(String), ['old']);
      t.equal(await store.ownership.renew(1, owner.fence(1)), 'elsewhere', 'one is taken, not the other');
    },
  );

  void t.test('a switch to the replica and back is found without a new connection or a write', async (t) => {
    const { open, replicated, cutOff, switchAndBack, events } = await scene(t);
    await open({ clock: machineClock, report: () => {} });
    // A quiet shard thread: no lease to renew, and nothing to write.
    const store = await open({ lock: false });
    const owner = await LogWriter.take(store, [0, 1]);
    await commitBehind(t, store, owner, async () => {
      await replicated();
      cutOff();
    });
    t.equal(await store.ownership.renew(0, owner.fence(0)), 'held');
    await switchAndBack();

    t.same(
      await Promise.all([0, 1].map((partition) => store.ownership.renew(partition, owner.fence(partition)))),
      ['elsewhere', 'elsewhere'],
    );
    await t.rejects(store.tables.get(0, 'rows', ['k']), { code: 'storage-unavailable' });
    await moved(store, events);
    await t.rejects(store.tables.get(0, 'rows', ['k']), { code: 'storage-unavailable' });
    t.match(await store.journal.append(owner.group([1])), { type: 'refused', reason: 'conflict' });
    const next = await LogWriter.take(store, [0, 1], 'owner-next');
    t.equal(await store.ownership.renew(0, next.fence(0)), 'held');
    t.equal((await store.tables.checkpoint(0)).position, 1, 'the owner begins at the older checkpoint');
    t.same((await store.tables.get(0, 'rows', ['k'])).map(String), ['old']);
    await next.append([0, 1]);
    t.equal(events.filter((event) => event === 'redis-server-changed').length, 1);
  });

  void t.test('a switch to the replica and back is found by one new connection', async (t) => {
    for (const choice of [logOnly, tablesOnly]) {
      const { open, replicated, switchAndBack, address, events } = await scene(t);
      await open({ clock: machineClock, report: () => {} });
      const store = await open({ lock: false });
      const owner = await LogWriter.take(store, [0, 1]);
      await owner.append([0, 1]);
      await replicated();
      await switchAndBack();
      address.reset(choice);
      await moved(store, events);
      await t.rejects(store.tables.checkpoint(0), { code: 'storage-unavailable' });
      t.equal(await store.ownership.renew(0, owner.fence(0)), 'elsewhere');
      const next = await LogWriter.take(store, [0, 1], 'owner-next');
      await next.append([0, 1]);
    }
  });

  void t.test('one connection that finds another server takes the other one along', async (t) => {
    for (const choice of [logOnly, tablesOnly]) {
      const { open, replicated, promote, address, primary, replica, events } = await scene(t);
      const store = await open();
      const owner = await LogWriter.take(store, [0, 1]);
      await owner.append([0, 1]);
      await replicated();
      await promote();
      address.reset(choice);
      await moved(store, events);
      const next = await LogWriter.take(store, [0, 1], 'owner-next');
      await next.append([0, 1]);
      t.same(await store.tables.commit(rowOf(next, start, 'new')), { type: 'committed' });
      const marks = await Promise.all(
        [primary, replica].map(({ url }) => withClient(url, (client) => client.get('troupe:{0}:mark'))),
      );
      t.match(marks[0], /^1:owner-01:0:/, 'nothing went to the old server');
      t.match(marks[1], /^2:owner-next:2:/);
    }
  });

  void t.test('a connection that comes back to the same server changes nothing', async (t) => {
    const { open, address, events } = await scene(t);
    const store = await open();
    const owner = await LogWriter.take(store, [0, 1]);
    for (let round = 0; round < 3; round++) {
      const before = events.filter((event) => event === 'redis-connection-back').length;
      address.reset();
      await until(() => events.filter((event) => event === 'redis-connection-back').length === before + 2);
      t.equal(await store.ownership.renew(0, owner.fence(0)), 'held');
      await owner.append([0, 1]);
    }
    t.notOk(events.includes('redis-server-changed'));
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
