/**
 * Tables: everything derived from the log, as ordered keys per partition, with the checkpoint up to which it is complete.
 *
 * T1  A commit is atomic and durable when it resolves `committed`.
 * T2  A commit is refused unless the token is the partition's and the stored checkpoint equals `from`.
 * T3  Keys are compared byte by byte. Keys and table names are strings of characters U+0000–U+00FF, one byte each.
 */
import type { EntryHash, Fence } from './journal.js';

export type TableName = string;
export type TableKey = string;

export interface Checkpoint {
  readonly position: number;
  readonly hash: EntryHash;
  readonly epoch: number;
}

export interface TablePut {
  readonly table: TableName;
  readonly key: TableKey;
  readonly value: Uint8Array;
}

export interface TableDelete {
  readonly table: TableName;
  readonly key: TableKey;
}

export interface TableCommit {
  readonly partition: number;
  readonly fence: Fence;
  readonly from: Checkpoint;
  /** Equal to `from` for every slice of a sweep but its last. */
  readonly to: Checkpoint;
  readonly puts: readonly TablePut[];
  readonly deletes: readonly TableDelete[];
}

export type TableCommitResult =
  | { readonly type: 'committed' }
  | { readonly type: 'refused'; readonly reason: 'fenced' | 'conflict' | 'storage'; readonly detail: string }
  | { readonly type: 'unknown'; readonly cause: unknown };

export interface RangeQuery {
  readonly table: TableName;
  /** Inclusive. */
  readonly from: TableKey;
  /** Exclusive; absent = to the end of the table. */
  readonly to?: TableKey;
  readonly limit: number;
}

export interface TableRow {
  readonly key: TableKey;
  readonly value: Uint8Array;
}

export interface Tables {
  /** Values in the order of `keys`. One round trip. */
  get(
    partition: number,
    table: TableName,
    keys: readonly TableKey[],
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** In ascending order of keys. */
  range(partition: number, query: RangeQuery): Promise<readonly TableRow[]>;
  commit(commit: TableCommit): Promise<TableCommitResult>;
  /** `{position: 0, hash: zeros, epoch: 0}` before the first commit. */
  checkpoint(partition: number): Promise<Checkpoint>;
}
