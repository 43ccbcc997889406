/** A task for a pool of threads: packs one segment of a partition, reading the log in a store that it opens for itself, and its index. */
import os from 'node:os';
import { Archive } from '../persistence/archive/archive.js';
import { archiveSegment, type SegmentOrder } from '../persistence/archive/archive-segment.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import { openStoreReader, type StoreAddress } from '../persistence/open-store.js';
import { makeDigests } from '../runtime/feed/archive-index.js';
import { systemClock } from './system-clock.js';

export interface ArchiveTask {
  /** Without the archive: a segment is made of what stands in the log. */
  readonly address: StoreAddress;
  readonly directory: string;
  readonly order: SegmentOrder;
}

/** The new segment's, and some of those that an older program or a crash has left without. */
const digestsPerTask = 4;

export const archiveTask = new URL('./archive-task.js', import.meta.url);

export default async function run({
  address,
  directory,
  order,
}: ArchiveTask): Promise<FileRange | undefined> {
  yieldToOthers();
  const reader = await openStoreReader(address, systemClock);
  try {
    const archive = new Archive(directory);
    const range = await archiveSegment(reader.journal, archive, order);
    // The segment stands. Without its digest the feed reads all of it, and the next task tries again.
    await makeDigests(archive, order.partition, digestsPerTask).catch(() => 0);
    return range;
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
