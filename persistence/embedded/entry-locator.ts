/**
 * Finds the entries of one partition: their commit sequences stand in index blocks of 64 and, for the newest, in the fence record.
 * So a read is one lookup per entry and one per block, wherever it starts and however quiet the partition was.
 */
import type { ReadLimits, StoredEntry } from '../journal.js';
import { journalGap } from '../journal-gap.js';
import type { FenceRecord } from './fence-record.js';
import { indexKey, type LogEnvironment, logKey } from './log-environment.js';
import { blockOf, sequenceInBlock } from './sequence-tail.js';

export class EntryLocator {
  readonly #environment: LogEnvironment;
  readonly #partition: number;
  readonly #headPosition: number;
  readonly #tail: readonly number[];
  #block: Buffer | undefined;
  #blockNumber = -1;

  constructor(environment: LogEnvironment, partition: number, record: FenceRecord) {
    this.#environment = environment;
    this.#partition = partition;
    this.#headPosition = record.head.position;
    this.#tail = record.tail.list();
  }

  /** The bytes at a position; undefined past the record's head, or where the log has a gap. */
  entry(position: number): Buffer | undefined {
    const sequence = this.#sequenceOf(position);
    return sequence === undefined
      ? undefined
      : this.#environment.log.getBinary(logKey(sequence, this.#partition));
  }

  /** See `Journal.read`; nothing after `durable`. `ahead` gives what LMDB does not have yet. */
  read(
    from: number,
    durable: number,
    limits: ReadLimits,
    ahead: (position: number) => Uint8Array | undefined = () => undefined,
  ): StoredEntry[] {
    const last = Math.min(durable, from + limits.entriesMax - 1);
    const entries: StoredEntry[] = [];
    let bytesRead = 0;
    for (let position = from; position <= last; position++) {
      const bytes = this.entry(position) ?? ahead(position);
      if (bytes === undefined) throw journalGap(this.#partition, position);
      bytesRead += bytes.length;
      if (entries.length > 0 && bytesRead > limits.bytesMax) break;
      entries.push({ position, bytes });
    }
    return entries;
  }

  #sequenceOf(position: number): number | undefined {
    const firstInTail = this.#headPosition - this.#tail.length + 1;
    if (position >= firstInTail) return this.#tail[position - firstInTail];
    const number = blockOf(position);
    if (number !== this.#blockNumber) {
      this.#block = this.#environment.index.getBinary(indexKey(this.#partition, number));
      this.#blockNumber = number;
    }
    return this.#block === undefined ? undefined : sequenceInBlock(this.#block, position);
  }
}
