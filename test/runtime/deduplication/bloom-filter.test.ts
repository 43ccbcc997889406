/**
 * The filters in front of the outcome index, and the hash they work on.
 */
import fc from 'fast-check';
import t from 'tap';
import { BloomFilter, bitsPerId } from '../../../runtime/deduplication/bloom-filter.js';
import {
  FilterGenerations,
  filterBytesFor,
  generationCount,
  generationSpanMs,
} from '../../../runtime/deduplication/filter-generations.js';
import { idHash, idHashKey } from '../../../runtime/deduplication/id-hash.js';

const key = idHashKey(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const out = new Uint32Array(2);

/** Runs `use` with the halves of an id's hash. */
function withHash<Result>(id: string, use: (high: number, low: number) => Result): Result {
  idHash(id, key, out);
  return use(out[0] as number, out[1] as number);
}

/** An id of 22 characters, as command ids are. */
function idOf(number: number): string {
  return number.toString(36).padStart(22, 'A');
}

t.test('F1: no id that was added is denied', async () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 30 })),
      fc.integer({ min: 1, max: 4_096 }),
      (ids, bytes) => {
        const filter = new BloomFilter(bytes);
        for (const id of ids) withHash(id, (high, low) => filter.add(high, low));
        return ids.every((id) => withHash(id, (high, low) => filter.mayHold(high, low)));
      },
    ),
  );
});

t.test('F2: at 16 bits an id fewer than 0.3 % of unknown ids are taken for known', async (t) => {
  const count = 100_000;
  const filter = new BloomFilter((count * bitsPerId) / 8);
  t.ok(Math.abs(filter.capacity - count) < 32);
  for (let index = 0; index < count; index++) withHash(idOf(index), (high, low) => filter.add(high, low));
  let wrong = 0;
  for (let index = count; index < 2 * count; index++) {
    if (withHash(idOf(index), (high, low) => filter.mayHold(high, low))) wrong += 1;
  }
  t.ok(wrong / count < 0.003, `${wrong} of ${count}`);
  filter.clear();
  t.equal(filter.count, 0);
  t.notOk(withHash(idOf(0), (high, low) => filter.mayHold(high, low)));
});

t.test('G1: an id is held for 24 hours, and its generation is not live once it is dropped', async (t) => {
  const filters = new FilterGenerations(generationCount * 1_024);
  const hours = 3_600_000;
  const at = 5 * hours;
  filters.add(9, 9, 0);
  const generation = withHash(idOf(1), (high, low) => filters.add(high, low, at));
  for (let hour = 1; hour <= 24; hour++) {
    filters.add(9, 9, at + hour * hours);
    t.ok(filters.isLive(generation), `${hour} h`);
    t.ok(withHash(idOf(1), (high, low) => filters.mayHold(high, low)));
  }
  for (let hour = 25; hour <= 24 + generationSpanMs / hours; hour++) filters.add(9, 9, at + hour * hours);
  t.notOk(filters.isLive(generation));
  t.notOk(withHash(idOf(1), (high, low) => filters.mayHold(high, low)));
});

t.test('a full generation makes room before its time, within the same memory', async (t) => {
  const filters = new FilterGenerations(generationCount * 64);
  const { capacity } = filters;
  const perGeneration = capacity / generationCount;
  for (let index = 0; index < capacity; index++)
    withHash(idOf(index), (high, low) => filters.add(high, low, 0));
  t.equal(filters.generation, generationCount - 1);
  t.ok(filters.isLive(0));
  filters.add(1, 1, 0);
  t.notOk(filters.isLive(0));
  t.equal(filters.capacity, capacity);
  t.ok(perGeneration >= 1);
});

t.test('filterBytesFor gives three generations room for the ids asked', async (t) => {
  const filters = new FilterGenerations(filterBytesFor(1_000_000));
  t.ok((filters.capacity * (generationCount - 1)) / generationCount >= 1_000_000 - 1_000);
});

t.test('the hash of an id depends on every character and on the key', async (t) => {
  const seen = new Set<string>();
  const count = 50_000;
  for (let index = 0; index < count; index++)
    withHash(idOf(index), (high, low) => seen.add(`${high}:${low}`));
  t.equal(seen.size, count, 'no two of 50,000 ids share 64 bits');
  const other = idHashKey(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9));
  t.notSame([...idHash(idOf(1), other, new Uint32Array(2))], [...idHash(idOf(1), key, new Uint32Array(2))]);
  t.notSame([...idHash('ab', key, new Uint32Array(2))], [...idHash('ba', key, new Uint32Array(2))]);
  t.throws(() => idHashKey(new Uint8Array(7)), RangeError);
});
