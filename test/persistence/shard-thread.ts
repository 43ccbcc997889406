/**
 * A shard's thread, reduced to its store: takes its partitions, appends groups to them two at a time, commits rows, and tells
 * the parent. Its data: {directory, partitionCount, partitions, groupCount}.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import type { GroupAppend } from '../../persistence/journal.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

// Posted by embedded-threads.test.ts, which builds it from this type.
const { directory, partitionCount, partitions, groupCount } = workerData as ShardWork;

export interface ShardWork {
  readonly directory: string;
  readonly partitionCount: number;
  readonly partitions: readonly number[];
  readonly groupCount: number;
}

const store = await openEmbeddedStore({
  directory,
  partitionCount,
  clock: machineClock,
  freeBytesMin,
  lock: false,
});
const owner = await LogWriter.take(store, partitions, `shard-of-${partitions.join('-')}`);
let before: GroupAppend | undefined;
let left = groupCount;
await Promise.all([append(), append()]);
for (const partition of partitions) {
  const { fence, from } = { fence: owner.fence(partition), from: await store.tables.checkpoint(partition) };
  const to = { ...owner.head(partition), epoch: fence.epoch };
  const puts = [{ table: 'rows', key: 'owner', value: Buffer.from(fence.nonce) }];
  const result = await store.tables.commit({ partition, fence, from, to, puts, deletes: [] });
  if (result.type !== 'committed') throw new Error(JSON.stringify(result));
}
await store.close();
parentPort?.postMessage(
  partitions.map((partition) => ({ partition, position: owner.head(partition).position })),
);

async function append(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const touched = partitions.filter((_, index) => (index + left) % 2 === 0);
    const group = owner.group(
      touched.length > 0 ? touched : partitions,
      before === undefined ? {} : { after: before },
    );
    before = group;
    const result = await store.journal.append(group);
    if (result.type !== 'appended') throw new Error(JSON.stringify(result));
  }
}
