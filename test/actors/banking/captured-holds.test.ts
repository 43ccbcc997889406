/** The holds of an account that were captured last. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  bytesOfCaptured,
  type CapturedHolds,
  capturedHoldsMax,
  isCaptured,
  rememberCaptured,
} from '../../../actors/banking/captured-holds.js';

t.test('the newest ids are known, and no other, also where its byte is one of theirs', async () => {
  // So many ids have only 256 bytes among them.
  const numbers = fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 12 });
  fc.assert(
    fc.property(numbers, (captured) => {
      const holds: CapturedHolds = { captured: [], capturedBytes: 0 };
      for (const number of captured) rememberCaptured(holds, `t${number}`);
      const newest = captured.slice(-capturedHoldsMax).map((number) => `t${number}`);
      assert.deepEqual(holds.captured, newest);
      assert.equal(bytesOfCaptured(newest), holds.capturedBytes, 'stored and read back');
      for (let number = 0; number <= 2_000; number++) {
        assert.equal(isCaptured(holds, `t${number}`), newest.includes(`t${number}`));
      }
    }),
    { numRuns: 50 },
  );
});
