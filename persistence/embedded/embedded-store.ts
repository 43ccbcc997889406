/**
 * The store that needs no server: LMDB in a directory.
 *
 *     manifest.json   format and partition count       log/      the logs, fences, manifest document
 *     LOCK            the pid that has the directory   tables/   the tables
 *
 * One process at a time; inside it, every thread opens the directory for itself: the first with the lock, the others with
 * `lock: false` after it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Ownership } from '../ownership.js';
import type { Durability, Store } from '../store.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { fateOf, sendBlock } from './condition-block.js';
import { lockDirectory } from './directory-lock.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { EmbeddedTables } from './embedded-tables.js';
import { encodeFenceRecord } from './fence-record.js';
import { LogEnvironment } from './log-environment.js';
import { checkManifest, embeddedFormat, readManifestFile, writeManifestFile } from './manifest-file.js';
import { encodeMarkRecord, firstMark } from './mark-record.js';
import { SequenceTail } from './sequence-tail.js';
import { SpaceGuard } from './space-guard.js';
import { TablesEnvironment } from './tables-environment.js';
import { WriteDoor } from './write-door.js';

export interface EmbeddedStoreOptions {
  /** Created when it is not there. */
  readonly directory: string;
  /** 1–65,535; fixed when the store is created. */
  readonly partitionCount: number;
  /** Default `disk`. All threads of a process must say the same. */
  readonly durability?: Durability;
  readonly clock: StoreClock;
  /** Below it no new data are taken. Default 256 MiB or 2 % of the file system, whichever is more. */
  readonly freeBytesMin?: number;
  /** False in every thread but the one that opened first. Default true. */
  readonly lock?: boolean;
}

const partitionCountMax = 0xffff;
const manifestDocument = 0;
const heartbeatDocument = 1;

/**
 * Opens the store, creating it if needed. Everything in it is durable when this resolves, also what an earlier process wrote and
 * did not flush. Throws `StoreFailure`: `store-locked`, `store-incompatible`.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { directory, partitionCount, clock, durability = 'disk' } = options;
  if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > partitionCountMax) {
    throw new RangeError(`a store has 1–${partitionCountMax} partitions, not ${partitionCount}`);
  }
  const isFirst = options.lock ?? true;
  if (isFirst) mkdirSync(directory, { recursive: true });
  const unlock = isFirst ? lockDirectory(directory) : (): void => {};
  try {
    const manifest = readManifestFile(directory);
    if (manifest !== undefined) checkManifest(directory, manifest, partitionCount);
    else if (!isFirst)
      throw new StoreFailure(
        'store-incompatible',
        `${directory} holds no store; open it with the lock first`,
      );
    const log = new LogEnvironment(path.join(directory, 'log'), durability);
    const tables = new TablesEnvironment(path.join(directory, 'tables'), durability);
    if (isFirst) {
      await prepare({ log, tables, clock, partitionCount });
      const createdAt = new Date(clock.now()).toISOString();
      if (manifest === undefined)
        writeManifestFile(directory, { format: embeddedFormat, partitionCount, createdAt });
    }
    const space = new SpaceGuard(directory, clock, options.freeBytesMin);
    await space.measure();
    return embeddedStore({ ...options, durability, log, tables, space, unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}

function embeddedStore(
  parts: EmbeddedStoreOptions & {
    readonly durability: Durability;
    readonly log: LogEnvironment;
    readonly tables: TablesEnvironment;
    readonly space: SpaceGuard;
    readonly unlock: () => void;
  },
): Store {
  const { directory, partitionCount, durability, clock, log, space } = parts;
  const door = new WriteDoor(space);
  const journal = new EmbeddedJournal({ environment: log, door, clock, partitionCount });
  const tables = new EmbeddedTables({ environment: parts.tables, door, clock, partitionCount });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    door.shut('the store is closed');
    await door.idle();
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
    readManifest: async () => {
      log.root.resetReadTxn();
      const stored = log.documents.getBinary(manifestDocument);
      return stored === undefined || stored.length === 0 ? undefined : stored;
    },
    replaceManifest: (expected, next) => replaceManifest({ log, clock, door }, expected, next),
    space: () => space.measure(),
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
      return isCurrent(partition, fence);
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
  readonly clock: StoreClock;
  readonly partitionCount: number;
}): Promise<void> {
  const { log, tables, clock } = parts;
  const noFence = { epoch: 0, nonce: '' };
  const noFenceRecord = encodeFenceRecord({
    ...firstMark,
    fence: noFence,
    head: firstMark.checkpoint,
    tail: new SequenceTail(),
  });
  const firstMarkRecord = encodeMarkRecord(firstMark);
  const opened = Buffer.alloc(8);
  opened.writeDoubleLE(clock.now());
  const writes: Promise<unknown>[] = [];
  if (!log.documents.doesExist(manifestDocument))
    writes.push(log.documents.put(manifestDocument, Buffer.alloc(0), 1));
  writes.push(
    log.documents.put(heartbeatDocument, opened, 1),
    tables.root.put(Buffer.from('opened'), opened),
  );
  for (let partition = 0; partition < parts.partitionCount; partition++) {
    if (!log.fences.doesExist(partition)) writes.push(log.fences.put(partition, noFenceRecord, 1));
    if (!tables.marks.doesExist(partition)) writes.push(tables.marks.put(partition, firstMarkRecord, 1));
  }
  await Promise.all(writes);
}

async function replaceManifest(
  parts: { readonly log: LogEnvironment; readonly clock: StoreClock; readonly door: WriteDoor },
  expected: Uint8Array | undefined,
  next: Uint8Array,
): Promise<boolean> {
  const { log, clock, door } = parts;
  const closed = door.refusal();
  if (closed !== undefined) throw new StoreFailure('store-broken', closed.detail);
  if (next.length === 0) throw new RangeError('an empty manifest is no manifest');
  log.root.resetReadTxn();
  const stored = log.documents.getEntry(manifestDocument);
  if (stored?.version === undefined) throw new StoreFailure('store-incompatible', 'no manifest record');
  const { version } = stored;
  if (Buffer.compare(stored.value, expected ?? Buffer.alloc(0)) !== 0) return false;
  const block = sendBlock(log.documents, [{ partition: manifestDocument, version }], () => {
    void log.documents.put(manifestDocument, Buffer.from(next), version + 1);
  });
  const fate = await door.enter(fateOf(block, clock, () => false));
  if (fate.type !== 'unknown') return fate.type === 'durable';
  door.shut('a write failed; the process must be restarted');
  throw new StoreFailure('store-broken', 'the manifest could not be written', { cause: fate.cause });
}
