/**
 * The LMDB environment of the logs: its databases and keys. Several threads of one process open the same path.
 *
 *     log      (commit sequence u64, partition u16) → entry. Big-endian, so a group is one run of pages at the end.
 *     index    (partition u16, block u32) → 64 commit sequences
 *     fences   partition → fence record, versioned by commit sequence
 *     documents number → the manifest, the count of openings, and what is claimed, versioned
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Durability } from '../store.js';
import { StoreFailure } from '../store-failure.js';
import type { VersionedRecords } from './condition-block.js';
import { decodeFenceHead, decodeFenceRecord, type FenceHead, type FenceRecord } from './fence-record.js';
import { renewView } from './fresh-view.js';
import { cutWrittenLinks } from './write-list.js';

/** Room in the address space, not on the disk. A store that outgrows it is mapped anew, which stops all threads for a moment. */
const mapBytes = 2 ** 36;
const databasesMax = 8;

/**
 * At the first opening whatever was not flushed is given up; nobody was told of it. Of itself LMDB trusts it as long as the machine
 * has not booted since; but after a flush that failed, or on a copy of a disk, pages of it may be missing and the trees are torn.
 * The declarations leave the option out; the README of lmdb-js has it.
 */
const givesUpUnflushed = { safeRestore: true };

/**
 * `look` opens what is there without the right to write. `settle` is for a copy that nobody else has: it takes the newest version,
 * flushed or not, and flushes every commit with its transaction.
 */
export type Access = 'write' | 'look' | 'settle';

/** Throws `StoreFailure` `store-broken` when the file has lost its end. */
export function openEnvironment(
  path: string,
  durability: Durability,
  access: Access = 'write',
): RootDatabase<Buffer, Buffer> {
  const root = open<Buffer, Buffer>({
    ...givesUpUnflushed,
    path,
    readOnly: access === 'look',
    noSubdir: false,
    maxDbs: databasesMax,
    mapSize: mapBytes,
    encoding: 'binary',
    keyEncoding: 'binary',
    separateFlushed: true,
    // Its batches would hold a promise that nobody can reach and that rejects unhandled when a flush fails.
    eventTurnBatching: false,
    // Measured against `false`: the same with one thread, 1.5 times the commits with three (README).
    // Who only looks says neither, and goes along with a writer of the same process, whichever it chose.
    overlappingSync: access === 'write' && durability === 'disk',
    noSync: access === 'write' && durability === 'none',
  });
  refuseCutFile(path, root);
  cutWrittenLinks(root);
  return root;
}

/** LMDB may count pages at the end that a transaction gave back before they were ever written: a few, not this many. */
const unwrittenPagesMax = 1_024;

/** Reading past the end of a mapped file would end the process without a word. */
function refuseCutFile(folder: string, root: RootDatabase<Buffer, Buffer>): void {
  const file = join(folder, 'data.mdb');
  // The declarations say that the statistics are an empty object; these are LMDB's own.
  const stats = root.getStats() as {
    readonly root: { readonly pageSize: number };
    readonly lastPageNumber: number;
  };
  const expected = (stats.lastPageNumber + 1 - unwrittenPagesMax) * stats.root.pageSize;
  const { size } = statSync(file);
  if (size >= expected) return;
  throw new StoreFailure('store-broken', `${file} is cut off: ${size} bytes, at least ${expected} expected`);
}

export interface VersionedFence extends FenceRecord {
  readonly version: number;
}

export class LogEnvironment {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly log: Database<Buffer, Buffer>;
  readonly index: Database<Buffer, Buffer>;
  readonly fences: VersionedRecords;
  readonly documents: VersionedRecords;
  readonly #durability: Durability;

  constructor(path: string, durability: Durability, access?: Access) {
    this.#durability = durability;
    this.root = openEnvironment(path, durability, access);
    this.log = this.root.openDB({ name: 'log', encoding: 'binary', keyEncoding: 'binary' });
    this.index = this.root.openDB({ name: 'index', encoding: 'binary', keyEncoding: 'binary' });
    this.fences = this.root.openDB({
      name: 'fences',
      encoding: 'binary',
      keyEncoding: 'uint32',
      useVersions: true,
    });
    this.documents = this.root.openDB({
      name: 'documents',
      encoding: 'binary',
      keyEncoding: 'uint32',
      useVersions: true,
    });
  }

  /** As it stands now, other threads' unflushed changes included. */
  readFence(partition: number): VersionedFence {
    const { value, version } = this.#fenceEntry(partition);
    return { ...decodeFenceRecord(value), version };
  }

  readHead(partition: number): FenceHead {
    return decodeFenceHead(this.#fenceEntry(partition).value);
  }

  /** What `readHead` gives for partitions 0 to `count` − 1, all from one view. */
  readHeads(count: number): FenceHead[] {
    renewView(this.fences, 0);
    return Array.from({ length: count }, (_, partition) =>
      decodeFenceHead(this.#storedFence(partition).value),
    );
  }

  /** Resolves when everything visible now is durable. Costs nothing when it already is. */
  barrier(): Promise<void> {
    if (this.#durability === 'none') return Promise.resolve();
    // `sync` is a method of every lmdb-js database that its declarations leave out.
    const root = this.root as RootDatabase<Buffer, Buffer> & { sync(done: (error?: Error) => void): void };
    return new Promise((resolve, reject) => {
      root.sync((error) => {
        if (error === undefined || error === null) resolve();
        else reject(new StoreFailure('store-broken', 'the flush failed', { cause: error }));
      });
    });
  }

  #fenceEntry(partition: number): { readonly value: Buffer; readonly version: number } {
    renewView(this.fences, partition);
    return this.#storedFence(partition);
  }

  #storedFence(partition: number): { readonly value: Buffer; readonly version: number } {
    const entry = this.fences.getEntry(partition);
    if (entry?.version === undefined) {
      throw new StoreFailure('store-incompatible', `no fence record of partition ${partition}`);
    }
    return { value: entry.value, version: entry.version };
  }
}

export function logKey(sequence: number, partition: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), 0);
  key.writeUInt32BE(sequence % 0x1_0000_0000, 4);
  key.writeUInt16BE(partition, 8);
  return key;
}

export function indexKey(partition: number, block: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUInt16BE(partition, 0);
  key.writeUInt32BE(block, 2);
  return key;
}
