/**
 * Where the outcome of a command id stands in a partition's log. Holds no outcome itself: a look gives positions, and
 * the caller compares the full id in the entry.
 *
 *     noteCommitted ─► tail (memory) ── takeSegment ─► taken (memory, being written) ── segmentWritten ─► segments (tables)
 *                                                                          segments ── nextMerge, mergeWritten ─► fewer
 *                                                                          segments ── expire ─► gone
 *
 * A filter shared by the partitions of a shard stands in front: for an id it does not know nothing is looked up, except
 * in segments whose ids it does not hold (just loaded, or pushed out of it).
 *
 * O1  A look finds every id noted and not expired: its position, or the number of a segment that holds it.
 * O2  What is taken stays in memory until it is written; a slice that is refused resets the partition, which loads anew.
 * O3  `directory` is stored in the slice that writes or deletes segments, so the two never disagree.
 * O4  At most one segment is being written and one merge under way.
 */
import type { FilterGenerations } from './filter-generations.js';
import { encodeSegment, forEachInSegment } from './outcome-segment.js';
import { OutcomeTail } from './outcome-tail.js';
import { decodeDirectory, encodeDirectory } from './segment-directory.js';
import {
  expiredCount,
  planMerge,
  type SegmentLimits,
  type StoredSegment,
  segmentLimitsDefault,
} from './segment-plan.js';

/** Where an id may stand. Newest first, as a repeat usually follows soon. */
export interface OutcomeCandidates {
  /** Positions of entries that are still in memory. */
  readonly positions: readonly number[];
  /** Segments to search with `findInSegment`. */
  readonly segments: readonly number[];
}

export interface TakenSegment {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Neighbours to be replaced by one segment with a new number. */
export interface SegmentMerge {
  readonly number: number;
  readonly replaces: readonly StoredSegment[];
}

interface Held extends StoredSegment {
  /** Generation of the filter that holds the oldest of its ids; undefined when the filter was never told. */
  generation: number | undefined;
}

interface Part {
  readonly outcomes: OutcomeTail;
  newestAt: number;
  /** Of its oldest id, or lower. */
  generation: number;
}

export class OutcomeIndex {
  readonly #filter: FilterGenerations;
  readonly #limits: SegmentLimits;
  /** Oldest first. */
  #segments: Held[] = [];
  /** Of the segments: while it is live the filter answers for every one of them. */
  #oldestGeneration = Number.POSITIVE_INFINITY;
  #nextNumber: number;
  #tail: Part = emptyPart();
  #taken: { readonly number: number; readonly part: Part } | undefined;
  #merge: SegmentMerge | undefined;

  constructor(
    filter: FilterGenerations,
    limits: SegmentLimits = segmentLimitsDefault,
    directory?: Uint8Array,
  ) {
    const { nextNumber, segments } = directory === undefined ? emptyDirectory : decodeDirectory(directory);
    this.#filter = filter;
    this.#limits = limits;
    this.#nextNumber = nextNumber;
    this.#hold(segments.map((segment) => ({ ...segment, generation: undefined })));
  }

  /** Position up to which segments are written; outcomes after it are noted anew when the tail of the log is read. */
  get writtenPosition(): number {
    return this.#segments.at(-1)?.newestPosition ?? 0;
  }

  /** Outcomes that a repeat can still find (shown in health). */
  get retainedCount(): number {
    const written = this.#segments.reduce((sum, { count }) => sum + count, 0);
    return written + (this.#taken?.part.outcomes.count ?? 0) + this.#tail.outcomes.count;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  /** Notes a command's outcome at `position`, which never runs back; `at` is the entry's time, Unix ms. */
  noteCommitted(high: number, low: number, position: number, at: number): void {
    const tail = this.#tail;
    const generation = this.#filter.add(high, low, at);
    if (tail.outcomes.count === 0) tail.generation = generation;
    tail.outcomes.add(high, low, position);
    tail.newestAt = Math.max(tail.newestAt, at);
  }

  /** Undefined for an id that has certainly not been noted, or whose outcome has expired. */
  candidates(high: number, low: number): OutcomeCandidates | undefined {
    const known = this.#filter.mayHold(high, low);
    if (!known && this.#filterHoldsAll()) return undefined;
    const positions: number[] = [];
    const segments: number[] = [];
    this.#taken?.part.outcomes.find(high, low, positions);
    this.#tail.outcomes.find(high, low, positions);
    for (const segment of this.#segments) {
      if (known || !this.#isCovered(segment)) segments.push(segment.number);
    }
    return positions.length + segments.length === 0
      ? undefined
      : { positions: positions.reverse(), segments: segments.reverse() };
  }

  /** Outcomes up to `position` as a segment to be written; undefined when there are none or one is being written. */
  takeSegment(position: number): TakenSegment | undefined {
    if (this.#taken !== undefined) return undefined;
    const part = this.#tail;
    const later = part.outcomes.splitAfter(position);
    this.#tail = { ...part, outcomes: later };
    if (part.outcomes.count === 0) return undefined;
    const number = this.#nextNumber++;
    this.#taken = { number, part };
    return { number, bytes: encodeSegment(part.outcomes) };
  }

  /** The taken segment is durable: memory lets go of its ids. */
  segmentWritten(number: number): void {
    const { part } = this.#expectTaken(number);
    this.#hold([...this.#segments, { ...takenAsStored(number, part), generation: part.generation }]);
    this.#taken = undefined;
  }

  /** Numbers of segments past the retention, to be deleted; no look gives them any more. */
  expire(now: number): number[] {
    const newer = this.#tail.outcomes.count + (this.#taken?.part.outcomes.count ?? 0);
    let count = expiredCount(this.#segments, this.#limits, { now, newer });
    // Those of a merge under way are dropped with its result.
    const merging = this.#segments.findIndex(({ number }) => this.#isMerging(number));
    if (merging >= 0) count = Math.min(count, merging);
    const expired = this.#segments.slice(0, count);
    this.#hold(this.#segments.slice(count));
    return expired.map(({ number }) => number);
  }

  /** The merge that is worth most now; its number is used once, whatever becomes of it. */
  nextMerge(): SegmentMerge | undefined {
    if (this.#merge !== undefined) return undefined;
    const range = planMerge(this.#segments, this.#limits);
    if (range === undefined) return undefined;
    this.#merge = { number: this.#nextNumber++, replaces: this.#segments.slice(range.from, range.to) };
    return this.#merge;
  }

  /** The merged segment is durable and those it replaces are deleted. */
  mergeWritten(merge: SegmentMerge): void {
    this.#hold(this.#merged(merge));
    this.#merge = undefined;
  }

  mergeAbandoned(): void {
    this.#merge = undefined;
  }

  /** What is to be stored beside the segments: as if the taken segment, and `merge`, were written already. */
  directory(merge?: SegmentMerge): Uint8Array {
    const segments: StoredSegment[] = merge === undefined ? [...this.#segments] : this.#merged(merge);
    if (this.#taken !== undefined) segments.push(takenAsStored(this.#taken.number, this.#taken.part));
    return encodeDirectory({ nextNumber: this.#nextNumber, segments });
  }

  /** Segments whose ids the filter does not hold, newest first: each look searches them, until `cover` has seen them. */
  uncovered(): number[] {
    return this.#segments
      .filter((segment) => !this.#isCovered(segment))
      .map(({ number }) => number)
      .reverse();
  }

  /** Tells the filter the ids of a segment. One that is gone meanwhile is ignored. */
  cover(number: number, bytes: Uint8Array): void {
    const segment = this.#segments.find((held) => held.number === number);
    if (segment === undefined) return;
    let generation: number | undefined;
    forEachInSegment(bytes, (high, low) => {
      const added = this.#filter.add(high, low, segment.newestAt);
      generation ??= added;
    });
    segment.generation = generation ?? this.#filter.generation;
    this.#hold(this.#segments);
  }

  #hold(segments: Held[]): void {
    this.#segments = segments;
    this.#oldestGeneration = Math.min(
      Number.POSITIVE_INFINITY,
      ...segments.map(({ generation }) => generation ?? Number.NEGATIVE_INFINITY),
    );
  }

  /** While true, an id that the filter denies stands nowhere. */
  #filterHoldsAll(): boolean {
    const inMemory = Math.min(
      this.#tail.generation,
      this.#taken?.part.generation ?? Number.POSITIVE_INFINITY,
    );
    return this.#filter.isLive(Math.min(inMemory, this.#oldestGeneration));
  }

  #isCovered({ generation }: Held): boolean {
    return generation !== undefined && this.#filter.isLive(generation);
  }

  #isMerging(number: number): boolean {
    return this.#merge?.replaces.some((segment) => segment.number === number) ?? false;
  }

  #merged({ number, replaces }: SegmentMerge): Held[] {
    const numbers = new Set(replaces.map((segment) => segment.number));
    const replaced = this.#segments.filter((segment) => numbers.has(segment.number));
    const last = replaced.at(-1);
    if (last === undefined || replaced.length !== numbers.size)
      throw new Error('the segments of a merge are held');
    const generations = replaced.map((segment) => segment.generation);
    const merged: Held = {
      number,
      count: replaced.reduce((sum, { count }) => sum + count, 0),
      newestAt: Math.max(...replaced.map(({ newestAt }) => newestAt)),
      newestPosition: last.newestPosition,
      // The oldest decides; a part that the filter does not hold leaves the whole uncovered.
      generation: generations.includes(undefined) ? undefined : Math.min(...(generations as number[])),
    };
    const at = this.#segments.findIndex((segment) => numbers.has(segment.number));
    return this.#segments.toSpliced(at, replaced.length, merged);
  }

  #expectTaken(number: number): { readonly number: number; readonly part: Part } {
    if (this.#taken?.number !== number) throw new Error(`segment ${number} is not being written`);
    return this.#taken;
  }
}

const emptyDirectory = { nextNumber: 1, segments: [] };

function emptyPart(): Part {
  return { outcomes: new OutcomeTail(), newestAt: 0, generation: Number.POSITIVE_INFINITY };
}

function takenAsStored(number: number, { outcomes, newestAt }: Part): StoredSegment {
  const newestPosition = outcomes.positions[outcomes.count - 1] ?? 0;
  return { number, count: outcomes.count, newestAt, newestPosition };
}
