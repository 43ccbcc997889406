import fc from 'fast-check';
import t from 'tap';
import { isoTime } from '../../../actors/model/iso-time.js';

t.test('a time reads as Date writes it, whatever was asked before', async (t) => {
  const dateMax = 8.64e15;
  const near = fc.integer({ min: 1_795_000_000_000, max: 1_795_000_004_000 });
  const any = fc.integer({ min: -dateMax, max: dateMax });
  const fraction = fc.double({ min: -1e12, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.oneof(near, any, fraction), { minLength: 1 }), (times) =>
      times.every((at) => isoTime(at) === new Date(at).toISOString()),
    ),
    { numRuns: 1_000 },
  );
  t.throws(() => isoTime(Number.NaN), RangeError);
  t.throws(() => isoTime(dateMax + 1_000), RangeError);
});
