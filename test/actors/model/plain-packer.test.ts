/** The packer of plain values against the library: the same bytes, or none (P1). */
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import t from 'tap';
import { packedPlain, packPlain } from '../../../actors/model/plain-packer.js';
import { treesOf } from '../../support/value-trees.js';

const library = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

/** Hex of the bytes; undefined where it is left to the library. */
function plain(value: unknown): string | undefined {
  const end = packPlain(value);
  return end < 0 ? undefined : Buffer.from(packedPlain.subarray(0, end)).toString('hex');
}

const expected = (value: unknown) => library.pack(value).toString('hex');

const scalar = fc.oneof(
  fc.string(),
  fc.string({ minLength: 28, maxLength: 70 }),
  fc.string({ minLength: 250, maxLength: 260 }),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.integer({ min: -0x120, max: 0x120 }),
  fc.integer({ min: -0x1_0010, max: 0x1_0010 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, Number.NaN, Number.POSITIVE_INFINITY),
);

t.test('what it packs, the library packs into the same bytes', async (t) => {
  const tree = treesOf(scalar);
  let packed = 0;
  fc.assert(
    fc.property(tree, (value) => {
      const bytes = plain(value);
      if (bytes === undefined) return true;
      packed++;
      return bytes === expected(value);
    }),
    { numRuns: 3_000 },
  );
  t.ok(packed > 1_000, 'most of them');
});

t.test('a record of a transfer is not left to the library', async (t) => {
  const id = 'tc0000004ABCDEFGHIJKLMN~60e8b2e0';
  const records = [
    [143, 0, 2, 7, 0, [3, 0, 7, 3, 0, 7, 2], 0, 0, [123, ['risk', { approved: true }]], 0, 0],
    [44, 'acct-0000001', 5, 6, 0, [3, 0, 7, 0], 0, 0, [38, [id, '1.00', 'USD', '', 0]], 0, [['wake']]],
  ];
  for (const record of records) t.equal(plain(record), expected(record));
});

t.test('what it does not know is left to the library', async (t) => {
  const names = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`name${index}`, index]));
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const left: readonly unknown[] = [
    'é',
    `${'x'.repeat(70)}é`,
    '😀',
    new Map(),
    new Uint8Array(1),
    new Date(0),
    Object.create(null),
    names,
    { toJSON: () => 1 },
    () => 1,
    Symbol('x'),
    2n ** 63n,
    'x'.repeat(70_000),
    new Array(70_000).fill(0),
    Array.from({ length: 3 }, () => 'x'.repeat(30_000)),
    deep,
  ];
  for (const value of left) {
    t.equal(plain(value), undefined);
    t.equal(plain([[{ value }]]), undefined);
  }
});

t.test('it uses its room to the end, and not beyond', async (t) => {
  for (let length = 65_400; length < 65_600; length++) {
    const value = ['x'.repeat(length - 60), 'y'.repeat(40), 1, 2, 3];
    const bytes = plain(value);
    if (bytes !== undefined && bytes !== expected(value)) t.fail(`of ${length}`);
  }
  t.pass('the same bytes up to the end');
});
