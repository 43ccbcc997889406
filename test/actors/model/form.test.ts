import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { packCopy, unpack } from '../../../actors/model/codec.js';
import { compileForm } from '../../../actors/model/form.js';
import { type TSchema, Type } from '../../../actors/model/typebox.js';

const Order = Type.Object({
  owner: Type.String(),
  lines: Type.Array(
    Type.Object({ product: Type.String(), count: Type.Integer(), note: Type.Optional(Type.String()) }),
  ),
  address: Type.Optional(Type.Object({ street: Type.String(), zip: Type.String() })),
  labels: Type.Record(Type.String(), Type.Integer()),
  payment: Type.Union([
    Type.Object({ type: Type.Literal('card'), last4: Type.String() }),
    Type.Object({ type: Type.Literal('none') }),
  ]),
  total: Type.BigInt(),
});

t.test('objects and arrays of objects are positional at every depth, the rest stands as it is', async (t) => {
  const form = compileForm(Order);
  const order = {
    owner: 'ann',
    lines: [{ product: 'p1', count: 2 }],
    address: { street: 'Elm 1', zip: '12345' },
    labels: { red: 1 },
    payment: { type: 'card', last4: '4242' },
    total: 500n,
  };
  t.strictSame(form.fields, ['owner', 'lines', 'address', 'labels', 'payment', 'total']);
  const fields = form.toFields(order);
  t.strictSame(fields, [
    'ann',
    [['p1', 2, null]],
    ['Elm 1', '12345'],
    { red: 1 },
    { type: 'card', last4: '4242' },
    500n,
  ]);
  t.strictSame(form.fromFields(unpack(packCopy(fields)) as unknown[]), order);
});

t.test('data of a schema survives its stored form', async () => {
  const form = compileForm(Order);
  const text = fc.string();
  const orders = fc.record(
    {
      owner: text,
      lines: fc.array(
        fc.record(
          { product: text, count: fc.integer(), note: text },
          { requiredKeys: ['product', 'count'], noNullPrototype: true },
        ),
      ),
      address: fc.record({ street: text, zip: text }, { noNullPrototype: true }),
      labels: fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        fc.integer(),
        { noNullPrototype: true },
      ),
      payment: fc.oneof(
        fc.record({ type: fc.constant('card'), last4: text }, { noNullPrototype: true }),
        fc.constant({ type: 'none' }),
      ),
      total: fc.bigInt({ min: 0n, max: 10n ** 15n }),
    },
    { requiredKeys: ['owner', 'lines', 'labels', 'payment', 'total'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(orders, (order) => {
      assert.deepEqual(form.fromFields(unpack(packCopy(form.toFields(order))) as unknown[]), order);
    }),
    { numRuns: 300 },
  );
});

t.test('an absent optional property comes back absent, also where null is one of its values', async (t) => {
  const form = compileForm(
    Type.Object({
      a: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      b: Type.Optional(Type.String()),
    }),
  );
  for (const data of [{}, { a: null }, { a: 'x' }, { b: '' }]) {
    t.strictSame(form.fromFields(unpack(packCopy(form.toFields(data))) as unknown[]), data);
  }
});

t.test('a property may have any name', async (t) => {
  const names = ['a"b', "it's", '`', '\\', 'line\nbreak', '\u2028', '0', '', 'constructor', 'größe'];
  const given = Type.Object(Object.fromEntries(names.map((name) => [name, Type.String()])));
  const maybe = Type.Partial(given);
  const data = Object.fromEntries(names.map((name) => [name, `of ${name}`]));
  for (const schema of [given, maybe]) {
    const form = compileForm(schema);
    t.strictSame(
      form.toFields(data),
      form.fields.map((name) => `of ${name}`),
    );
    t.strictSame(form.fromFields(form.toFields(data)), data);
  }
  t.strictSame(compileForm(maybe).fromFields(compileForm(maybe).toFields({})), {});
});

t.test('a schema that is no object has one field', async (t) => {
  const cases: [TSchema, unknown][] = [
    [Type.Null(), null],
    [Type.Undefined(), undefined],
    [Type.Void(), undefined],
    [Type.String(), 'x'],
    [Type.Array(Type.Object({ a: Type.Integer() })), [{ a: 1 }, { a: 2 }]],
    [Type.Union([Type.String(), Type.Null()]), null],
    [Type.Record(Type.String(), Type.Integer()), { a: 1 }],
    [Type.Any(), { any: ['thing'] }],
    [Type.Tuple([Type.String(), Type.Integer()]), ['a', 1]],
  ];
  for (const [schema, data] of cases) {
    const form = compileForm(schema);
    const fields = form.toFields(data);
    t.equal(fields.length, 1);
    t.strictSame(form.fromFields(unpack(packCopy(fields)) as unknown[]), data);
  }
  t.strictSame(compileForm(Type.Void()).toFields(undefined), [null]);
  t.strictSame(compileForm(Type.Object({})).toFields({}), []);
});

t.test('the hash moves with names, order, optionality and base types at any depth', async (t) => {
  const of = (schema: TSchema) => compileForm(schema).hash;
  const base = of(Type.Object({ a: Type.String(), b: Type.Object({ c: Type.Integer() }) }));
  const others = [
    Type.Object({ b: Type.Object({ c: Type.Integer() }), a: Type.String() }),
    Type.Object({ a: Type.String(), b: Type.Object({ d: Type.Integer() }) }),
    Type.Object({ a: Type.String(), b: Type.Object({ c: Type.Integer(), d: Type.String() }) }),
    Type.Object({ a: Type.String(), b: Type.Object({ c: Type.BigInt() }) }),
    Type.Object({ a: Type.Optional(Type.String()), b: Type.Object({ c: Type.Integer() }) }),
    Type.Object({ a: Type.String(), b: Type.Array(Type.Object({ c: Type.Integer() })) }),
  ];
  t.equal(new Set([base, ...others.map(of)]).size, others.length + 1);
  t.match(base, /^[0-9a-f]{16}$/);
});

t.test('the hash stays when only bounds, literals or words change', async (t) => {
  const of = (schema: TSchema) => compileForm(schema).hash;
  t.equal(
    of(Type.Object({ a: Type.String() })),
    of(Type.Object({ a: Type.String({ maxLength: 9, description: 'x' }) })),
  );
  t.equal(
    of(Type.Object({ a: Type.Union([Type.Literal('x'), Type.Literal('y')]) })),
    of(Type.Object({ a: Type.Union([Type.Literal('x'), Type.Literal('y'), Type.Literal('z')]) })),
  );
  t.equal(of(Type.Object({ a: Type.Integer() })), of(Type.Object({ a: Type.Number() })));
});

t.test('an open object passes through as it stands', async (t) => {
  const form = compileForm(
    Type.Object({ a: Type.Object({ b: Type.String() }, { additionalProperties: true }) }),
  );
  t.strictSame(form.toFields({ a: { b: 'x', more: 1 } }), [{ b: 'x', more: 1 }]);
});

t.test('a stored form with another number of fields is refused', async (t) => {
  const form = compileForm(Type.Object({ a: Type.String() }));
  t.throws(() => form.fromFields(['x', 'y']), { code: 'bytes-damaged' });
  t.throws(() => compileForm(Type.String()).fromFields([]), { code: 'bytes-damaged' });
});
