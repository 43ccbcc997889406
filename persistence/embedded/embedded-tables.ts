/**
 * Tables over their own LMDB environment. It cannot read the log's fences atomically, so it keeps a copy of each token, which
 * taking a partition raises before it resolves; from then on a stale owner is refused here as in the journal.
 *
 * A commit is one condition block: the partition's mark record must have the version this thread last gave it, which proves
 * token and checkpoint.
 */
import { assertPartition, refused, refuseTableCommit, sameFence } from '../append-check.js';
import type { Fence } from '../journal.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
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
import type { CommitSequence } from './commit-sequence.js';
import { fateOf, sendBlock } from './condition-block.js';
import { encodeMarkRecord, type MarkRecord } from './mark-record.js';
import { rowPrefix, type TablesEnvironment } from './tables-environment.js';
import type { WriteAhead } from './write-ahead.js';
import type { WriteDoor } from './write-door.js';

/** Commits of the old owner that slip in between; it has at most a few under way. */
const raiseAttemptsMax = 100;

interface MarkState extends MarkRecord {
  readonly fence: Fence;
  /** Follows commits under way. */
  checkpoint: Checkpoint;
  version: number;
}

export class EmbeddedTables implements Tables {
  readonly #environment: TablesEnvironment;
  readonly #door: WriteDoor;
  readonly #clock: StoreClock;
  readonly #sequence: CommitSequence;
  readonly #partitionCount: number;
  readonly #ahead: WriteAhead;
  readonly #states = new Map<number, MarkState>();

  constructor(options: {
    readonly environment: TablesEnvironment;
    readonly door: WriteDoor;
    readonly clock: StoreClock;
    readonly sequence: CommitSequence;
    readonly partitionCount: number;
    /** Of the log that the tables are made from. */
    readonly ahead: WriteAhead;
  }) {
    this.#environment = options.environment;
    this.#door = options.door;
    this.#clock = options.clock;
    this.#sequence = options.sequence;
    this.#partitionCount = options.partitionCount;
    this.#ahead = options.ahead;
  }

  get(
    partition: number,
    table: TableName,
    keys: readonly TableKey[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#environment.get(partition, table, keys);
  }

  range(partition: number, query: RangeQuery): Promise<readonly TableRow[]> {
    return this.#environment.range(partition, query);
  }

  commit(commit: TableCommit): Promise<TableCommitResult> {
    assertPartition(commit.partition, this.#partitionCount);
    assertRows(commit);
    const closed = this.#door.refusal();
    if (closed !== undefined) return Promise.resolve(closed);
    const state = this.#load(commit.partition);
    const refusal = refuseTableCommit(commit, state);
    if (refusal !== undefined) return Promise.resolve(this.#fencedBy(commit) ?? refusal);
    return this.#door.enter(this.#send(commit, state));
  }

  async checkpoint(partition: number): Promise<Checkpoint> {
    assertPartition(partition, this.#partitionCount);
    return this.#environment.readMark(partition).checkpoint;
  }

  /** Copies a token raised in the journal. A token that is higher already stays: that taker came later. */
  async raiseFence(partition: number, fence: Fence): Promise<void> {
    const { marks } = this.#environment;
    for (let attempt = 0; attempt < raiseAttemptsMax; attempt++) {
      // Not the space guard: a few bytes, and without an owner a full store could not even be read.
      if (this.#door.closed !== undefined) throw new StoreFailure('store-broken', this.#door.closed);
      const stored = this.#environment.readMark(partition);
      if (stored.fence.epoch >= fence.epoch) return;
      const version = this.#sequence.next([stored.version]);
      const record = encodeMarkRecord({ fence, checkpoint: stored.checkpoint });
      const block = sendBlock(marks, [{ key: partition, version: stored.version }], () => {
        void marks.put(partition, record, version);
      });
      const fate = await this.#door.enter(fateOf(block, this.#clock, () => false));
      if (fate.type === 'unknown') {
        this.#door.fail(fate.isLate);
        throw new StoreFailure('store-broken', 'the token of the tables could not be raised', {
          cause: fate.cause,
        });
      }
      if (fate.type === 'unmet') continue;
      this.#states.set(partition, { fence, checkpoint: stored.checkpoint, version });
      return;
    }
    throw new StoreFailure(
      'store-broken',
      `tables of partition ${partition} changed ${raiseAttemptsMax} times in a row`,
    );
  }

  forget(partition: number): void {
    this.#states.delete(partition);
  }

  #load(partition: number): MarkState {
    let state = this.#states.get(partition);
    if (state === undefined) {
      state = { ...this.#environment.readMark(partition) };
      this.#states.set(partition, state);
    }
    return state;
  }

  #fencedBy({ partition, fence }: TableCommit): TableCommitResult | undefined {
    const stored = this.#environment.readMark(partition).fence;
    if (sameFence(stored, fence)) return undefined;
    return refused(
      'fenced',
      `tables of partition ${partition} belong to epoch ${stored.epoch}, not ${fence.epoch}`,
    );
  }

  async #send(commit: TableCommit, state: MarkState): Promise<TableCommitResult> {
    const { rows, marks } = this.#environment;
    const { partition } = commit;
    const condition = { key: partition, version: state.version };
    state.version = this.#sequence.next([state.version]);
    state.checkpoint = commit.to;
    const { version } = state;
    const record = encodeMarkRecord(state);
    const prefixes = new Map<TableName, string>();
    const rowKey = (table: TableName, key: TableKey): string => {
      let prefix = prefixes.get(table);
      if (prefix === undefined) {
        prefix = rowPrefix(partition, table);
        prefixes.set(table, prefix);
      }
      return prefix + key;
    };
    // Whoever looks at both environments, or copies them one after the other, finds no table that is past its log.
    const failure = await this.#ahead.applied(partition, commit.to.position);
    if (failure !== undefined) return failure;
    const block = sendBlock(marks, [condition], () => {
      for (const { table, key, value } of commit.puts) void rows.put(rowKey(table, key), value as Buffer);
      for (const { table, key } of commit.deletes) void rows.remove(rowKey(table, key));
      void marks.put(partition, record, version);
    });
    const fate = await fateOf(block, this.#clock, () => {
      const stored = this.#environment.readMark(partition);
      return sameFence(stored.fence, commit.fence) && stored.version >= version;
    });
    switch (fate.type) {
      case 'durable':
        return { type: 'committed' };
      case 'unmet':
        if (this.#states.get(partition) === state) this.#states.delete(partition);
        return (
          this.#fencedBy(commit) ?? refused('conflict', `the checkpoint of partition ${partition} moved`)
        );
      case 'unknown':
        this.#door.fail(fate.isLate);
        return fate;
    }
  }
}

/** Checked before the block is opened: nothing inside it may throw. */
function assertRows({ puts, deletes }: TableCommit): void {
  for (const { table, key } of puts) {
    assertTableName(table);
    assertTableKey(key);
  }
  for (const { table, key } of deletes) {
    assertTableName(table);
    assertTableKey(key);
  }
}
