import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { pack, packCopy, unpack } from '../../../actors/model/codec.js';

const roundTrip = (value: unknown): unknown => unpack(packCopy(value));

t.test('what comes back equals what went in', async () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary', minLength: 60, maxLength: 300 }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double().filter((number) => !Object.is(number, -0)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.boolean(),
    fc.constantFrom(null, undefined),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('tree')),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('tree'),
        { noNullPrototype: true },
      ),
      fc.array(fc.tuple(scalar, tie('tree'))).map((entries) => new Map(entries)),
      fc.uint8Array(),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      assert.deepEqual(bytesAsNumbers(roundTrip(value)), bytesAsNumbers(value));
    }),
    { numRuns: 500 },
  );
});

t.test('a number stays a number and a bigint stays a bigint, whatever their size', async (t) => {
  const values = [
    0,
    1,
    127,
    128,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 40,
    Number.MAX_SAFE_INTEGER,
    -1,
    -(2 ** 31),
    -(2 ** 45),
    0.1,
  ];
  for (const value of values) t.equal(roundTrip(value), value);
  for (const value of [0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n])
    t.equal(roundTrip(value), value);
});

t.test('a Map stays a Map with its keys, also inside an object and beside a plain object', async (t) => {
  const holds = new Map<unknown, unknown>([
    ['h1', { amount: 5n }],
    [7, new Map([['inner', [1n]]])],
  ]);
  t.strictSame(roundTrip({ holds, plain: { a: 1 } }), { holds, plain: { a: 1 } });
});

t.test('an object without a prototype is stored as a plain object', async (t) => {
  const bare: Record<string, unknown> = Object.assign(Object.create(null), { a: 1 });
  t.strictSame(roundTrip({ bare }), { bare: { a: 1 } });
});

t.test('binary comes back as bytes of its own', async (t) => {
  const packed = packCopy([new Uint8Array([1, 2, 3])]);
  const [bytes] = unpack(packed) as [Uint8Array];
  packed.fill(0);
  t.strictSame([...bytes], [1, 2, 3]);
});

t.test('what has no stored form is refused, at any depth', async (t) => {
  class Account {
    readonly id = 'a';
  }
  const values = [
    new Date(0),
    new Set([1]),
    /x/,
    new Error('x'),
    new Float64Array(1),
    new ArrayBuffer(1),
    new Account(),
    () => 1,
    Symbol('s'),
    2n ** 64n,
  ];
  for (const value of values) {
    t.throws(() => pack([{ deep: value }]), { code: 'not-storable' });
    t.throws(() => pack(new Map([['deep', value]])), { code: 'not-storable' });
  }
  t.strictSame(roundTrip([1]), [1], 'and the next value packs as if nothing had been');
});

t.test('the bytes of pack are overwritten by the next one, those of packCopy are kept', async (t) => {
  const first = pack(['first']);
  const kept = packCopy(['kept']);
  const second = pack(['other']);
  t.equal(first.buffer, second.buffer);
  t.equal(kept.byteLength, kept.buffer.byteLength, 'an ArrayBuffer of its own');
  t.strictSame(unpack(kept), ['kept']);
});

t.test('a very large value does not keep its buffer', async (t) => {
  pack('x'.repeat(3_000_000));
  t.ok(pack('small').buffer.byteLength < 1_000_000);
});

t.test('bytes that are cut, go on, or hold a foreign extension are refused', async (t) => {
  const bytes = packCopy(['owner', 12345n, { a: [1, 2, 3] }]);
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => unpack(bytes.subarray(0, length)), { code: 'bytes-damaged' });
  }
  t.throws(() => unpack(Buffer.concat([bytes, bytes])), { code: 'bytes-damaged' });
  for (const type of [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x74, 0x78, 0xff, 0x05]) {
    t.throws(
      () => unpack(Buffer.from([0xd4, type, 0x00, 0x91, 0x01])),
      { code: 'bytes-damaged' },
      `fixext1 ${type}`,
    );
    t.throws(
      () => unpack(Buffer.from([0xc7, 0x04, type, 0, 0, 0, 0])),
      { code: 'bytes-damaged' },
      `ext8 ${type}`,
    );
  }
  t.strictSame(roundTrip([1]), [1], 'and the next value unpacks as if nothing had been');
});

t.test('plain MessagePack: no records, small maps and arrays in one byte', async (t) => {
  t.equal(Buffer.from(pack([{ a: 1 }, 'b', null])).toString('hex'), '9381a16101a162c0');
});

function bytesAsNumbers(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(bytesAsNumbers);
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [key, bytesAsNumbers(held)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, bytesAsNumbers(held)]));
}

t.test('a byte order mark stays where it is, in text and names of any length', async (t) => {
  for (const length of [0, 1, 20, 61, 62, 63, 64, 100, 5_000, 70_000]) {
    const text = `\u{feff}\u{feff}${'x'.repeat(length)}`;
    t.equal(roundTrip(text), text, `${length} characters`);
    t.same(roundTrip({ [text]: 1, [text.slice(1)]: 2 }), { [text]: 1, [text.slice(1)]: 2 });
  }
  t.equal(new TextDecoder().decode(Buffer.from('\u{feff}x')), 'x', 'other decoders are as they were');
});
