import fc from 'fast-check';
import t from 'tap';
import { hash32, placedId, placementHash } from '../../../actors/model/address.js';

const hexDigits = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 8, maxLength: 8 });
const idUnits = fc.constantFrom(...'0123456789abcdefgzABCDEFGxX._~-');

/** What ids that are stored were placed by. */
function placementOnce(id: string): number {
  const mark = id.length - 9;
  const carried = mark > 0 && id[mark] === '~' ? Number.parseInt(id.slice(mark + 1), 16) : Number.NaN;
  return Number.isNaN(carried) ? hash32(id, 0) : carried >>> 0;
}

t.test('an actor lives where its id has always placed it', async () => {
  const tail = fc.oneof(hexDigits, fc.string({ unit: idUnits, minLength: 8, maxLength: 8 }));
  fc.assert(
    fc.property(fc.string({ unit: idUnits, maxLength: 30 }), tail, (stem, carried) => {
      for (const id of [`${stem}~${carried}`, stem, carried, `a~${carried}`])
        if (placementHash(id) !== placementOnce(id)) return false;
      return true;
    }),
    { numRuns: 2_000 },
  );
});

t.test('a placed id lives beside its neighbour', async (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: idUnits, minLength: 1 }),
      (neighbour) => placementHash(placedId('t1', neighbour)) === placementHash(neighbour),
    ),
  );
  t.pass();
});
