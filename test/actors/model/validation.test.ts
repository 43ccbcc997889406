import t from 'tap';
import { AmountSchema, CurrencySchema } from '../../../actors/model/money-schema.js';
import { Type } from '../../../actors/model/typebox.js';
import { compileValidator } from '../../../actors/model/validation.js';

const Transfer = Type.Object({
  sender: Type.String({ maxLength: 5 }),
  amount: AmountSchema,
  currency: CurrencySchema,
  lines: Type.Optional(Type.Array(Type.Object({ price: AmountSchema, count: Type.Integer({ minimum: 1 }) }))),
  address: Type.Optional(Type.Object({ street: Type.String() })),
});
const good = { sender: 'ann', amount: '100', currency: 'USD' };
const check = compileValidator(Transfer);

t.test('input that fits has no problem', async (t) => {
  t.equal(check(good), undefined);
  t.equal(check({ ...good, lines: [{ price: '1', count: 1 }], address: { street: 'x' } }), undefined);
});

t.test('an unknown property is refused at every level, though the schema forgot to say so', async (t) => {
  t.match(check({ ...good, role: 'admin' }), { code: 'field-unknown', pointer: '/role' });
  t.match(check({ ...good, address: { street: 'x', zip: '1' } }), {
    code: 'field-unknown',
    pointer: '/address/zip',
  });
  t.match(
    check({
      ...good,
      lines: [
        { price: '1', count: 1 },
        { price: '1', count: 1, free: true },
      ],
    }),
    {
      code: 'field-unknown',
      pointer: '/lines/1/free',
    },
  );
  t.match(compileValidator(Type.Object({}))({ a: 1 }), { code: 'field-unknown', pointer: '/a' });
});

t.test('members of a union and of an intersection are closed as well', async (t) => {
  const union = compileValidator(
    Type.Object({
      pay: Type.Union([Type.Object({ card: Type.String() }), Type.Object({ cash: Type.Boolean() })]),
    }),
  );
  t.equal(union({ pay: { card: 'x' } }), undefined);
  t.match(union({ pay: { card: 'x', extra: 1 } }), { code: 'validation-failed', pointer: '/pay' });
  const both = compileValidator(
    Type.Intersect([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })]),
  );
  t.equal(both({ a: 'x', b: 'y' }), undefined);
  t.match(both({ a: 'x', b: 'y', c: 'z' }), { code: 'field-unknown', pointer: '/c' });
});

t.test('what schemas say together is closed as one, and what they only ask stays', async (t) => {
  const beside = compileValidator({
    type: 'object',
    properties: { a: { type: 'string' } },
    anyOf: [
      { properties: { b: { type: 'string' } } },
      { required: ['c'], properties: { c: { type: 'string' } } },
    ],
  });
  t.equal(beside({ a: 'x', b: 'y' }), undefined);
  t.match(beside({ a: 'x', d: 'y' }), { code: 'field-unknown', pointer: '/d' });
  const negated = compileValidator({
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'string' } },
    not: { properties: { a: { const: 'no' } }, required: ['a'] },
  });
  t.equal(negated({ a: 'yes', b: 'x' }), undefined);
  t.match(negated({ a: 'no', b: 'x' }), { code: 'validation-failed' });
  t.throws(() => compileValidator({ if: { required: ['a'] } }), TypeError, 'conditions cannot be closed');
});

t.test('an object stays open where the schema says so, and a record is no closed object', async (t) => {
  const open = compileValidator(Type.Object({ a: Type.String() }, { additionalProperties: true }));
  t.equal(open({ a: 'x', b: 1 }), undefined);
  const record = compileValidator(Type.Record(Type.String(), Type.Integer()));
  t.equal(record({ x: 1, y: 2 }), undefined);
  t.match(record({ x: 'no' }), { code: 'validation-failed', pointer: '/x' });
});

t.test('money given as a JSON number says so, also inside a list', async (t) => {
  t.match(check({ ...good, amount: 100 }), { code: 'money-not-string', pointer: '/amount' });
  t.match(check({ ...good, amount: Number.POSITIVE_INFINITY }), {
    code: 'money-not-string',
    pointer: '/amount',
  });
  t.match(check({ ...good, lines: [{ price: 1.5, count: 1 }] }), {
    code: 'money-not-string',
    pointer: '/lines/0/price',
  });
  t.match(check({ ...good, amount: null }), { code: 'validation-failed', pointer: '/amount' });
});

t.test('a currency that is lower-case, unknown or no text has the code currency', async (t) => {
  for (const currency of ['usd', 'XXX', 'US', 'US DOLLARS', 840, null]) {
    t.match(check({ ...good, currency }), { code: 'currency', pointer: '/currency' });
  }
});

t.test('a missing field, a wrong type and a broken bound point at the field', async (t) => {
  t.match(check({ ...good, sender: undefined }), { code: 'validation-failed', pointer: '/sender' });
  t.match(check({ amount: '1', currency: 'USD' }), { code: 'validation-failed', pointer: '/sender' });
  t.match(check({ ...good, sender: 5 }), { code: 'validation-failed', pointer: '/sender' });
  t.match(check({ ...good, sender: 'too long' }), { code: 'validation-failed', pointer: '/sender' });
  t.match(check({ ...good, lines: [{ price: '1', count: 0 }] }), {
    code: 'validation-failed',
    pointer: '/lines/0/count',
  });
  for (const value of [null, 'text', [], 5, true])
    t.match(check(value), { code: 'validation-failed', pointer: '' });
});

t.test('a problem never repeats the input', async (t) => {
  const secret = 'hunter2-4242424242424242';
  const inputs = [
    { ...good, sender: secret },
    { ...good, amount: 424242 },
    { ...good, currency: secret },
    { ...good, [`${secret} !`]: 1 },
    { ...good, ['x'.repeat(200)]: secret },
    secret,
  ];
  for (const input of inputs) {
    const problem = JSON.stringify(check(input));
    t.notMatch(problem, secret);
    t.notMatch(problem, '424242');
    t.notMatch(problem, 'xxxx');
  }
});

t.test('names with a slash or a tilde are escaped in the pointer', async (t) => {
  const odd = compileValidator(Type.Object({ 'a/b~c': Type.Object({ n: Type.Integer() }) }));
  t.match(odd({}), { pointer: '/a~1b~0c' });
  t.match(odd({ 'a/b~c': { n: 'x' } }), { pointer: '/a~1b~0c/n' });
});
