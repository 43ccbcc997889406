/**
 * The outcome index against a plain list of everything noted, with a table of segments beside it that loses, as the real
 * one does, whatever was not written when the partition is reopened.
 */
import fc from 'fast-check';
import t from 'tap';
import { FilterGenerations, generationSpanMs } from '../../../runtime/deduplication/filter-generations.js';
import { idHash, idHashKey } from '../../../runtime/deduplication/id-hash.js';
import { OutcomeIndex, type SegmentMerge } from '../../../runtime/deduplication/outcome-index.js';
import { findInSegment } from '../../../runtime/deduplication/outcome-segment.js';
import {
  expiredCount,
  planMerge,
  type SegmentLimits,
  type StoredSegment,
  segmentLimitsDefault,
} from '../../../runtime/deduplication/segment-plan.js';
import { mergedSegments } from '../../support/merged-segments.js';

const limits: SegmentLimits = { retentionMs: 1_000, retainedIdsMax: 300, mergeFanIn: 3, segmentIdsMax: 120 };
const key = idHashKey(new Uint8Array(8));

interface Noted {
  readonly id: number;
  readonly position: number;
  readonly at: number;
}

/** A partition's log, its segment table and the index over both. */
class Partition {
  readonly #filterBytes: number;
  #filter: FilterGenerations;
  #index: OutcomeIndex;
  #table = new Map<number, Uint8Array>();
  #directory: Uint8Array | undefined;
  readonly log: Noted[] = [];
  now = 10_000;

  constructor(filterBytes: number) {
    this.#filterBytes = filterBytes;
    this.#filter = new FilterGenerations(filterBytes);
    this.#index = new OutcomeIndex(this.#filter, limits);
  }

  get index(): OutcomeIndex {
    return this.#index;
  }

  commit(id: number): void {
    const noted = { id, position: this.log.length + 1, at: this.now };
    this.log.push(noted);
    this.#note(noted);
  }

  /** One slice: a new segment, expired ones gone, and maybe a merge. `written` false: a crash instead of the commit. */
  sweep(upTo: number, merges: boolean, written: boolean): void {
    const index = this.#index;
    const taken = index.takeSegment(upTo);
    const expired = index.expire(this.now);
    const merge: SegmentMerge | undefined = merges ? index.nextMerge() : undefined;
    if (!written) {
      this.reopen();
      return;
    }
    this.#directory = index.directory(merge);
    if (taken !== undefined) this.#table.set(taken.number, taken.bytes);
    for (const number of expired) this.#table.delete(number);
    if (merge !== undefined) {
      const parts = merge.replaces.map(({ number }) => this.#bytes(number));
      this.#table.set(merge.number, mergedSegments(parts).bytes);
      for (const { number } of merge.replaces) this.#table.delete(number);
      index.mergeWritten(merge);
    }
    if (taken !== undefined) index.segmentWritten(taken.number);
  }

  reopen(): void {
    this.#filter = new FilterGenerations(this.#filterBytes);
    this.#index = new OutcomeIndex(this.#filter, limits, this.#directory);
    const from = this.#index.writtenPosition;
    for (const noted of this.log) if (noted.position > from) this.#note(noted);
  }

  coverOne(): void {
    const [number] = this.#index.uncovered();
    if (number !== undefined) this.#index.cover(number, this.#bytes(number));
  }

  /** Positions at which the index says the id's outcome stands. */
  find(id: number): number[] {
    const hash = idHash(String(id), key, new Uint32Array(2));
    const [high = 0, low = 0] = hash;
    const candidates = this.#index.candidates(high, low);
    if (candidates === undefined) return [];
    const written = candidates.segments.flatMap((number) => findInSegment(this.#bytes(number), high, low));
    return [...candidates.positions, ...written];
  }

  get tableNumbers(): number[] {
    return [...this.#table.keys()].toSorted((left, right) => left - right);
  }

  #bytes(number: number): Uint8Array {
    const bytes = this.#table.get(number);
    if (bytes === undefined) throw new Error(`segment ${number} is searched and not stored`);
    return bytes;
  }

  #note({ id, position, at }: Noted): void {
    const [high = 0, low = 0] = idHash(String(id), key, new Uint32Array(2));
    this.#index.noteCommitted(high, low, position, at);
  }
}

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      ids: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('sweep' as const),
      back: fc.integer({ min: 0, max: 4 }),
      merges: fc.boolean(),
      written: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 120 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cover' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
);

t.test(
  'O1, O2, O3: every outcome within the retention is found, and nothing that was never noted',
  async () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 250, size: 'max' }),
        // Down to a filter that forgets all the time.
        fc.constantFrom(256, 4_096),
        (actions, filterBytes) => {
          const partition = new Partition(filterBytes);
          for (const act of actions) {
            if (act.type === 'commit') for (const id of act.ids) partition.commit(id);
            else if (act.type === 'sweep') {
              partition.sweep(partition.log.length - act.back, act.merges, act.written);
            } else if (act.type === 'wait') partition.now += act.ms;
            else if (act.type === 'cover') partition.coverOne();
            else partition.reopen();
          }
          const { log, now } = partition;
          for (let id = 0; id <= 41; id++) {
            const found = new Set(partition.find(id));
            for (const noted of log) {
              const newer = log.length - noted.position;
              const retained = noted.at > now - limits.retentionMs && newer < limits.retainedIdsMax;
              if (noted.id === id && retained && !found.has(noted.position)) return false;
              if (noted.id !== id && found.has(noted.position)) return false;
            }
            if (found.size > log.filter((noted) => noted.id === id).length) return false;
          }
          return true;
        },
      ),
      { numRuns: 300 },
    );
  },
);

t.test('a new id costs no look at a segment once the filter knows them', async (t) => {
  const partition = new Partition(65_536);
  for (let id = 0; id < 20; id++) partition.commit(id);
  partition.sweep(20, false, true);
  partition.reopen();
  const unknown = idHash('never seen', key, new Uint32Array(2));
  const [high = 0, low = 0] = unknown;
  t.match(
    partition.index.candidates(high, low),
    { positions: [], segments: [1] },
    'before the filter is filled',
  );
  partition.coverOne();
  t.same(partition.index.uncovered(), []);
  t.equal(partition.index.candidates(high, low), undefined);
  t.same(partition.find(7), [8]);
});

t.test('candidates come newest first', async (t) => {
  const partition = new Partition(65_536);
  for (let round = 0; round < 2; round++) {
    partition.commit(1);
    partition.sweep(partition.log.length, false, true);
  }
  partition.commit(1);
  partition.commit(1);
  const [high = 0, low = 0] = idHash('1', key, new Uint32Array(2));
  t.same(partition.index.candidates(high, low), { positions: [4, 3], segments: [2, 1] });
});

t.test(
  'a merged segment is searched without the filter once the filter has dropped its oldest part',
  async (t) => {
    const filter = new FilterGenerations(4_096);
    const index = new OutcomeIndex(filter, { ...limits, retentionMs: 100 * generationSpanMs });
    const note = (id: string, position: number, at: number): void => {
      const [high = 0, low = 0] = idHash(id, key, new Uint32Array(2));
      index.noteCommitted(high, low, position, at);
      index.segmentWritten(index.takeSegment(position)?.number ?? 0);
    };
    note('first', 1, 0);
    note('second', 2, generationSpanMs);
    note('third', 3, generationSpanMs);
    const merge = index.nextMerge();
    t.ok(merge);
    if (merge !== undefined) index.mergeWritten(merge);
    t.same(index.uncovered(), []);
    for (let span = 2; span <= 4; span++) filter.add(span, span, span * generationSpanMs);
    const [high = 0, low = 0] = idHash('first', key, new Uint32Array(2));
    t.notOk(filter.mayHold(high, low));
    t.same(index.candidates(high, low), { positions: [], segments: [merge?.number] });
  },
);

t.test('O4: one segment at a time is being written, and its ids are found meanwhile', async (t) => {
  const partition = new Partition(65_536);
  partition.commit(1);
  const { index } = partition;
  const taken = index.takeSegment(1);
  partition.commit(2);
  t.equal(index.takeSegment(2), undefined);
  t.equal(index.nextMerge(), undefined, 'nothing to merge');
  t.same(partition.find(1), [1]);
  t.throws(() => index.segmentWritten(99));
  index.segmentWritten(taken?.number ?? 0);
  t.same(index.takeSegment(2)?.number, 2);
  t.equal(index.retainedCount, 2);
});

t.test('expired segments are deleted from the table and the directory', async (t) => {
  const partition = new Partition(65_536);
  partition.commit(1);
  partition.sweep(1, false, true);
  partition.now += limits.retentionMs;
  partition.commit(2);
  partition.sweep(2, false, true);
  t.same(partition.tableNumbers, [2]);
  t.same(partition.find(1), []);
  partition.reopen();
  t.equal(partition.index.segmentCount, 1);
});

t.test('segments of a merge under way are not expired', async (t) => {
  const partition = new Partition(65_536);
  for (let id = 1; id <= 3; id++) {
    partition.commit(id);
    partition.sweep(id, false, true);
  }
  const merge = partition.index.nextMerge();
  t.same(
    merge?.replaces.map(({ number }) => number),
    [1, 2, 3],
  );
  t.same(partition.index.expire(partition.now + limits.retentionMs), []);
  partition.index.mergeAbandoned();
  t.same(partition.index.expire(partition.now + limits.retentionMs), [1, 2, 3]);
});

function segment(count: number, newestAt = 0): StoredSegment {
  return { number: 1, count, newestAt, newestPosition: 1 };
}

t.test('a merge takes neighbours of like size, the cheapest first, and none above the limit', async (t) => {
  const plan = (counts: readonly number[]) =>
    planMerge(
      counts.map((count) => segment(count)),
      limits,
    );
  t.equal(plan([1, 1]), undefined, 'too few');
  t.equal(plan([70, 1, 1]), undefined, 'the large one would be rewritten for two');
  t.same(plan([70, 1, 1, 1]), { from: 1, to: 4 });
  t.same(plan([10, 10, 10, 2, 2, 2]), { from: 3, to: 6 });
  t.equal(plan([41, 41, 41]), undefined, 'above the limit');
});

t.test(
  'with a sweep a second the number of segments stays small and each id is rewritten seldom',
  async (t) => {
    let segments: StoredSegment[] = [];
    let rewritten = 0;
    let most = 0;
    let total = 0;
    for (let sweep = 0; sweep < 5_000; sweep++) {
      const count = 1 + ((sweep * 7_919) % 400);
      total += count;
      segments.push(segment(count));
      for (let range = planMerge(segments, segmentLimitsDefault); range !== undefined; ) {
        const merged = segments.slice(range.from, range.to).reduce((sum, one) => sum + one.count, 0);
        rewritten += merged;
        segments = segments.toSpliced(range.from, range.to - range.from, segment(merged));
        range = planMerge(segments, segmentLimitsDefault);
      }
      segments.splice(0, expiredCount(segments, segmentLimitsDefault, { now: 0, newer: 0 }));
      most = Math.max(most, segments.length);
    }
    t.comment(`${total} ids, at most ${most} segments, ${(rewritten / total).toFixed(1)} rewrites an id`);
    t.ok(most <= 100, `${most} segments`);
    t.ok(rewritten / total <= 5, `${rewritten / total} rewrites an id`);
  },
);

t.test('outcomes expire after the time, or when enough newer ones exist, whichever ends first', async (t) => {
  const segments = [segment(50, 100), segment(50, 200), segment(10, 300)];
  const expired = (now: number, newer: number) => expiredCount(segments, limits, { now, newer });
  t.equal(expired(300, 240), 1, '300 newer ones');
  t.equal(expired(300, 290), 2);
  t.equal(expired(300, 239), 0);
  t.equal(expired(1_250, 0), 2, 'by time');
  t.equal(expired(1_300, 0), 3);
});
