/**
 * The outcome index of one partition with its rows: writes new segments with the sweep, reads old ones for a look,
 * merges them in the background, and tells the filter what it may hold after a restart.
 *
 * L1  A look finds the recorded outcome of every id within the retention; the caller compares the full id. A segment
 *     that went away while the look was reading is not a miss: its ids stand in what replaced it, or another owner has
 *     replaced it, and this one is about to learn that it has none.
 * L2  Segments and their directory change in one slice, the last of a sweep.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { TableDelete, TableKey, TablePut, Tables } from '../../persistence/tables.js';
import type { FilterGenerations } from './filter-generations.js';
import { idHash, idHashKey } from './id-hash.js';
import { OutcomeIndex, type SegmentMerge } from './outcome-index.js';
import { findInSegment, mergeSegments } from './outcome-segment.js';
import { decodeDirectory } from './segment-directory.js';

export const outcomeTable = 'outcome';
const directoryKey = 'directory';

/**
 * Command ids are digests already, and a collision only costs one more entry to compare: the key need not be secret, but
 * it must be the same for ever, because segments hold these hashes.
 */
const hashKey = idHashKey(new Uint8Array(16));
const hash = new Uint32Array(2);

/** A look repeats itself when segments went away under it; the index knows of that by then. */
const looksMax = 3;

/** Rows of the ledger for the last slice of a sweep. `written` is called when they are durable. */
export interface LedgerRows {
  readonly puts: readonly TablePut[];
  readonly deletes: readonly TableDelete[];
  readonly written: () => void;
}

/** Lets the shard serve before what is long goes on. */
export type NextTurn = () => Promise<void>;

interface ReadyMerge {
  readonly merge: SegmentMerge;
  readonly bytes: Uint8Array;
}

export class OutcomeLedger {
  readonly #tables: Tables;
  readonly #partition: number;
  readonly #index: OutcomeIndex;
  readonly #nextTurn: NextTurn;
  #ready: ReadyMerge | undefined;
  /** The merge that was given to a slice last: the store may show it before the index hears of it. */
  #leaving: ReadyMerge | undefined;

  private constructor(tables: Tables, partition: number, index: OutcomeIndex, nextTurn: NextTurn) {
    this.#tables = tables;
    this.#partition = partition;
    this.#index = index;
    this.#nextTurn = nextTurn;
  }

  /** Reads the directory; segments themselves are read when they are looked into, or by `cover`. */
  static async open(
    tables: Tables,
    partition: number,
    filter: FilterGenerations,
    nextTurn: NextTurn,
  ): Promise<OutcomeLedger> {
    const [directory] = await tables.get(partition, outcomeTable, [directoryKey]);
    const index = new OutcomeIndex(filter, undefined, directory);
    return new OutcomeLedger(tables, partition, index, nextTurn);
  }

  /** Outcomes that a repeat can still find. */
  get retainedCount(): number {
    return this.#index.retainedCount;
  }

  note(commandId: string, position: number, at: number): void {
    idHash(commandId, hashKey, hash);
    this.#index.noteCommitted(hash[0] as number, hash[1] as number, position, at);
  }

  /** False: the id has certainly no recorded outcome within the retention. Reads no store. */
  mayHold(commandId: string): boolean {
    idHash(commandId, hashKey, hash);
    return this.#index.candidates(hash[0] as number, hash[1] as number) !== undefined;
  }

  /** Positions at which the outcome of an id may stand, newest first within each segment. */
  async candidates(commandId: string): Promise<readonly number[]> {
    idHash(commandId, hashKey, hash);
    const [high, low] = [hash[0] as number, hash[1] as number];
    let found = this.#index.candidates(high, low);
    for (let look = 1; look <= looksMax; look++) {
      if (found === undefined) return [];
      const segments = await this.#segmentsNow(found.segments);
      if (segments !== undefined)
        return [...found.positions, ...segments.flatMap((bytes) => findInSegment(bytes, high, low))];
      found = this.#index.candidates(high, low);
    }
    throw await this.#whyMissing(found?.segments ?? []);
  }

  /** A stored directory that does not list them is not of this owner's writing. */
  async #whyMissing(numbers: readonly number[]): Promise<OperatingError> {
    const [stored] = await this.#tables.get(this.#partition, outcomeTable, [directoryKey]);
    const listed = stored === undefined ? [] : decodeDirectory(stored).segments.map(({ number }) => number);
    if (numbers.every((number) => listed.includes(number))) {
      const detail = `Partition ${this.#partition} lacks a segment of its directory.`;
      return new OperatingError('bytes-damaged', detail);
    }
    return new OperatingError('storage-unavailable', 'The partition is being taken by another owner.');
  }

  /** Takes what a sweep up to `position` is to write: a new segment, a finished merge, what has expired. */
  takeRows(position: number, now: number): LedgerRows {
    const puts: TablePut[] = [];
    const expired = this.#index.expire(now);
    const taken = this.#index.takeSegment(position);
    if (taken !== undefined) {
      puts.push({ table: outcomeTable, key: segmentKey(taken.number), value: taken.bytes });
    }
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined) {
      this.#leaving = ready;
      puts.push({ table: outcomeTable, key: segmentKey(ready.merge.number), value: ready.bytes });
    }
    const replaced = ready?.merge.replaces.map(({ number }) => number) ?? [];
    const deletes = [...expired, ...replaced].map((number) => ({
      table: outcomeTable,
      key: segmentKey(number),
    }));
    if (puts.length + deletes.length > 0) {
      puts.push({ table: outcomeTable, key: directoryKey, value: this.#index.directory(ready?.merge) });
    }
    const written = (): void => {
      if (taken !== undefined) this.#index.segmentWritten(taken.number);
      if (ready !== undefined) this.#index.mergeWritten(ready.merge);
      void this.#prepareMerge();
    };
    return { puts, deletes, written };
  }

  /**
   * After a restart: tells the filter the ids of stored segments, newest first, one segment a turn, so that the shard serves
   * meanwhile. Until then looks search them. Segments that are merged meanwhile come as one.
   */
  async cover(): Promise<void> {
    const covered = new Set<number>();
    for (;;) {
      // A filter that is too small forgets while it is told: each segment has one turn.
      const number = this.#index.uncovered().find((uncovered) => !covered.has(uncovered));
      if (number === undefined) return;
      covered.add(number);
      await this.#nextTurn();
      const [bytes] = (await this.#segmentsNow([number])) ?? [];
      if (bytes !== undefined) this.#index.cover(number, bytes);
    }
  }

  async #prepareMerge(): Promise<void> {
    const merge = this.#index.nextMerge();
    if (merge === undefined) return;
    try {
      const segments: Uint8Array[] = [];
      for (const { number } of merge.replaces) {
        const [bytes] = await this.#read([number]);
        // Without all of them the merge would lose ids.
        if (bytes === undefined) return this.#index.mergeAbandoned();
        segments.push(bytes);
        await this.#nextTurn();
      }
      this.#ready = { merge, bytes: await this.#merged(segments) };
    } catch {
      // The store could not be read now: the segments stay as they are, and a later sweep plans again.
      this.#index.mergeAbandoned();
    }
  }

  async #merged(segments: readonly Uint8Array[]): Promise<Uint8Array> {
    const steps = mergeSegments(segments);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await this.#nextTurn();
    }
  }

  /** The bytes of segments, or of the merge that has just replaced them; undefined when one is neither. */
  async #segmentsNow(numbers: readonly number[]): Promise<readonly Uint8Array[] | undefined> {
    const rows = await this.#read(numbers);
    const leaving = this.#leaving;
    const segments = new Set<Uint8Array>();
    for (const [index, stored] of rows.entries()) {
      const isLeaving = leaving?.merge.replaces.some(({ number }) => number === numbers[index]) ?? false;
      const bytes = stored ?? (isLeaving ? leaving?.bytes : undefined);
      if (bytes === undefined) return undefined;
      segments.add(bytes);
    }
    return [...segments];
  }

  /** The stored bytes in the order of `numbers`. */
  async #read(numbers: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#tables.get(this.#partition, outcomeTable, numbers.map(segmentKey));
  }
}

function segmentKey(number: number): TableKey {
  return `s${number.toString(36).padStart(9, '0')}`;
}
