/** A task for a pool of threads: checks a range of a partition's log in a store that it opens for itself. */
import { openStoreReader, type StoreAddress } from '../../persistence/open-store.js';
import { type RangeFindings, verifyRange } from '../../persistence/verify.js';
import { systemClock } from '../system-clock.js';

export interface VerifyTask {
  readonly address: StoreAddress;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export const verifyTask = new URL('./verify-task.js', import.meta.url);

export default async function run(task: VerifyTask): Promise<RangeFindings> {
  const reader = await openStoreReader(task.address, systemClock);
  try {
    return await verifyRange(reader.journal, task.partition, task);
  } finally {
    await reader.close();
  }
}
