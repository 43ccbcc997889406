/**
 * A thread with a partition of its own. Each record says how far it had seen the other partitions: what their threads were told to be
 * in. Its data: {directory, partition, told}; `told` holds the newest position of each partition, and behind them 1 when it is to end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

/** Posted by embedded-view.test.ts. */
export interface SeeingWork {
  readonly directory: string;
  readonly partition: number;
  readonly told: Int32Array;
}

const { directory, partition, told } = workerData as SeeingWork;
const partitionCount = told.length - 1;
const store = await openEmbeddedStore({
  ...{ directory, partitionCount, clock: machineClock, freeBytesMin, lock: false },
});
const owner = await LogWriter.take(store, [partition]);
while (Atomics.load(told, partitionCount) === 0) {
  const seen = Array.from({ length: partitionCount }, (_, index) => Atomics.load(told, index));
  const [entry] = (await owner.append([partition], Buffer.from(JSON.stringify(seen)))).entries;
  Atomics.store(told, partition, entry?.position ?? 0);
}
await store.close();
parentPort?.postMessage('closed');
