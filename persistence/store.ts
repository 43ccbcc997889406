/**
 * A store: journal, tables and ownership over one place, with the manifest that says how it was created.
 */
import type { Journal } from './journal.js';
import type { Ownership } from './ownership.js';
import type { Tables } from './tables.js';

/** What a flush means here. `disk`: power loss keeps every acknowledged group. `none`: a process crash does. */
export type Durability = 'disk' | 'none';

export interface Store {
  readonly journal: Journal;
  readonly tables: Tables;
  readonly ownership: Ownership;
  readonly partitionCount: number;
  readonly durability: Durability;
  /** One line for the banner: `embedded (LMDB) in ./data`. */
  readonly description: string;
  /**
   * True when a store failure that leaves the outcome unknown can only be settled by a new process (LMDB keeps serving
   * data of a failed flush): the runtime then ends the process instead of looking.
   */
  readonly failsWithProcess: boolean;
  /** True when entries of all partitions stand in one order: then trimming one of them touches as much as trimming all. */
  readonly hasOneLog: boolean;
  /**
   * Groups of one shard that are worth having under way at a time, whatever the shard allows. 1 where the next one waits for the flush of
   * the one before anyway, and pays for one of its own: what comes meanwhile makes a larger group instead.
   */
  readonly groupsInFlightMax: number;
  /** Ms between two groups of one shard under load that are worth waiting for, by what a group costs here however small it is. */
  readonly groupPaceMs: number;
  /**
   * A small document about the store itself (schema catalogue), replaced as a whole. `replaceManifest` resolves false
   * when the stored one is not `expected` (undefined = none yet). Durable when it resolves true.
   */
  readManifest(): Promise<Uint8Array | undefined>;
  replaceManifest(expected: Uint8Array | undefined, next: Uint8Array): Promise<boolean>;
  /** Bytes free for the store, and whether new data may still be taken (the free-space guard). */
  space(): Promise<{ readonly freeBytes: number; readonly acceptsWrites: boolean }>;
  /** Why the store cannot be asked now; undefined while it can. Absent where the store is no other process. */
  outage?(): string | undefined;
  close(): Promise<void>;
}
