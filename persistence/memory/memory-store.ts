/**
 * A whole store in memory, for tests, the simulator and single runs that may forget. It has no clock and no chance of its own:
 * without faults every promise settles within microtasks.
 *
 * M4  Writes of one store reach the disk in the order of the calls; journal and tables each have their own order.
 * M6  With `isServer` the disk is that of a server elsewhere, as with Redis: what was sent arrives even when the sender is
 *     gone by then, a crash of the server breaks the connections and not the stores, and while it is down nothing is answered;
 *     after a crash it is another one, on which partitions have to be taken again (`server-binding.ts`).
 */
import { OperatingError } from '../../actors/model/errors.js';
import { assertNonce, type Refusal, refused, sameFence } from '../append-check.js';
import { noHash } from '../entry.js';
import type { AppendResult, Cut, GroupAppend, Head, Journal, ReadLimits, StoredEntry } from '../journal.js';
import { journalGap } from '../journal-gap.js';
import type { Ownership } from '../ownership.js';
import { agreedPartitionCount, type PartitionCount } from '../partition-count.js';
import { elsewhere } from '../server-binding.js';
import type { Store } from '../store.js';
import { StoreFailure } from '../store-failure.js';
import { assertTableKey, assertTableName } from '../table-key.js';
import type { TableCommit, TableCommitResult, Tables } from '../tables.js';
import { MemoryDisk } from './memory-disk.js';
import type { MemoryFaults, ReadFault, WriteFault } from './memory-faults.js';
import { ServerMemory } from './server-memory.js';

export interface MemoryStoreOptions {
  readonly partitionCount: PartitionCount;
  /** Where the data live; a fresh one when absent. */
  readonly disk?: MemoryDisk;
  readonly faults?: MemoryFaults;
  /** See `Store`; false by default, so that the runtime looks after an unknown outcome. */
  readonly failsWithProcess?: boolean;
  /** M6; false by default. */
  readonly isServer?: boolean;
  /** Of a server: which node opens it. The highest has it, and no other takes partitions. Absent: nobody is turned away. */
  readonly node?: number;
}

export interface MemoryStore extends Store {
  readonly disk: MemoryDisk;
}

export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const stored = options.disk?.partitionCount;
  const partitionCount = agreedPartitionCount(options.partitionCount, stored, 'the disk in memory');
  const disk = options.disk ?? new MemoryDisk(partitionCount);
  disk.holder = Math.max(disk.holder, options.node ?? 0);
  const access = new DiskAccess(disk, options.isServer ?? false);
  const faults = options.faults ?? {};
  return {
    disk,
    journal: memoryJournal(access, faults),
    tables: memoryTables(access, faults),
    ownership: memoryOwnership(access, faults, options.node),
    partitionCount,
    durability: 'none',
    description: 'memory (nothing is kept)',
    failsWithProcess: options.failsWithProcess ?? false,
    hasOneLog: !(options.isServer ?? false),
    groupsInFlightMax: Number.POSITIVE_INFINITY,
    groupPaceMs: 0,
    readManifest: async () => access.open().readManifest(),
    replaceManifest: async (expected, next) => {
      const open = access.open();
      const replaced = open.replaceManifest(expected, next);
      if (replaced) open.flush();
      return replaced;
    },
    space: async () => ({ freeBytes: Number.MAX_SAFE_INTEGER, acceptsWrites: !access.open().halted }),
    close: async () => access.close(),
  };
}

/** This store's hold on the disk, gone after `close` or, unless the disk is a server's, a crash. */
class DiskAccess {
  readonly #disk: MemoryDisk;
  readonly #generation: number;
  readonly #isServer: boolean;
  /** What it knows of a server. */
  readonly memory: ServerMemory | undefined;
  #closed = false;

  constructor(disk: MemoryDisk, isServer: boolean) {
    this.#disk = disk;
    this.#generation = disk.generation;
    this.#isServer = isServer;
    this.memory = isServer ? new ServerMemory(disk) : undefined;
  }

  get isOpen(): boolean {
    return !this.#closed && (this.#isServer || this.#generation === this.#disk.generation);
  }

  open(): MemoryDisk {
    if (!this.isOpen)
      throw new StoreFailure('store-closed', 'this memory store is closed, or its disk crashed');
    if (this.#disk.isDown)
      throw new OperatingError('storage-unavailable', 'the server of the store does not answer');
    const halted = this.memory?.halted();
    if (halted !== undefined) throw halted;
    return this.#disk;
  }

  /** As `open`, for the tables of one partition. */
  openTables(partition: number): MemoryDisk {
    const disk = this.open();
    this.memory?.binding.assertHere(partition);
    return disk;
  }

  /** How far the log may be cut: of a server's, not past the tables beside it, whatever those of the one before have said. */
  cutEnd(disk: MemoryDisk, { partition, below }: Cut): number {
    return this.#isServer ? Math.min(below, disk.checkpoint(partition).position) : below;
  }

  /** The way of one write to the disk: gives the disk for as long as what was sent can arrive, and its answer come back. */
  connect(): () => MemoryDisk | undefined {
    const { generation } = this.#disk;
    return () => {
      const isThere = this.#isServer ? generation === this.#disk.generation : this.isOpen;
      return isThere && !this.#disk.isDown ? this.#disk : undefined;
    };
  }

  close(): void {
    this.#closed = true;
  }
}

/** What a read goes through on its way to the disk and back. */
function asked<Answer>(
  access: DiskAccess,
  fault: ReadFault | undefined,
  answer: (disk: MemoryDisk) => Answer,
): Promise<Answer> {
  return disturbed(fault, () => answer(access.open()));
}

async function disturbed<Answer>(fault: ReadFault | undefined, answer: () => Answer): Promise<Answer> {
  if (fault?.type === 'lose-request') throw unanswered();
  if (fault?.type === 'delay') await fault.until;
  const found = answer();
  if (fault?.type === 'lose-reply') throw unanswered();
  return found;
}

function unanswered(): OperatingError {
  return new OperatingError('storage-unavailable', 'the store did not answer');
}

type WriteResult =
  | { readonly type: 'done' }
  | Refusal
  | { readonly type: 'unknown'; readonly cause: unknown };

const done: WriteResult = { type: 'done' };

/** Runs writes one after the other up to the disk (M4), with the fault that each was dealt. */
class WriteQueue {
  readonly #access: DiskAccess;
  #reached: Promise<void> = Promise.resolve();

  constructor(access: DiskAccess) {
    this.#access = access;
  }

  /** `partitions`: what the write is about. */
  async write(
    partitions: readonly { readonly partition: number }[],
    apply: (disk: MemoryDisk) => Refusal | undefined,
    fault: WriteFault | undefined,
  ): Promise<WriteResult> {
    const before = this.#reached;
    const connection = this.#access.connect();
    let reached = (): void => {};
    this.#reached = new Promise((resolve) => {
      reached = resolve;
    });
    await before;
    try {
      if (fault?.type === 'delay' && fault.at === 'request') await fault.until;
      if (fault?.type === 'lose-request') return unknown('the request was lost');
      if (fault?.type === 'refuse') return refused('storage', fault.detail);
      const disk = connection();
      if (disk === undefined) return unknown('the store is gone');
      const halted = this.#access.memory?.halted();
      if (halted !== undefined) return refused('storage', halted.message);
      for (const { partition } of partitions) {
        if (this.#access.memory?.binding.isElsewhere(partition) === true)
          return refused('conflict', elsewhere(partition));
      }
      if (disk.halted) return unknown('the disk failed');
      const refusal = apply(disk);
      if (refusal !== undefined) return refusal;
    } finally {
      reached();
    }
    return this.#settle(connection, fault);
  }

  async #settle(
    connection: () => MemoryDisk | undefined,
    fault: WriteFault | undefined,
  ): Promise<WriteResult> {
    if (fault?.type === 'delay' && fault.at === 'flush') await fault.until;
    const disk = connection();
    if (disk === undefined) return unknown('the store is gone');
    disk.write();
    if (fault?.type === 'fail-flush') disk.halt();
    if (disk.halted) return unknown('the flush failed');
    disk.flush();
    if (fault?.type === 'lose-reply') return unknown('the reply was lost');
    if (fault?.type === 'delay' && fault.at === 'reply') await fault.until;
    return done;
  }
}

function memoryJournal(access: DiskAccess, faults: MemoryFaults): Journal {
  const queue = new WriteQueue(access);
  const visible = (disk: MemoryDisk, partition: number): number => {
    const durable = disk.flushedPosition(partition);
    return Math.min(durable, faults.visible?.(partition, durable) ?? durable);
  };
  return {
    async append(group: GroupAppend): Promise<AppendResult> {
      const result = await queue.write(group.entries, (disk) => disk.append(group), faults.append?.(group));
      if (result.type === 'done') access.memory?.noteAppended(group);
      return result.type === 'done' ? { type: 'appended' } : result;
    },
    async read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]> {
      const entries = await asked(access, faults.read?.(), (disk) => {
        const last = Math.min(visible(disk, partition), from + limits.entriesMax - 1);
        const read: StoredEntry[] = [];
        let bytes = 0;
        for (let position = from; position <= last; position++) {
          const entry = disk.entry(partition, position);
          if (entry === undefined) throw journalGap(partition, position);
          bytes += entry.bytes.length;
          if (read.length > 0 && bytes > limits.bytesMax) break;
          read.push({ position, bytes: entry.bytes });
        }
        return read;
      });
      access.memory?.noteRead(partition, entries);
      return entries;
    },
    head(partition: number): Promise<Head> {
      return asked(access, faults.read?.(), (disk) => {
        const position = visible(disk, partition);
        return { position, hash: disk.entry(partition, position)?.hash ?? noHash };
      });
    },
    trim: (cuts: readonly Cut[]): Promise<void> =>
      asked(access, faults.read?.(), (disk) => {
        for (const cut of cuts) disk.trim(cut.partition, access.cutEnd(disk, cut));
      }),
  };
}

function memoryTables(access: DiskAccess, faults: MemoryFaults): Tables {
  const queue = new WriteQueue(access);
  const ask = <Answer>(partition: number, answer: (disk: MemoryDisk) => Answer): Promise<Answer> =>
    disturbed(faults.read?.(), () => answer(access.openTables(partition)));
  return {
    get: (partition, table, keys) =>
      ask(partition, (disk) => keys.map((key) => disk.get(partition, table, key))),
    range: (partition, query) => ask(partition, (disk) => disk.range(partition, query)),
    async commit(commit: TableCommit): Promise<TableCommitResult> {
      for (const { table, key } of [...commit.puts, ...commit.deletes]) {
        assertTableName(table);
        assertTableKey(key);
      }
      const result = await queue.write([commit], (disk) => disk.commit(commit), faults.commit?.(commit));
      return result.type === 'done' ? { type: 'committed' } : result;
    },
    checkpoint: (partition) => ask(partition, (disk) => disk.checkpoint(partition)),
  };
}

function memoryOwnership(access: DiskAccess, faults: MemoryFaults, node: number | undefined): Ownership {
  return {
    async take(partition, nonce) {
      assertNonce(nonce);
      return asked(access, faults.read?.(), (disk) => {
        if (disk.halted) throw new StoreFailure('store-broken', 'the disk failed');
        if (node !== undefined && node < disk.holder)
          throw new StoreFailure('store-locked', `node ${disk.holder} has the store now`);
        const taken = disk.take(partition, nonce);
        disk.write();
        disk.flush();
        access.memory?.noteTaken(partition, taken);
        return taken;
      });
    },
    async renew(partition, fence) {
      if (!sameFence(access.open().fence(partition), fence)) return 'lost';
      return access.memory?.binding.isElsewhere(partition) === true ? 'elsewhere' : 'held';
    },
    // The disk keeps nothing of who gave up what.
    async release() {},
    async observe(partition) {
      return access.open().fence(partition);
    },
  };
}

function unknown(detail: string): WriteResult {
  return { type: 'unknown', cause: new StoreFailure('store-broken', detail) };
}
