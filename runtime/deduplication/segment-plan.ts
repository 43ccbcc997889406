/**
 * Which outcome segments a partition keeps, and which of them are worth merging. Pure.
 *
 * Segments stand in the order of the log, oldest first, each after the one before it. A merge takes neighbours of which
 * none is as large as the others together, so an id is rewritten only into a segment at least twice as large: log2 of
 * `segmentIdsMax` times at most.
 */

export interface StoredSegment {
  /** Its key in the table; never used twice in a partition. */
  readonly number: number;
  readonly count: number;
  /** Time of its newest outcome, Unix ms. */
  readonly newestAt: number;
  /** Position of its newest outcome. */
  readonly newestPosition: number;
}

export interface SegmentLimits {
  /** Decision D18: outcomes are kept for this long … */
  readonly retentionMs: number;
  /** … or until so many newer ones exist in the partition, whichever ends first. */
  readonly retainedIdsMax: number;
  /** Neighbours merged at a time. */
  readonly mergeFanIn: number;
  /** No merge makes a larger segment: whole segments are dropped, and one is written in one slice (512 KB). */
  readonly segmentIdsMax: number;
}

export const segmentLimitsDefault: SegmentLimits = {
  retentionMs: 24 * 3_600_000,
  retainedIdsMax: 1_000_000,
  mergeFanIn: 8,
  segmentIdsMax: 32_768,
};

/** The segments to merge next, as a range of `segments`; undefined when none are worth it. Cheapest first. */
export function planMerge(
  segments: readonly StoredSegment[],
  { mergeFanIn, segmentIdsMax }: SegmentLimits,
): { readonly from: number; readonly to: number } | undefined {
  let best: { from: number; to: number } | undefined;
  let least = segmentIdsMax + 1;
  for (let from = 0; from + mergeFanIn <= segments.length; from++) {
    let total = 0;
    let largest = 0;
    for (let index = from; index < from + mergeFanIn; index++) {
      const { count } = segments[index] as StoredSegment;
      total += count;
      largest = Math.max(largest, count);
    }
    if (largest * 2 <= total && total < least) {
      least = total;
      best = { from, to: from + mergeFanIn };
    }
  }
  return best;
}

/** How many of the oldest segments are past the retention. `newer` counts outcomes newer than all segments. */
export function expiredCount(
  segments: readonly StoredSegment[],
  { retentionMs, retainedIdsMax }: SegmentLimits,
  { now, newer }: { readonly now: number; readonly newer: number },
): number {
  let after = segments.reduce((sum, { count }) => sum + count, newer);
  let expired = 0;
  for (const { count, newestAt } of segments) {
    after -= count;
    if (newestAt > now - retentionMs && after < retainedIdsMax) break;
    expired += 1;
  }
  return expired;
}
