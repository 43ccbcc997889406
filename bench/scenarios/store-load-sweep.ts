/**
 * The background writing of tables, as the runtime does it: dirty rows lie in buckets of adjacent keys, each partition writes its
 * next bucket at an even pace, and the checkpoint moves with the last slice of a sweep to where the sweep began.
 */
import { noHash } from '../../persistence/entry.js';
import type { Fence, Head } from '../../persistence/journal.js';
import type { Checkpoint, TableCommit, TablePut, Tables } from '../../persistence/tables.js';

export interface SweepOptions {
  readonly buckets: number;
  readonly periodMs: number;
  readonly slicePutsMax: number;
  /** Partitions of one phase write their slices together. */
  readonly phases: number;
}

const stateBytes = Buffer.alloc(150, 's');
const viewBytes = Buffer.alloc(100, 'v');
const outcomeBytes = 16;

export class PartitionSweep {
  readonly #partition: number;
  readonly #fence: Fence;
  readonly #options: SweepOptions;
  /** Per bucket the rows that changed since they were last written, by key. */
  readonly #dirty: Set<string>[];
  #bucket = 0;
  #dueAt: number;
  #outcomes = 0;
  #begunAt: Head = { position: 0, hash: noHash };
  #checkpoint: Checkpoint = { position: 0, hash: noHash, epoch: 0 };
  sweeps = 0;

  constructor(options: SweepOptions & { partition: number; fence: Fence; startAt: number }) {
    this.#partition = options.partition;
    this.#fence = options.fence;
    this.#options = options;
    this.#dueAt = options.startAt;
    this.#dirty = Array.from({ length: options.buckets }, () => new Set());
  }

  /** A durable command changed that actor. */
  mark(actor: number): void {
    // A hash, so that the keys of a bucket are neighbours in the store.
    const hash = Math.imul(actor, 0x9e3779b1) >>> 0;
    const key = hash.toString(16).padStart(8, '0') + actor;
    this.#dirty[Math.floor((hash / 0x1_0000_0000) * this.#options.buckets)]?.add(key);
    this.#outcomes += 1;
  }

  /** True when the next bucket is to be written. */
  isDue(now: number): boolean {
    return now >= this.#dueAt;
  }

  /** How late the sweep is. */
  lateness(now: number): number {
    return Math.max(0, now - this.#dueAt);
  }

  /** Writes one slice of the bucket that is due. Resolves to the number of rows. */
  async writeSlice(tables: Tables, durable: Head): Promise<number> {
    if (this.#bucket === 0) this.#begunAt = durable;
    const dirty = this.#dirty[this.#bucket] ?? new Set();
    const puts: TablePut[] = [];
    for (const key of dirty) {
      if (puts.length >= this.#options.slicePutsMax) break;
      dirty.delete(key);
      puts.push({ table: 'actors', key, value: stateBytes }, { table: 'view', key, value: viewBytes });
    }
    const isBucketDone = dirty.size === 0;
    const isLast = isBucketDone && this.#bucket === this.#options.buckets - 1;
    if (isLast) puts.push(this.#segment());
    const to = isLast ? { ...this.#begunAt, epoch: this.#fence.epoch } : this.#checkpoint;
    if (puts.length > 0) await this.#commit(tables, puts, to);
    if (isBucketDone) {
      this.#bucket = (this.#bucket + 1) % this.#options.buckets;
      this.#dueAt += this.#options.periodMs / this.#options.buckets;
    }
    if (isLast) this.sweeps += 1;
    return puts.length;
  }

  #segment(): TablePut {
    const key = this.#begunAt.position.toString(16).padStart(14, '0');
    const value = Buffer.alloc(this.#outcomes * outcomeBytes, 'o');
    this.#outcomes = 0;
    return { table: 'outcomes', key, value };
  }

  async #commit(tables: Tables, puts: TablePut[], to: Checkpoint): Promise<void> {
    const commit: TableCommit = {
      partition: this.#partition,
      fence: this.#fence,
      from: this.#checkpoint,
      to,
      puts,
      deletes: [],
    };
    const result = await tables.commit(commit);
    if (result.type !== 'committed') throw new Error(`table commit: ${JSON.stringify(result)}`);
    this.#checkpoint = to;
  }
}
