/**
 * A thread that takes two partitions and appends to them, several groups at once, until somebody takes one of them away; and again,
 * until it is told to stop. Then it says what became of every entry. Its data: {directory, partitionCount}.
 */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import type { GroupAppend } from '../../persistence/journal.js';
import { LogWriter } from '../contracts/log-writer.js';
import { freeBytesMin, machineClock } from './embedded-place.js';

/** What a thread was answered for an entry. */
export interface EntryFate {
  readonly partition: number;
  readonly position: number;
  /** Hexadecimal. */
  readonly hash: string;
  readonly isIn: boolean;
}

const inFlight = 3;
const shares = [[0], [0, 1], [1]];
// Posted by embedded-taking.test.ts.
const { directory, partitionCount } = workerData as { directory: string; partitionCount: number };
const store = await openEmbeddedStore({
  ...{ directory, partitionCount, clock: machineClock, freeBytesMin, lock: false },
});
const fates: EntryFate[] = [];
let isStopped = false;
const stopped = once(parentPort as NonNullable<typeof parentPort>, 'message').then(() => {
  isStopped = true;
});
for (let round = 0; !isStopped; round++) await appendUntilTaken(`writer-no-${round}`);
await stopped;
await store.close();
parentPort?.postMessage(fates);

async function appendUntilTaken(nonce: string): Promise<void> {
  const owner = await LogWriter.take(store, [0, 1], nonce);
  let before: GroupAppend | undefined;
  let isTaken = false;
  const write = async (): Promise<void> => {
    for (let count = 0; !isTaken && !isStopped; count++) {
      const group = owner.group(shares[count % shares.length] ?? [], before && { after: before });
      before = group;
      const result = await store.journal.append(group);
      const { type } = result;
      if (result.type === 'unknown') throw new Error('an append is left open', { cause: result.cause });
      isTaken ||= type === 'refused';
      for (const { partition, position, hash } of group.entries)
        fates.push({
          partition,
          position,
          hash: Buffer.from(hash).toString('hex'),
          isIn: type === 'appended',
        });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, write));
}
