/**
 * Runs the archiver of a node: its segments are packed one after another on another thread, which opens the store to look into it.
 */
import { Archive } from '../persistence/archive/archive.js';
import { Archiver } from '../persistence/archive/archiver.js';
import type { FileRange } from '../persistence/archive/journal-file.js';
import { nicenessFor } from '../persistence/archive/packing-pace.js';
import type { RedisOptions } from '../persistence/open-store.js';
import type { Store } from '../persistence/store.js';
import type { Clock, Report } from '../runtime/clock.js';
import { createOffload, type Offload } from '../runtime/offload.js';
import { pointTables } from '../runtime/point-tables.js';
import { type ArchiveTask, archiveTask } from './archive-task.js';

export interface ArchiveOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  /** False: what is archived is read, and no more is added. */
  readonly isOn: boolean;
}

export interface ArchivingParts {
  readonly archive?: ArchiveOptions;
  readonly storeUrl: string;
  readonly redis?: RedisOptions;
  readonly clock: Clock;
  readonly report: Report;
}

export interface Archiving {
  /** Entries that could be archived and are not. */
  readonly lagEntries: () => number;
  readonly stop: () => Promise<void>;
}

/** Undefined when nothing is to be archived. */
export function startArchiving(parts: ArchivingParts, store: Store): Archiving | undefined {
  const { archive: options, storeUrl: url, clock, report } = parts;
  if (options?.isOn !== true || url.startsWith('memory:')) return undefined;
  const { directory, segmentBytes } = options;
  // A thread may lower its priority and, without privileges, never raise it again: so there is one for each.
  const threads = new Map<number, Offload>();
  const threadFor = (niceness: number): Offload => {
    const thread = threads.get(niceness) ?? createOffload({ threads: 1 });
    threads.set(niceness, thread);
    return thread;
  };
  const hurry = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const address = { url, redis: { ...parts.redis, pointTables } };
  const archiver = new Archiver({
    journal: store.journal,
    tables: store.tables,
    partitionCount: store.partitionCount,
    archive: new Archive(directory),
    segmentBytes,
    hasOneLog: store.hasOneLog,
    pack: (order, segmentsDue) => {
      const task: ArchiveTask = { address, directory, order, segmentsDue, hurry };
      return threadFor(nicenessFor(segmentsDue)).run<FileRange | undefined>(archiveTask, task);
    },
    clock,
    report,
  });
  archiver.start();
  return {
    lagEntries: () => archiver.lagEntries,
    stop: async () => {
      // The segment under way is packed to its end, without further pauses.
      Atomics.store(hurry, 0, 1);
      await archiver.stop();
      await Promise.all([...threads.values()].map((thread) => thread.close()));
    },
  };
}
