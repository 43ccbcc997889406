/** `reliability.md` §3 rows 20–25 and 37: what a body may be, on the decoder itself. */
import fc from 'fast-check';
import t from 'tap';
import { decodeJsonBody, jsonDepthMax, jsonItemsMax, jsonStringBytesMax } from '../../gateway/json-body.js';

const codeOf = (body: string | Buffer): string => {
  const decoded = decodeJsonBody(Buffer.from(body));
  return decoded.type === 'refused' ? decoded.code : 'accepted';
};
const decodedOf = (body: string | Buffer): unknown => {
  const decoded = decodeJsonBody(Buffer.from(body));
  return decoded.type === 'value' ? decoded.value : decoded.code;
};
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

t.test('row 20: an empty body is refused', async (t) => {
  t.equal(codeOf(''), 'body-empty');
});

t.test('row 21: what is no JSON text is refused', async (t) => {
  const faults = [
    ' ',
    '{',
    '}',
    ']',
    ',',
    '"',
    '"\\',
    '{"a":1}x',
    '{"a":1}{"b":2}',
    '\ufeff{"a":1}',
    '{"a":1,}',
    '[1,]',
    "{'a':1}",
    '{a:1}',
    '// a\n{"a":1}',
    '{"a":1 /* b */}',
    '{"a":01}',
    '{"a":NaN}',
    '{"a":"\t"}',
    '{"a" 1}',
    '{"a":1]',
    '[1}',
    '{"a\\x":1}',
    '{"a\\u12":1}',
    'nul',
    '\u0000',
  ];
  for (const fault of faults) t.equal(codeOf(fault), 'json-invalid', JSON.stringify(fault));
});

t.test('row 22: invalid UTF-8 is refused, as are surrogates without their other half', async (t) => {
  const bytes = (...middle: number[]) =>
    Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, ...middle, 0x22, 0x7d]);
  t.equal(codeOf(bytes(0xff)), 'utf8-invalid');
  t.equal(codeOf(bytes(0xc0, 0xaf)), 'utf8-invalid', 'overlong');
  t.equal(codeOf(bytes(0xed, 0xa0, 0x80)), 'utf8-invalid', 'a surrogate as bytes');
  t.equal(codeOf(bytes(0xe2, 0x82)), 'utf8-invalid', 'cut');
  t.equal(codeOf('{"a":"\\ud800"}'), 'utf8-invalid', 'a lone surrogate as an escape');
  t.equal(codeOf('{"a":[{"\\udc00":1}]}'), 'utf8-invalid', 'in a key');
  t.same(decodedOf('{"a":"\\ud83d\\ude00 €"}'), { a: '😀 €' }, 'a pair is a character');
});

t.test('row 23: 32 levels pass, the 33rd is refused, and a million are refused in under 5 ms', async (t) => {
  t.equal(codeOf(nested(jsonDepthMax)), 'accepted');
  t.equal(codeOf(nested(jsonDepthMax + 1)), 'json-too-deep');
  t.equal(codeOf(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`), 'json-too-deep');
  const million = Buffer.from(nested(1_000_000));
  // The best of a few: the machine may be busy elsewhere during one of them.
  const elapsedMs = [1, 2, 3, 4, 5].map(() => {
    const startedAt = performance.now();
    decodeJsonBody(million);
    return performance.now() - startedAt;
  });
  t.equal(codeOf(million), 'json-too-deep');
  t.ok(Math.min(...elapsedMs) < 5);
});

t.test('row 24: a key that comes twice in one object is refused, however it is written', async (t) => {
  t.equal(codeOf('{"a":1,"a":2}'), 'json-duplicate-key');
  t.equal(codeOf('{"a":1,"b":{"c":1,"d":2,"c":3}}'), 'json-duplicate-key');
  t.equal(codeOf('{"a":1,"\\u0061":2}'), 'json-duplicate-key');
  t.equal(codeOf('{"\\u0061":1,"a":2}'), 'json-duplicate-key');
  t.equal(codeOf('{"é":1,"\\u00e9":2}'), 'json-duplicate-key');
  const many = Array.from({ length: 40 }, (_, index) => `"k${index}":1`);
  t.equal(codeOf(`{${many.join()}}`), 'accepted');
  t.equal(codeOf(`{${[...many, '"k3":2'].join()}}`), 'json-duplicate-key', 'past the pairwise comparison');
  t.equal(codeOf('{"a":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":2}]}'), 'accepted', 'in different objects');
  t.equal(codeOf('{"a":"a","b":"a"}'), 'accepted', 'values are no keys');
  t.equal(codeOf('{"a":{"x":1,"y":2},"x":3}'), 'accepted', 'after an inner object has closed');
});

t.test('row 25: keys that could change a prototype are refused, however they are written', async (t) => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    t.equal(codeOf(`{"${key}":1}`), 'key-forbidden');
    t.equal(codeOf(`{"a":[{"${key}":{}}]}`), 'key-forbidden');
    t.equal(
      codeOf(`{"\\u00${key.charCodeAt(0).toString(16)}${key.slice(1)}":1}`),
      'key-forbidden',
      'escaped',
    );
    t.equal(codeOf(`{"a":"${key}"}`), 'accepted', 'as a value');
  }
});

t.test('objects and arrays hold 1,000 entries, strings 8 KiB, and no more', async (t) => {
  const array = (length: number) => JSON.stringify(new Array(length).fill(0));
  t.equal(codeOf(array(jsonItemsMax)), 'accepted');
  t.equal(codeOf(array(jsonItemsMax + 1)), 'json-too-many-items');
  const object = (length: number) => `{${Array.from({ length }, (_, index) => `"k${index}":0`).join()}}`;
  t.equal(codeOf(object(jsonItemsMax)), 'accepted');
  t.equal(codeOf(object(jsonItemsMax + 1)), 'json-too-many-items');
  t.equal(codeOf(JSON.stringify('x'.repeat(jsonStringBytesMax))), 'accepted');
  t.equal(codeOf(JSON.stringify('x'.repeat(jsonStringBytesMax + 1))), 'json-string-too-long');
});

t.test('row 37: composed and decomposed twins become the same text', async (t) => {
  const composed = 'caf\u00e9';
  const decomposed = 'cafe\u0301';
  t.same(decodedOf(JSON.stringify({ name: [decomposed] })), { name: [composed] });
  t.same(decodedOf(JSON.stringify({ name: composed })), { name: composed });
  t.same(decodedOf('{"name":"cafe\\u0301"}'), { name: composed }, 'also when written as escapes');
});

t.test('whatever JSON text passes means what JSON.parse says it means', async () => {
  const text = fc.json({ maxDepth: 6 }).map((json) => json.normalize('NFC'));
  fc.assert(
    fc.property(text, (json) => {
      const decoded = decodeJsonBody(Buffer.from(json));
      if (decoded.type === 'value') {
        return JSON.stringify(decoded.value) === JSON.stringify(JSON.parse(json)).normalize('NFC');
      }
      return decoded.code !== 'json-invalid';
    }),
  );
});

t.test('no bytes make it throw', async () => {
  const nearJson = fc
    .array(fc.constantFrom(...'{}[]",:\\u0aé1 \ud800'.split('')))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        nearJson.map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        decodeJsonBody(Buffer.from(bytes));
      },
    ),
  );
});
