/** A task for a pool of threads: packs one segment of a partition, reading the log in a store that it opens for itself, and its index. */
import os from 'node:os';
import { Archive } from '../persistence/archive/archive.js';
import { packingGround } from '../persistence/archive/archive-ground.js';
import type { SegmentOrder } from '../persistence/archive/archive-segment.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import { nicenessFor, packingPace } from '../persistence/archive/packing-pace.js';
import { openStoreReader, type StoreAddress } from '../persistence/open-store.js';
import type { Clock } from '../runtime/clock.js';
import { packSegment } from './pack-segment.js';
import { systemClock } from './system-clock.js';

export interface ArchiveTask {
  /** Without the archive: a segment is made of what stands in the log. */
  readonly address: StoreAddress;
  readonly directory: string;
  readonly order: SegmentOrder;
  /** As `PaceParts`. */
  readonly segmentsDue: number;
  /** Shared memory: not 0 as soon as somebody waits for the segment; then there are no pauses. */
  readonly hurry: Int32Array;
}

export const archiveTask = new URL('./archive-task.js', import.meta.url);

export default async function run({
  address,
  directory,
  order,
  segmentsDue,
  hurry,
}: ArchiveTask): Promise<FileRange | undefined> {
  yieldToOthers(nicenessFor(segmentsDue));
  const reader = await openStoreReader(address, systemClock);
  try {
    const rest = packingPace({
      segmentsDue,
      worked: () => performance.eventLoopUtilization().active,
      pause: pauseOn(systemClock, hurry),
    });
    return await packSegment(reader.journal, new Archive(directory, packingGround), order, rest);
  } finally {
    await reader.close();
  }
}

/** Pauses as long as nobody is in a hurry. */
export function pauseOn(clock: Pick<Clock, 'after'>, hurry: Int32Array): (ms: number) => Promise<void> {
  return (ms) =>
    new Promise((resolve) => {
      if (Atomics.load(hurry, 0) === 0) clock.after(ms, resolve);
      else resolve();
    });
}

/** On Linux 0 is the thread that asks; elsewhere it would be the whole process. */
function yieldToOthers(niceness: number): void {
  if (process.platform === 'linux') os.setPriority(0, niceness);
}
