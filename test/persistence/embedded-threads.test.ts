/** Several threads of one process on one directory. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { verifyLog } from '../../persistence/verify.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';
import type { ShardWork } from './shard-thread.js';

const partitionCount = 8;
const readerThread = fileURLToPath(new URL('./reader-thread.js', import.meta.url));
const shard = fileURLToPath(new URL('./shard-thread.js', import.meta.url));

t.test(
  'three threads write their partitions at once, and every log is whole',
  { timeout: 60_000 },
  async (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
    const shares = [
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ];
    const written = await Promise.all(
      shares.map((partitions) => runShard({ directory, partitionCount, partitions, groupCount: 300 })),
    );
    for (const { partition, position } of written.flat()) {
      t.equal(
        (await store.journal.head(partition)).position,
        position,
        `all of partition ${partition} is there`,
      );
      const damage: unknown[] = [];
      for await (const found of verifyLog(store.journal, partition, 1)) damage.push(found);
      t.same(damage, []);
      t.equal((await store.tables.checkpoint(partition)).position, position);
      const [owner] = await store.tables.get(partition, 'rows', ['owner']);
      t.equal(Buffer.from(owner ?? []).toString(), (await store.ownership.observe(partition))?.nonce);
    }
    await store.close();
  },
);

t.test('a partition that goes from thread to thread keeps one log', { timeout: 60_000 }, async (t) => {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
  for (let round = 0; round < 3; round++) {
    await runShard({ directory, partitionCount, partitions: [round, 5], groupCount: 80 });
  }
  const damage: unknown[] = [];
  for await (const found of verifyLog(store.journal, 5, 1)) damage.push(found);
  t.same(damage, []);
  t.equal((await store.journal.head(5)).position, 120);
  t.equal((await store.ownership.observe(5))?.epoch, 3);
  await store.close();
});

t.test('another thread that looks into the store leaves the directory to its owner', async (t) => {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
  const looking = new Worker(readerThread, { workerData: directory });
  const ended = once(looking, 'exit');
  const [owner] = await once(looking, 'message');
  t.equal(owner, `process ${process.pid}`);
  await ended;
  t.match(readFileSync(path.join(directory, 'LOCK'), 'utf8'), new RegExp(`^${process.pid} `));
  await t.rejects(
    openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin }),
    { code: 'store-locked' },
    'nobody else gets in',
  );
  await store.close();
});

function runShard(work: ShardWork): Promise<{ partition: number; position: number }[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(shard, { workerData: work });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
