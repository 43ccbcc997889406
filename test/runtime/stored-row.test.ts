/** Rows of tables prove themselves: what is derived from the log is not covered by its chain of hashes. */
import t from 'tap';
import { decodeRow, encodeRow } from '../../runtime/derive/stored-row.js';

t.test('a row comes back as it was, and no flipped bit or cut of it is served', async (t) => {
  const value = ['crash-7', 1018.7, { held: '0.00' }, null, [1, 2, 3]];
  const row = encodeRow(value);
  t.same(decodeRow(row), value);
  for (let place = 0; place < row.length; place++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Uint8Array.from(row);
      flipped[place] = (flipped[place] as number) ^ (1 << bit);
      t.throws(() => decodeRow(flipped), { code: 'bytes-damaged' });
    }
  }
  for (let length = 0; length < row.length; length++)
    t.throws(() => decodeRow(row.subarray(0, length)), { code: 'bytes-damaged' });
});
