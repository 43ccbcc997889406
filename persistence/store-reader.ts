/**
 * A store to look into: nothing is taken, nothing is written, and whoever owns the store goes on meanwhile.
 *
 * D1  Looking never changes the store and never takes its lock; it works on a stopped store and, where the driver allows it,
 *     beside the process that has it.
 * D2  Beside a running owner the newest entries may be seen up to one flush before they are durable. What must not be
 *     seen too early is read by the owner itself.
 */
import type { Fence, Head, Journal } from './journal.js';
import type { Tables } from './tables.js';

export type JournalReader = Pick<Journal, 'read' | 'head'>;
export type TablesReader = Pick<Tables, 'get' | 'range' | 'checkpoint'>;

export interface StoreReader {
  readonly journal: JournalReader;
  readonly tables: TablesReader;
  readonly partitionCount: number;
  /** As `Store.description`. */
  readonly description: string;
  /** The heads of all partitions as they stood at one moment, so that no entry among them names a later one. */
  heads(): Promise<readonly Head[]>;
  observe(partition: number): Promise<Fence | undefined>;
  /** Who has the store now, in words; undefined when nobody has. */
  owner(): Promise<string | undefined>;
  /** See `Store.space`. */
  space(): Promise<{ readonly freeBytes: number; readonly acceptsWrites: boolean }>;
  /** Bytes that the parts of the store take, by name. */
  sizes(): Promise<Readonly<Record<string, number>>>;
  /** See `Store.readManifest`. */
  readManifest(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
