/**
 * Tables as hashes, one per table and partition. A table that is read by ranges has a sorted set of its keys beside it, which
 * only rows that are new have to touch; `pointTables` are never ranged over in the product and are spared it.
 */
import { assertPartition, refused, refuseTableCommit } from '../append-check.js';
import { noHash } from '../entry.js';
import { elsewhere, type ServerBinding } from '../server-binding.js';
import { assertTableKey, assertTableName } from '../table-key.js';
import type {
  Checkpoint,
  RangeQuery,
  TableCommit,
  TableCommitResult,
  TableKey,
  TableName,
  TableRow,
  Tables,
} from '../tables.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { markText, parseMark } from './fence-text.js';
import { functions } from './function-library.js';
import { GuardedConnection } from './guarded-connection.js';
import type { RedisKeys } from './keys.js';
import type { RedisConnection } from './redis-connection.js';
import { faultOf } from './reply-error.js';
import type { Argument } from './request-bytes.js';

const noCheckpoint: Checkpoint = { position: 0, hash: noHash, epoch: 0 };
const committed: TableCommitResult = { type: 'committed' };

export class RedisTables implements Tables {
  readonly #connection: RedisConnection;
  readonly #guarded: GuardedConnection;
  readonly #keys: RedisKeys;
  readonly #heads: AcknowledgedHeads;
  readonly #binding: ServerBinding;
  readonly #partitionCount: number;
  readonly #pointTables: ReadonlySet<string>;

  constructor(parts: {
    readonly connection: RedisConnection;
    readonly keys: RedisKeys;
    readonly heads: AcknowledgedHeads;
    readonly binding: ServerBinding;
    readonly partitionCount: number;
    readonly pointTables: ReadonlySet<string>;
  }) {
    this.#connection = parts.connection;
    this.#guarded = new GuardedConnection(parts);
    this.#keys = parts.keys;
    this.#heads = parts.heads;
    this.#binding = parts.binding;
    this.#partitionCount = parts.partitionCount;
    this.#pointTables = parts.pointTables;
  }

  async get(
    partition: number,
    table: TableName,
    keys: readonly TableKey[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    this.#assertPartition(partition);
    if (keys.length === 0) return [];
    const { rows } = this.#keys.table(partition, table);
    const values = (await this.#guarded.ask('HMGET', [rows, ...keys.map(bytesOf)])) as (Buffer | null)[];
    return values.map((value) => value ?? undefined);
  }

  async range(partition: number, query: RangeQuery): Promise<readonly TableRow[]> {
    this.#assertPartition(partition);
    if (query.limit <= 0) return [];
    const { rows, index } = this.#keys.table(partition, query.table);
    const lower = bytesOf(`[${query.from}`);
    const upper = query.to === undefined ? '+' : bytesOf(`(${query.to}`);
    const args = [functions.range, '2', rows, index, lower, upper, String(query.limit)];
    const found = (await this.#guarded.ask('FCALL_RO', args)) as Buffer[] | null;
    if (found === null) return this.#rangeWithoutIndex(partition, query);
    return pairs(found);
  }

  async commit(commit: TableCommit): Promise<TableCommitResult> {
    assertPartition(commit.partition, this.#partitionCount);
    const command = this.#command(commit);
    if (this.#heads.halted !== undefined) return refused('storage', this.#heads.halted.message);
    if (this.#binding.isElsewhere(commit.partition)) return refused('conflict', elsewhere(commit.partition));
    let answer: unknown;
    try {
      answer = await this.#connection.send('FCALL', command);
    } catch (cause) {
      const fault = faultOf(cause);
      return fault.type === 'refused' ? refused('storage', fault.detail) : { type: 'unknown', cause };
    }
    if (answer === 1) return committed;
    // The Function's only other answer: the stored mark.
    const [mark] = answer as readonly (Buffer | null | undefined)[];
    if (mark == null) {
      const detail = await this.#guarded.whyHalted();
      if (detail !== undefined) return refused('storage', detail);
    }
    return this.#judge(commit, mark?.toString());
  }

  async checkpoint(partition: number): Promise<Checkpoint> {
    this.#assertPartition(partition);
    const mark = (await this.#guarded.ask('GET', [this.#keys.mark(partition)])) as Buffer | null;
    return mark === null ? noCheckpoint : parseMark(mark.toString()).checkpoint;
  }

  #assertPartition(partition: number): void {
    assertPartition(partition, this.#partitionCount);
    this.#binding.assertHere(partition);
  }

  #judge(commit: TableCommit, mark: string | undefined): TableCommitResult {
    const { partition } = commit;
    const stored = mark === undefined ? { fence: undefined, checkpoint: noCheckpoint } : parseMark(mark);
    return (
      refuseTableCommit(commit, stored) ??
      refused('conflict', `tables of partition ${partition} are not as expected`)
    );
  }

  #command({ partition, fence, from, to, puts, deletes }: TableCommit): Argument[] {
    const tables = new Map<string, { readonly values: Buffer[]; readonly deleted: Buffer[] }>();
    const changesOf = (name: string) => {
      let changes = tables.get(name);
      if (changes === undefined) {
        assertTableName(name);
        changes = { values: [], deleted: [] };
        tables.set(name, changes);
      }
      return changes;
    };
    for (const { table, key, value } of puts) {
      assertTableKey(key);
      changesOf(table).values.push(bytesOf(key), asBuffer(value));
    }
    for (const { table, key } of deletes) {
      assertTableKey(key);
      changesOf(table).deleted.push(bytesOf(key));
    }
    const expected = markText(fence, from);
    const args: Argument[] = [functions.commit, String(1 + 2 * tables.size), this.#keys.mark(partition)];
    for (const name of tables.keys()) {
      const { rows, index } = this.#keys.table(partition, name);
      args.push(rows, index);
    }
    args.push(expected, to === from ? expected : markText(fence, to));
    for (const [name, { values, deleted }] of tables) {
      args.push(this.#pointTables.has(name) ? '0' : '1', String(values.length));
      for (const value of values) args.push(value);
      args.push(String(deleted.length));
      for (const key of deleted) args.push(key);
    }
    return args;
  }

  /** All keys of the table are fetched and sorted: for tools that look into a table of points. */
  async #rangeWithoutIndex(partition: number, query: RangeQuery): Promise<readonly TableRow[]> {
    const { rows } = this.#keys.table(partition, query.table);
    const all = (await this.#guarded.ask('HKEYS', [rows])) as Buffer[];
    const keys = all
      .map((key) => key.toString('latin1'))
      .filter((key) => key >= query.from && (query.to === undefined || key < query.to))
      .sort((left, right) => (left < right ? -1 : 1))
      .slice(0, query.limit);
    const values = await this.get(partition, query.table, keys);
    return keys.flatMap((key, position) => {
      const value = values[position];
      return value === undefined ? [] : [{ key, value }];
    });
  }
}

/** One byte per character (T3). */
function bytesOf(key: TableKey): Buffer {
  return Buffer.from(key, 'latin1');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function pairs(flat: readonly Buffer[]): TableRow[] {
  const rows: TableRow[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2)
    rows.push({ key: (flat[at] as Buffer).toString('latin1'), value: flat[at + 1] as Buffer });
  return rows;
}
