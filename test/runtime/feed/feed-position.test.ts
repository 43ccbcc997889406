/** Tokens: what was encoded comes back, and what was not given out is refused. */
import fc from 'fast-check';
import t from 'tap';
import {
  decodePosition,
  encodePosition,
  feedEnd,
  feedStart,
  sumOf,
} from '../../../runtime/feed/feed-position.js';

const place = fc.record({
  position: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 52 - 1 })),
  taken: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_000_000 })),
});
const position = fc.array(place, { minLength: 1, maxLength: 64 });

t.test('F1 a token comes back as the position it was made from, and only with as many partitions', (t) => {
  fc.assert(
    fc.property(position, (places) => {
      const token = encodePosition(places);
      t.same(decodePosition(token, places.length), places);
      t.equal(decodePosition(token, places.length + 1), undefined);
    }),
  );
  t.end();
});

t.test('F1 a token with one character changed is refused, or says the same', (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let refused = 0;
  let changed = 0;
  const run = fc.property(position, fc.nat(), fc.nat(63), (places, at, letter) => {
    const token = encodePosition(places);
    const index = at % token.length;
    const other = token.slice(0, index) + alphabet[letter] + token.slice(index + 1);
    changed++;
    const decoded = decodePosition(other, places.length);
    if (decoded === undefined) refused++;
  });
  fc.assert(run, { numRuns: 1_000 });
  // Unchanged by chance, in the unused bits of the last character, or one in 65,536.
  t.ok(refused > changed * 0.9, `${refused} of ${changed}`);
  t.end();
});

t.test('texts that are no tokens are refused', (t) => {
  for (const text of ['', '1', '0', 'now', '3-17-0-0', 'AQ', 'AQAA', '%00', `${'A'.repeat(4_000)}`]) {
    t.equal(decodePosition(text, 4), undefined, text.slice(0, 20));
  }
  t.end();
});

t.test('the sum counts entries, from none at the start', (t) => {
  t.equal(sumOf(feedStart(16)), 0);
  t.equal(sumOf(feedEnd([3, 0, 4])), 7);
  t.end();
});
