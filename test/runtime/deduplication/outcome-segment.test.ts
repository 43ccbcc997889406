/**
 * Segment bytes against a plain list, and the bytes of their directory.
 */
import fc from 'fast-check';
import t from 'tap';
import {
  encodeSegment,
  findInSegment,
  forEachInSegment,
  segmentEntryBytes,
} from '../../../runtime/deduplication/outcome-segment.js';
import { OutcomeTail } from '../../../runtime/deduplication/outcome-tail.js';
import { decodeDirectory, encodeDirectory } from '../../../runtime/deduplication/segment-directory.js';
import { mergedSegments } from '../../support/merged-segments.js';

/** Few values, so that halves and whole hashes meet. */
const half = fc.constantFrom(0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff);
const outcome = fc.record({ high: half, low: half, position: fc.integer({ min: 1, max: 2 ** 50 }) });
type Outcome = { high: number; low: number; position: number };

function tailOf(outcomes: readonly Outcome[]): OutcomeTail {
  const tail = new OutcomeTail();
  for (const { high, low, position } of outcomes) tail.add(high, low, position);
  return tail;
}

function positionsOf(outcomes: readonly Outcome[], high: number, low: number): number[] {
  return sorted(
    outcomes.filter((one) => one.high === high && one.low === low).map(({ position }) => position),
  );
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((left, right) => left - right);
}

t.test('a segment finds exactly the positions that a list of its outcomes has', async () => {
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 100 }), half, half, (outcomes, high, low) => {
      const bytes = encodeSegment(tailOf(outcomes));
      const found = sorted(findInSegment(bytes, high, low));
      return JSON.stringify(found) === JSON.stringify(positionsOf(outcomes, high, low));
    }),
    { numRuns: 500 },
  );
});

t.test('a merge of segments is the segment of all their outcomes', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(outcome, { maxLength: 40 }), { maxLength: 9 }),
      half,
      half,
      (lists, high, low) => {
        const { bytes: merged } = mergedSegments(lists.map((list) => encodeSegment(tailOf(list))));
        const hashes: number[][] = [];
        forEachInSegment(merged, (...hash) => hashes.push(hash));
        const ascending = hashes.every((hash, index) => {
          const [before = -1, beforeLow = -1] = hashes[index - 1] ?? [];
          const [now = 0, nowLow = 0] = hash;
          return before < now || (before === now && beforeLow <= nowLow);
        });
        const found = sorted(findInSegment(merged, high, low));
        return ascending && JSON.stringify(found) === JSON.stringify(positionsOf(lists.flat(), high, low));
      },
    ),
    { numRuns: 300 },
  );
});

t.test('a merge goes on step by step: a shard serves in between', async (t) => {
  const many = Array.from({ length: 10_000 }, (_, index) => ({ high: index, low: 0, position: index + 1 }));
  const parts = [0, 1].map((part) => encodeSegment(tailOf(many.filter(({ high }) => high % 2 === part))));
  const { bytes, steps } = mergedSegments(parts);
  t.ok(steps >= 4, `${steps} steps for 10,000 entries`);
  t.same(bytes, encodeSegment(tailOf(many)));
});

t.test('a segment is searched where it lies, at any alignment', async (t) => {
  const bytes = encodeSegment(tailOf([{ high: 3, low: 4, position: 5 }]));
  t.equal(bytes.length, 8 + segmentEntryBytes);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  t.same(findInSegment(shifted.subarray(3), 3, 4), [5]);
});

t.test('bytes that are no segment, or are cut, are refused', async (t) => {
  const bytes = encodeSegment(tailOf([{ high: 3, low: 4, position: 5 }]));
  for (const wrong of [bytes.subarray(0, 4), bytes.subarray(0, bytes.length - 1), new Uint8Array(24)]) {
    t.throws(() => findInSegment(wrong, 3, 4), { code: 'bytes-damaged' });
  }
});

t.test('the tail finds every outcome noted, before and after it is split', async () => {
  const ordered = fc.array(outcome, { maxLength: 300 }).map((list) => {
    return list.map((one, index) => ({ ...one, position: Math.floor(index / 3) + 1 }));
  });
  fc.assert(
    fc.property(ordered, fc.integer({ min: 0, max: 110 }), half, half, (outcomes, at, high, low) => {
      const tail = tailOf(outcomes);
      const look = (part: OutcomeTail): number[] => {
        const found: number[] = [];
        part.find(high, low, found);
        return sorted(found);
      };
      const all = positionsOf(outcomes, high, low);
      if (JSON.stringify(look(tail)) !== JSON.stringify(all)) return false;
      const later = tail.splitAfter(at);
      return (
        JSON.stringify(look(tail)) === JSON.stringify(all.filter((position) => position <= at)) &&
        JSON.stringify(look(later)) === JSON.stringify(all.filter((position) => position > at))
      );
    }),
    { numRuns: 300 },
  );
});

t.test('a directory comes back as it was stored, and other bytes are refused', async (t) => {
  const directory = {
    nextNumber: 12,
    segments: [
      { number: 3, count: 40, newestAt: 1_800_000_000_000, newestPosition: 2 ** 40 },
      { number: 11, count: 1, newestAt: 1_800_000_000_001, newestPosition: 2 ** 40 + 1 },
    ],
  };
  const bytes = encodeDirectory(directory);
  t.same(decodeDirectory(bytes), directory);
  t.throws(() => decodeDirectory(bytes.subarray(1)), { code: 'bytes-damaged' });
  t.throws(() => decodeDirectory(bytes.subarray(0, bytes.length - 8)), { code: 'bytes-damaged' });
});
