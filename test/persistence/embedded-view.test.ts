/** What a reader beside several writing threads sees at one moment: rule P3 of `persistence/embedded/log-applier.ts`. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { EntryReader } from '../../persistence/entry.js';
import { openStoreReader } from '../../persistence/open-store.js';
import { until } from '../support/until.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';
import type { SeeingWork } from './seeing-writer.js';

const program = fileURLToPath(new URL('./seeing-writer.js', import.meta.url));
const partitionCount = 3;
const looks = 400;
const pauseMs = 3;

t.test(
  'a reader finds with each entry all that its writer had seen, whoever wrote that',
  { timeout: 60_000 },
  async (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
    const told = new Int32Array(new SharedArrayBuffer(4 * (partitionCount + 1)));
    const writers = Array.from({ length: partitionCount }, (_, partition) => {
      const work: SeeingWork = { directory, partition, told };
      return new Worker(program, { workerData: work });
    });
    const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
    await until(() => told.subarray(0, partitionCount).every((position) => position > 0));
    const views = new Set<string>();
    const early: unknown[] = [];
    for (let look = 0; look < looks; look++) {
      await pause(pauseMs);
      const heads = (await reader.heads()).map(({ position }) => position);
      views.add(heads.join());
      for (const [partition, head] of heads.entries()) {
        if (head === 0) continue;
        const [entry] = await reader.journal.read(partition, head, { entriesMax: 1, bytesMax: 1 });
        const seen = JSON.parse(`${new EntryReader(entry?.bytes ?? Buffer.alloc(0)).record(0)}`) as number[];
        if (seen.some((position, of) => position > (heads[of] ?? 0))) early.push({ heads, partition, seen });
      }
    }
    Atomics.store(told, partitionCount, 1);
    await Promise.all(writers.map((writer) => once(writer, 'message')));
    t.ok(views.size > looks / 20, `${views.size} views of ${told.subarray(0, partitionCount)}`);
    t.same(early.slice(0, 3), [], `${early.length} entries came before what they had seen`);
    await reader.close();
    await store.close();
  },
);
