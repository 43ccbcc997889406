/**
 * The map of passing entries against `Map`.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { PassingMap } from '../../runtime/passing-map.js';

type Change = readonly [kind: 'set' | 'take' | 'get', key: number];

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.constantFrom('set', 'take', 'get'),
  fc.integer({ min: 0, max: 400 }),
);

t.test('whatever comes and goes, it holds what a Map holds', async () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 2_000, size: 'max' }), (changes) => {
      const passing = new PassingMap<number>();
      const model = new Map<string, number>();
      for (const [turn, [kind, number]] of changes.entries()) {
        const key = `key ${number}`;
        if (kind === 'set') {
          passing.set(key, turn);
          model.set(key, turn);
        } else if (kind === 'take') {
          if (passing.take(key) !== model.get(key)) return false;
          model.delete(key);
        } else if (passing.get(key) !== model.get(key)) return false;
      }
      const ordered = (values: Iterable<number>) => [...values].toSorted((left, right) => left - right);
      assert.deepEqual(ordered(passing.values()), ordered(model.values()));
      return passing.size === model.size;
    }),
    { numRuns: 50 },
  );
});

t.test('thousands that pass through leave nothing behind, and all find room at once', async (t) => {
  const passing = new PassingMap<number>();
  const wrong: number[] = [];
  for (let number = 0; number < 10_000; number++) {
    passing.set(`k${number}`, number);
    if (number >= 40 && passing.take(`k${number - 40}`) !== number - 40) wrong.push(number);
  }
  t.same(wrong, []);
  t.equal(passing.size, 40);
  for (let number = 0; number < 5_000; number++) passing.set(`more ${number}`, number);
  t.equal(passing.size, 5_040);
  t.equal(passing.get('k9999'), 9_999);
  passing.clear();
  t.same([...passing.values()], []);
  t.equal(passing.get('k9999'), undefined);
});
