/**
 * What memory stores keep their data on: shared by several stores (owners, restarts), crashed and damaged by tests.
 *
 * A change is *applied* (seen by whoever checks heads and tokens), *written* (survives the process), *flushed* (survives
 * power loss) and *replicated* (survives the loss of this disk for its replica). A flush covers everything applied before it,
 * as fdatasync does; a replica has a prefix of what was flushed, in whole appends and commits.
 *
 * M1  A change is checked and applied in one synchronous step.
 * M2  A crash undoes exactly the changes it may lose, newest first; what is left is a prefix of what was applied.
 * M3  Nothing that was under way before a crash reaches the disk after it. Stores opened before it are dead, unless the
 *     disk belongs to a server of its own: then their connections are.
 * M5  A failover leaves what the replica has: an older history that is whole in itself.
 */
import {
  assertGroup,
  assertPartition,
  type Refusal,
  refused,
  refuseEntry,
  refuseTableCommit,
} from '../append-check.js';
import { noHash, sameHash } from '../entry.js';
import type { EntryHash, Fence, GroupAppend, Head, StoredEntry } from '../journal.js';
import { StoreFailure } from '../store-failure.js';
import type { Checkpoint, RangeQuery, TableCommit, TableKey, TableName, TableRow } from '../tables.js';
import { MemoryTable } from './memory-table.js';

interface MemoryEntry {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly hash: EntryHash;
}

interface Partition {
  fence: Fence | undefined;
  head: Head;
  entries: MemoryEntry[];
  flushedPosition: number;
  checkpoint: Checkpoint;
  tables: Map<TableName, MemoryTable>;
}

interface Change {
  readonly undo: () => void;
  /** Number of the append, commit or taking it belongs to. */
  readonly unit: number;
  readonly isOfTables: boolean;
  written: boolean;
}

const emptyHead: Head = { position: 0, hash: noHash };
const emptyCheckpoint: Checkpoint = { position: 0, hash: noHash, epoch: 0 };

export class MemoryDisk {
  /** The newest node that has opened it. */
  holder = 0;
  readonly partitionCount: number;
  readonly #partitions: Partition[];
  #unflushed: Change[] = [];
  /** Flushed, and not yet on the replica; undefined without one. */
  #unreplicated: Change[] | undefined;
  #unit = 0;
  #isDown = false;
  #manifest: Uint8Array | undefined;
  #generation = 0;
  #halted = false;

  constructor(partitionCount: number) {
    this.partitionCount = partitionCount;
    this.#partitions = Array.from({ length: partitionCount }, () => ({
      fence: undefined,
      head: emptyHead,
      entries: [],
      flushedPosition: 0,
      checkpoint: emptyCheckpoint,
      tables: new Map(),
    }));
  }

  /** Rises with every crash (M3). */
  get generation(): number {
    return this.#generation;
  }

  /** True after a failed flush, until the next crash: nothing more is taken. */
  get halted(): boolean {
    return this.#halted;
  }

  /** True while the server of this disk does not answer. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** True when everything applied survives power loss. */
  get isFlushed(): boolean {
    return this.#unflushed.length === 0;
  }

  append(group: GroupAppend): Refusal | undefined {
    assertGroup(group, this.partitionCount);
    for (const entry of group.entries) {
      const refusal = refuseEntry(entry, this.#partition(entry.partition));
      if (refusal !== undefined) return refusal;
    }
    for (const { partition, position, hash } of group.after) {
      const found = this.#entryAt(partition, position);
      if (found === undefined || !sameHash(found.hash, hash)) {
        return refused(
          'conflict',
          `the group before is not in: partition ${partition}, position ${position}`,
        );
      }
    }
    this.#unit++;
    for (const entry of group.entries) {
      const partition = this.#partition(entry.partition);
      const { head } = partition;
      const { position, hash } = entry;
      partition.entries.push({ position, bytes: entry.bytes.slice(), hash });
      partition.head = { position, hash };
      this.#changed(() => {
        partition.entries.pop();
        partition.head = head;
      });
    }
    return undefined;
  }

  commit(commit: TableCommit): Refusal | undefined {
    const partition = this.#partition(commit.partition);
    const refusal = refuseTableCommit(commit, partition);
    if (refusal !== undefined) return refusal;
    this.#unit++;
    const { checkpoint } = partition;
    partition.checkpoint = commit.to;
    this.#changed(() => {
      partition.checkpoint = checkpoint;
    }, true);
    for (const { table, key, value } of commit.puts) this.#put(partition, table, key, value.slice());
    for (const { table, key } of commit.deletes) this.#put(partition, table, key, undefined);
    return undefined;
  }

  trim(partition: number, below: number): void {
    const trimmed = this.#partition(partition);
    const { entries } = trimmed;
    const from = Math.min(below, trimmed.flushedPosition);
    trimmed.entries = entries.filter(({ position }) => position >= from);
    const dropped = entries.filter(({ position }) => position < from);
    if (dropped.length === 0) return;
    this.#unit++;
    this.#changed(() => {
      trimmed.entries = [...dropped, ...trimmed.entries];
    });
  }

  take(partition: number, nonce: string): { readonly fence: Fence; readonly head: Head } {
    const taken = this.#partition(partition);
    const { fence } = taken;
    taken.fence = { epoch: (fence?.epoch ?? 0) + 1, nonce };
    this.#unit++;
    this.#changed(() => {
      taken.fence = fence;
    });
    return { fence: taken.fence, head: taken.head };
  }

  fence(partition: number): Fence | undefined {
    return this.#partition(partition).fence;
  }

  head(partition: number): Head {
    return this.#partition(partition).head;
  }

  checkpoint(partition: number): Checkpoint {
    return this.#partition(partition).checkpoint;
  }

  get(partition: number, table: TableName, key: TableKey): Uint8Array | undefined {
    return this.#partition(partition).tables.get(table)?.get(key)?.slice();
  }

  range(partition: number, query: RangeQuery): TableRow[] {
    return this.#partition(partition).tables.get(query.table)?.range(query) ?? [];
  }

  flushedPosition(partition: number): number {
    return this.#partition(partition).flushedPosition;
  }

  /** The entry at a position if it is durable. */
  entry(partition: number, position: number): (StoredEntry & { readonly hash: EntryHash }) | undefined {
    if (position > this.#partition(partition).flushedPosition) return undefined;
    const found = this.#entryAt(partition, position);
    return found === undefined ? undefined : { ...found, bytes: found.bytes.slice() };
  }

  readManifest(): Uint8Array | undefined {
    return this.#manifest?.slice();
  }

  replaceManifest(expected: Uint8Array | undefined, next: Uint8Array): boolean {
    const same =
      expected === undefined || this.#manifest === undefined
        ? expected === this.#manifest
        : Buffer.compare(expected, this.#manifest) === 0;
    if (!same) return false;
    const before = this.#manifest;
    this.#unit++;
    this.#manifest = next.slice();
    this.#changed(() => {
      this.#manifest = before;
    });
    return true;
  }

  /** Everything applied so far survives the process. */
  write(): void {
    for (const change of this.#unflushed) change.written = true;
  }

  /** Everything applied so far survives power loss. */
  flush(): void {
    this.#unreplicated?.push(...this.#unflushed);
    this.#unflushed = [];
    for (const partition of this.#partitions) partition.flushedPosition = partition.head.position;
  }

  /** A flush failed: what it should have covered stays visible, and its fate is open until the crash. */
  halt(): void {
    this.#halted = true;
  }

  /**
   * `power` keeps what was flushed, `process` also what was written. The survivors are durable afterwards. Returns how many
   * changes were lost.
   */
  crash(kind: 'power' | 'process' = 'power'): number {
    const firstLost = this.#unflushed.findIndex((change) => kind === 'power' || !change.written);
    const lost = firstLost === -1 ? [] : this.#unflushed.splice(firstLost);
    for (const change of lost.toReversed()) change.undo();
    this.flush();
    this.#generation += 1;
    this.#halted = false;
    return lost.length;
  }

  /** From now on a replica follows, as far as `replicate` lets it. */
  keepReplica(): void {
    this.#unreplicated ??= [];
  }

  /** The replica catches up to this many appends and commits behind. */
  replicate(unitsBehind: number): void {
    this.#unreplicated = this.#unreplicated?.filter(({ unit }) => unit > this.#unit - unitsBehind);
  }

  /** The replica has the log and the tokens; of the tables it may lack what was committed after the newest of either. */
  replicateLog(): void {
    const newest = this.#unreplicated?.findLast(({ isOfTables }) => !isOfTables)?.unit ?? 0;
    this.#unreplicated = this.#unreplicated?.filter(({ unit }) => unit > newest);
  }

  /** The server stops answering, and may come back; a crash belongs to it. */
  goDown(): void {
    this.#isDown = true;
  }

  comeBack(): void {
    this.#isDown = false;
  }

  /** The replica takes over (M5). Returns how many appends, commits and takings it lacked. */
  failOver(): number {
    const lost = [...(this.#unreplicated ?? []), ...this.#unflushed];
    for (const change of lost.toReversed()) change.undo();
    this.#unreplicated = [];
    this.#unflushed = [];
    this.crash('power');
    return new Set(lost.map(({ unit }) => unit)).size;
  }

  /** Flips one bit of an entry's bytes, by default in the last byte. */
  corrupt(partition: number, position: number, byteOffset?: number): void {
    this.#damage(partition, position, (bytes) => {
      const offset = byteOffset ?? bytes.length - 1;
      bytes[offset] = (bytes[offset] ?? 0) ^ 1;
      return bytes;
    });
  }

  /** Puts other bytes where an entry stood; head, checkpoint and the entries around it stay. */
  replaceEntry(partition: number, position: number, bytes: Uint8Array): void {
    this.#damage(partition, position, () => bytes.slice());
  }

  /** Cuts an entry's bytes off after `bytesKept`, as a torn write does. */
  tear(partition: number, position: number, bytesKept: number): void {
    this.#damage(partition, position, (bytes) => bytes.subarray(0, bytesKept));
  }

  /** Takes an entry out of the middle. */
  dropEntry(partition: number, position: number): void {
    const damaged = this.#partition(partition);
    damaged.entries = damaged.entries.filter((entry) => entry.position !== position);
  }

  /** The log as it was at `position`: an older copy came back (I19). Tables and token stay. */
  rollBack(partition: number, position: number): void {
    const older = this.#partition(partition);
    older.entries = older.entries.filter((entry) => entry.position <= position);
    const last = older.entries.at(-1);
    older.head = last === undefined ? emptyHead : { position: last.position, hash: last.hash };
    older.flushedPosition = Math.min(older.flushedPosition, position);
  }

  #entryAt(partition: number, position: number): MemoryEntry | undefined {
    const { entries } = this.#partition(partition);
    // Positions are contiguous unless a test took an entry out, so it stands at its index or a little before.
    const first = entries[0]?.position ?? 1;
    for (let index = Math.min(position - first, entries.length - 1); index >= 0; index--) {
      const entry = entries[index];
      if (entry === undefined || entry.position < position) return undefined;
      if (entry.position === position) return entry;
    }
    return undefined;
  }

  #damage(partition: number, position: number, change: (bytes: Uint8Array) => Uint8Array): void {
    const damaged = this.#partition(partition);
    damaged.entries = damaged.entries.map((entry) =>
      entry.position === position ? { ...entry, bytes: change(entry.bytes.slice()) } : entry,
    );
  }

  #put(partition: Partition, table: TableName, key: TableKey, value: Uint8Array | undefined): void {
    let rows = partition.tables.get(table);
    if (rows === undefined) {
      rows = new MemoryTable();
      partition.tables.set(table, rows);
    }
    const target = rows;
    const before = target.get(key);
    target.set(key, value);
    this.#changed(() => target.set(key, before), true);
  }

  #changed(undo: () => void, isOfTables = false): void {
    this.#unflushed.push({ undo, unit: this.#unit, isOfTables, written: false });
  }

  #partition(partition: number): Partition {
    assertPartition(partition, this.partitionCount);
    const found = this.#partitions[partition];
    if (found === undefined) throw new StoreFailure('store-incompatible', `no partition ${partition}`);
    return found;
  }
}
