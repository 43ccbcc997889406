/** A task for a pool of threads: packs one segment of a partition, reading the log in a store that it opens for itself, and its index. */
import os from 'node:os';
import { Archive } from '../persistence/archive/archive.js';
import type { SegmentOrder } from '../persistence/archive/archive-segment.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import { openStoreReader, type StoreAddress } from '../persistence/open-store.js';
import { packSegment } from './pack-segment.js';
import { systemClock } from './system-clock.js';

export interface ArchiveTask {
  /** Without the archive: a segment is made of what stands in the log. */
  readonly address: StoreAddress;
  readonly directory: string;
  readonly order: SegmentOrder;
}

export const archiveTask = new URL('./archive-task.js', import.meta.url);

export default async function run({
  address,
  directory,
  order,
}: ArchiveTask): Promise<FileRange | undefined> {
  yieldToOthers();
  const reader = await openStoreReader(address, systemClock);
  try {
    return await packSegment(reader.journal, new Archive(directory), order);
  } finally {
    await reader.close();
  }
}

/** Enough below everybody else to give way, high enough to keep up with a server that is always busy. */
const niceness = 5;

/** On Linux 0 is the thread that asks; elsewhere it would be the whole process. */
function yieldToOthers(): void {
  if (process.platform === 'linux') os.setPriority(0, niceness);
}
