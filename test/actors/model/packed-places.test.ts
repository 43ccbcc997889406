/** Walking over packed values: it ends where they end, whatever they are, and finds counts and texts. */
import fc from 'fast-check';
import t from 'tap';
import { pack } from '../../../actors/model/codec.js';
import { countAt, itemCount, itemsOffset, skipValues, textAt } from '../../../actors/model/packed-places.js';
import { treesOf } from '../../support/value-trees.js';

const packed = (value: unknown): Buffer => Buffer.from(pack(value));

const scalar = fc.oneof(
  fc.string(),
  fc.string({ minLength: 28, maxLength: 300, unit: 'binary' }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.boolean(),
  fc.uint8Array({ maxLength: 300 }),
  fc.dictionary(fc.string(), fc.integer()).map((object) => new Map(Object.entries(object))),
  fc.constantFrom(null, undefined, Number.NaN),
);
const tree = treesOf(scalar);

t.test('it ends where values end', async (t) => {
  for (const length of [15, 16, 255, 256, 65_535, 65_536]) {
    const names = Object.fromEntries(Array.from({ length }, (_, at) => [`k${at}`, at]));
    for (const value of ['x'.repeat(length), new Uint8Array(length), new Array(length).fill(1), names]) {
      const bytes = Buffer.concat([packed(value), Buffer.of(1)]);
      t.equal(skipValues(bytes, 0, 1), bytes.length - 1);
    }
  }
  fc.assert(
    fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (values) => {
      const parts = values.map(packed);
      const bytes = Buffer.concat([Buffer.of(0xc1), ...parts, Buffer.of(0xc1)]);
      let at = 1;
      for (const part of parts) {
        if (skipValues(bytes, at, 1) !== at + part.length) return false;
        at += part.length;
      }
      return skipValues(bytes, 1, values.length) === at && skipValues(bytes, 1, 0) === 1;
    }),
    { numRuns: 1_000 },
  );
  for (const number of [-1, -32, -33, -128, -129, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = Buffer.concat([packed(number), Buffer.of(1)]);
    t.equal(skipValues(bytes, 0, 1), bytes.length - 1, String(number));
  }
  const nothing = Buffer.alloc(8, 0xc1);
  t.throws(() => skipValues(nothing, 0, 1), { code: 'bytes-damaged' }, 'nothing begins with 0xc1');
  for (const cut of [[], [0x92, 1], [0xd9], [0xda, 1], [0xdc, 0], [0xdd, 0, 0, 1], [0xc8, 0]])
    t.throws(() => skipValues(Buffer.from(cut), 0, 1), { code: 'bytes-damaged' }, `cut after ${cut}`);
});

t.test('counts, texts and arrays are found, and nothing else is taken for one', async (t) => {
  for (const count of [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1])
    t.equal(countAt(packed(count), 0), count);
  for (const other of [-1, 1.5, 2 ** 32, '1', null, [1], 1n])
    t.throws(() => countAt(packed(other), 0), { code: 'bytes-damaged' });
  for (const text of [
    '',
    'x',
    'é'.repeat(15),
    'x'.repeat(32),
    'é'.repeat(200),
    '€'.repeat(30_000),
    '\uFEFFx',
  ])
    t.equal(textAt(packed(text), 0), text);
  for (const other of [0, 1n, null, [], {}, new Uint8Array(3)]) t.equal(textAt(packed(other), 0), undefined);
  for (const length of [0, 15, 16, 65_535, 65_536]) {
    const bytes = packed(new Array(length).fill(7));
    t.equal(itemCount(bytes, 0), length);
    t.equal(itemsOffset(bytes, 0), bytes.length - length);
  }
  for (const other of [0, 'x', {}, null, new Map()]) t.equal(itemCount(packed(other), 0), -1);
});
