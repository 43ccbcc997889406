/**
 * Partitions are taken from an owner in another thread while its groups are on their way: into its write-ahead file, told to be
 * durable, into LMDB. Rules C1 of `claims.ts` and W2 of `write-ahead.ts`.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { hashEntry } from '../../persistence/entry.js';
import type { Journal } from '../../persistence/journal.js';
import { verifyLog } from '../../persistence/verify.js';
import { SeededRandom } from '../support/seeded-random.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';
import type { EntryFate } from './taken-writer.js';

const program = fileURLToPath(new URL('./taken-writer.js', import.meta.url));
const partitionCount = 2;
const takings = 200;
const pauseMsMax = 12;

t.test(
  'what an owner was told is in is there for whoever takes the partition from it, and nothing that was refused is',
  { timeout: 60_000 },
  async (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    const seed = Date.now() % 2 ** 31;
    t.comment(`seed ${seed}`);
    const random = new SeededRandom(seed);
    const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
    const writer = new Worker(program, { workerData: { directory, partitionCount } });
    for (let taking = 0; taking < takings; taking++) {
      await pause(random.fraction() * pauseMsMax);
      await store.ownership.take(taking % partitionCount, `taker-no-${taking}`);
    }
    writer.postMessage('stop');
    const [fates] = (await once(writer, 'message')) as [EntryFate[]];
    const stored = await Promise.all([0, 1].map((partition) => hashesIn(store.journal, partition)));
    const isThere = ({ partition, position, hash }: EntryFate): boolean =>
      stored[partition]?.[position - 1] === hash;
    const refused = fates.filter(({ isIn }) => !isIn);
    t.comment(`${fates.length} entries, ${refused.length} refused`);
    t.ok(refused.length > takings / 4, 'groups were taken on their way');
    t.same(
      fates.filter((fate) => isThere(fate) !== fate.isIn),
      [],
    );
    for (const partition of [0, 1]) {
      const damage: unknown[] = [];
      for await (const found of verifyLog(store.journal, partition, 1)) damage.push(found);
      t.same(damage, []);
    }
    await store.close();
  },
);

async function hashesIn(journal: Journal, partition: number): Promise<string[]> {
  const entries = await journal.read(partition, 1, { entriesMax: 2 ** 31, bytesMax: 2 ** 31 });
  return entries.map(({ bytes }) => Buffer.from(hashEntry(bytes)).toString('hex'));
}
