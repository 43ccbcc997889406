/**
 * The LMDB environment of the tables, apart from the logs so that a sweep's pages are not flushed under an append.
 *
 *     rows    (partition u16 BE, length of the table's name u8, name, key) → value, ordered byte by byte
 *     marks   partition → mark record (token copy and checkpoint), versioned
 */
import type { Database, RootDatabase } from 'lmdb';
import type { Durability } from '../store.js';
import { StoreFailure } from '../store-failure.js';
import type { RangeQuery, TableKey, TableName, TableRow } from '../tables.js';
import type { VersionedRecords } from './condition-block.js';
import { renewView } from './fresh-view.js';
import { type Access, openEnvironment } from './log-environment.js';
import { decodeMarkRecord, type MarkRecord } from './mark-record.js';

/** Keys are strings of one character per byte (T3), written as they are. */
const latin1Keys = {
  writeKey: (key: string, target: Buffer, start: number): number =>
    start + target.write(key, start, 'latin1'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('latin1', start, end),
};

export interface VersionedMark extends MarkRecord {
  readonly version: number;
}

export class TablesEnvironment {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly rows: Database<Buffer, string>;
  readonly marks: VersionedRecords;

  constructor(path: string, durability: Durability, access?: Access) {
    this.root = openEnvironment(path, durability, access);
    // The declarations know no `keyEncoder`; the README of lmdb-js does.
    const rowOptions = { name: 'rows', encoding: 'binary' as const, keyEncoder: latin1Keys };
    this.rows = this.root.openDB<Buffer, string>(rowOptions);
    this.marks = this.root.openDB({
      name: 'marks',
      encoding: 'binary',
      keyEncoding: 'uint32',
      useVersions: true,
    });
  }

  /** Looks up memory-mapped pages and resolves in the same turn of the event loop. */
  async get(
    partition: number,
    table: TableName,
    keys: readonly TableKey[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const prefix = rowPrefix(partition, table);
    renewView(this.marks, partition);
    return keys.map((key) => this.rows.getBinary(prefix + key));
  }

  async range(partition: number, { table, from, to, limit }: RangeQuery): Promise<readonly TableRow[]> {
    const prefix = rowPrefix(partition, table);
    const start = prefix + from;
    const end = to === undefined ? prefixEnd(prefix) : prefix + to;
    if (limit <= 0 || start >= end) return [];
    const found: TableRow[] = [];
    renewView(this.marks, partition);
    for (const { key, value } of this.rows.getRange({ start, end, limit })) {
      found.push({ key: key.slice(prefix.length), value });
    }
    return found;
  }

  readMark(partition: number): VersionedMark {
    renewView(this.marks, partition);
    const entry = this.marks.getEntry(partition);
    if (entry?.version === undefined)
      throw new StoreFailure('store-incompatible', `no mark record of partition ${partition}`);
    return { ...decodeMarkRecord(entry.value), version: entry.version };
  }
}

/** What stands before the keys of a table. */
export function rowPrefix(partition: number, table: string): string {
  return String.fromCharCode(partition >>> 8, partition & 0xff, table.length) + table;
}

/** The first string after everything that starts with `prefix`, which does not consist of U+00FF alone. */
function prefixEnd(prefix: string): string {
  let length = prefix.length;
  while (prefix.charCodeAt(length - 1) === 0xff) length -= 1;
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1);
}
