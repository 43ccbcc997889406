/** A task for a pool of threads: packs one segment of a partition, reading the log in a store that it opens for itself. */
import { Archive } from '../persistence/archive/archive.js';
import { archiveSegment, type SegmentOrder } from '../persistence/archive/archive-segment.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import { openStoreReader, type StoreAddress } from '../persistence/open-store.js';
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
  const reader = await openStoreReader(address, systemClock);
  try {
    return await archiveSegment(reader.journal, new Archive(directory), order);
  } finally {
    await reader.close();
  }
}
