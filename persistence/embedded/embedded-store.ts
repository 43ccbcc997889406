/**
 * The store that needs no server: LMDB in a directory.
 *
 *     manifest.json   format and partition count       ahead/    what was appended last
 *     LOCK            the pid that has the directory   log/      the logs, fences, manifest document
 *                                                      tables/   the tables
 *
 * One process at a time; inside it, every thread opens the directory for itself: the first with the lock, the others with
 * `lock: false` after it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { noHash } from '../entry.js';
import type { Ownership } from '../ownership.js';
import { agreedPartitionCount, type PartitionCount } from '../partition-count.js';
import type { Durability, Store } from '../store.js';
import type { BlockingCall, StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { settleAheadFiles } from './ahead-recovery.js';
import { Claims } from './claims.js';
import { CommitSequence } from './commit-sequence.js';
import { lockDirectory } from './directory-lock.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { EmbeddedTables } from './embedded-tables.js';
import { encodeFenceRecord } from './fence-record.js';
import { LogApplier } from './log-applier.js';
import { LogEnvironment } from './log-environment.js';
import { checkFormat, embeddedFormat, readManifestFile, writeManifestFile } from './manifest-file.js';
import { encodeMarkRecord, firstMark } from './mark-record.js';
import { SequenceTail } from './sequence-tail.js';
import { SpaceGuard } from './space-guard.js';
import { StoreDocuments } from './store-documents.js';
import { TablesEnvironment } from './tables-environment.js';
import { assertGivenUp, noteFailedWrite } from './unclean-end.js';
import { WriteAhead } from './write-ahead.js';
import { WriteDoor } from './write-door.js';

export interface EmbeddedStoreOptions {
  /** Created when it is not there. */
  readonly directory: string;
  /** 1–65,535; fixed when the store is created. */
  readonly partitionCount: PartitionCount;
  /** Default `disk`. All threads of a process must say the same. */
  readonly durability?: Durability;
  readonly clock: StoreClock;
  /** Below it no new data are taken. Default 256 MiB or 2 % of the file system, whichever is more. */
  readonly freeBytesMin?: number;
  /** False in every thread but the one that opened first. Default true. */
  readonly lock?: boolean;
  /** Absent: appends never block the thread. */
  readonly blocking?: BlockingCall;
}

/**
 * Opens the store, creating it if needed. Everything in it is durable when this resolves, also what an earlier process wrote and
 * did not flush. Throws `StoreFailure`: `store-locked`, `store-incompatible`.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { directory, clock, durability = 'disk' } = options;
  const isFirst = options.lock ?? true;
  if (isFirst) mkdirSync(directory, { recursive: true });
  const unlock = isFirst ? await lockDirectory(directory) : (): void => {};
  try {
    const manifest = readManifestFile(directory);
    if (manifest !== undefined) checkFormat(directory, manifest);
    else if (!isFirst)
      throw new StoreFailure(
        'store-incompatible',
        `${directory} holds no store; open it with the lock first`,
      );
    const partitionCount = agreedPartitionCount(options.partitionCount, manifest?.partitionCount, directory);
    const log = new LogEnvironment(path.join(directory, 'log'), durability);
    const tables = new TablesEnvironment(path.join(directory, 'tables'), durability);
    const documents = new StoreDocuments(log, clock);
    const claims = new Claims(log, clock);
    if (isFirst) {
      await assertGivenUp(directory, [log.root, tables.root]);
      await prepare({ log, tables, documents, clock, partitionCount });
      await settleAheadFiles(directory, { environment: log, claims, clock, partitionCount });
      const createdAt = manifest?.createdAt ?? new Date(clock.now()).toISOString();
      if (manifest?.format !== embeddedFormat)
        writeManifestFile(directory, { format: embeddedFormat, partitionCount, createdAt });
    }
    const space = new SpaceGuard(directory, clock, options.freeBytesMin);
    await space.measure();
    const opening = await documents.countOpening();
    return embeddedStore({
      ...options,
      partitionCount,
      durability,
      log,
      tables,
      documents,
      claims,
      space,
      opening,
      unlock,
    });
  } catch (error) {
    unlock();
    throw error;
  }
}

function embeddedStore(
  parts: EmbeddedStoreOptions & {
    readonly partitionCount: number;
    readonly durability: Durability;
    readonly log: LogEnvironment;
    readonly tables: TablesEnvironment;
    readonly documents: StoreDocuments;
    readonly claims: Claims;
    readonly space: SpaceGuard;
    /** Number of the opening. */
    readonly opening: number;
    readonly unlock: () => void;
  },
): Store {
  const { directory, partitionCount, durability, clock, log, claims } = parts;
  const door = new WriteDoor(parts.space, () => noteFailedWrite(directory));
  const sequence = new CommitSequence(clock, parts.opening);
  const ahead = new WriteAhead({
    directory,
    name: `${parts.opening}`,
    durability,
    applier: new LogApplier(log, clock),
    claims,
    clock,
    blocking: parts.blocking,
    onFailure: (isLate) => door.fail(isLate),
  });
  const common = { door, clock, sequence, partitionCount };
  const journal = new EmbeddedJournal({ ...common, directory, environment: log, ahead, claims });
  const tables = new EmbeddedTables({ ...common, environment: parts.tables, ahead });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    door.shut('the store is closed');
    await door.idle();
    await ahead.close();
    await log.root.close();
    await parts.tables.root.close();
    parts.unlock();
  };
  return {
    journal,
    tables,
    ownership: embeddedOwnership(journal, tables),
    partitionCount,
    durability,
    description: `embedded (LMDB) in ${directory}`,
    failsWithProcess: true,
    hasOneLog: true,
    groupsInFlightMax: Number.POSITIVE_INFINITY,
    groupPaceMs: 2,
    readManifest: async () => parts.documents.readManifest(),
    replaceManifest: (expected, next) => {
      if (door.closed !== undefined) throw new StoreFailure('store-broken', door.closed);
      return door.enter(parts.documents.replaceManifest(expected, next));
    },
    space: () => parts.space.measure(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function embeddedOwnership(journal: EmbeddedJournal, tables: EmbeddedTables): Ownership {
  const isCurrent = (partition: number, fence: { epoch: number; nonce: string }): boolean => {
    const stored = journal.observe(partition);
    return stored?.epoch === fence.epoch && stored.nonce === fence.nonce;
  };
  return {
    async take(partition, nonce) {
      const taken = await journal.raiseEpoch(partition, nonce);
      await tables.raiseFence(partition, taken.fence);
      return taken;
    },
    // One process has the directory and a thread that hangs ends it, so there is no lease to renew.
    async renew(partition, fence) {
      return isCurrent(partition, fence) ? 'held' : 'lost';
    },
    async release(partition, fence) {
      if (!isCurrent(partition, fence)) return;
      journal.forget(partition);
      tables.forget(partition);
    },
    async observe(partition) {
      return journal.observe(partition);
    },
  };
}

/** Writes what a new store needs, and in any case something, whose flush covers all that an earlier process left unflushed. */
async function prepare(parts: {
  readonly log: LogEnvironment;
  readonly tables: TablesEnvironment;
  readonly documents: StoreDocuments;
  readonly clock: StoreClock;
  readonly partitionCount: number;
}): Promise<void> {
  const { log, tables, clock } = parts;
  const fence = { epoch: 0, nonce: '' };
  const tail = new SequenceTail();
  const noFence = encodeFenceRecord({ fence, head: { position: 0, hash: noHash }, tail });
  const noMark = encodeMarkRecord(firstMark);
  const openedAt = Buffer.alloc(8);
  openedAt.writeDoubleLE(clock.now());
  const writes: Promise<unknown>[] = [
    parts.documents.create(),
    tables.root.put(Buffer.from('opened'), openedAt),
  ];
  for (let partition = 0; partition < parts.partitionCount; partition++) {
    if (!log.fences.doesExist(partition)) writes.push(log.fences.put(partition, noFence, 1));
    if (!tables.marks.doesExist(partition)) writes.push(tables.marks.put(partition, noMark, 1));
  }
  await Promise.all(writes);
}
