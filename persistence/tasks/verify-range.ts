/** A task for a pool of threads: checks a range of a partition's log in a store that it opens for itself. */
import { openStoreReader } from '../open-store.js';
import { type RangeFindings, verifyRange } from '../verify.js';

export interface VerifyRangeTask {
  readonly url: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export const verifyRangeTask = new URL('./verify-range.js', import.meta.url);

export default async function run(task: VerifyRangeTask): Promise<RangeFindings> {
  const reader = await openStoreReader(task.url);
  try {
    return await verifyRange(reader.journal, task.partition, task);
  } finally {
    await reader.close();
  }
}
