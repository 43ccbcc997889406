import t from 'tap';
import { packCopy, unpack } from '../../../actors/model/codec.js';
import { compileSnapshot } from '../../../actors/model/snapshot.js';

const stored = (fields: readonly unknown[]) => unpack(packCopy(fields)) as readonly unknown[];

t.test('a state comes back from the fields of initial, in their order', async (t) => {
  const initial = () => ({ balance: 0n, holds: new Map<string, { amount: bigint }>(), tags: [] as string[] });
  const form = compileSnapshot({ version: 3 }, initial);
  const state = { tags: ['a'], holds: new Map([['h', { amount: 5n }]]), balance: -7n };
  t.strictSame(form.encode(state)[0], -7n);
  t.strictSame(form.decode(stored(form.encode(state))), state);
  t.equal(form.version, 3);
});

t.test('a decoded state shares nothing with another one', async (t) => {
  const form = compileSnapshot({ version: 1 }, () => ({ held: new Map<string, number>() }));
  const bytes = packCopy(form.encode({ held: new Map() }));
  const first = form.decode(unpack(bytes) as unknown[]);
  first.held.set('x', 1);
  t.equal(form.decode(unpack(bytes) as unknown[]).held.size, 0);
});

t.test('a state that is no object is one field', async (t) => {
  for (const state of [5, 'x', null, 7n, ['a', 'b'], new Map([['a', 1]])]) {
    const form = compileSnapshot<unknown>({ version: 1 }, () => state);
    t.equal(form.encode(state).length, 1);
    t.strictSame(form.decode(stored(form.encode(state))), state);
  }
});

t.test('a state that is an instance of a class needs a form of its own', async (t) => {
  class Balance {
    amount: bigint;
    constructor(amount: bigint) {
      this.amount = amount;
    }
  }
  t.throws(() => compileSnapshot({ version: 1 }, () => new Balance(0n)), TypeError);
  t.throws(() => compileSnapshot({ version: 1, encode: () => [] }, () => ({})), TypeError);
  const form = compileSnapshot(
    { version: 1, encode: ({ amount }) => [amount], decode: ([amount]) => new Balance(amount as bigint) },
    () => new Balance(0n),
  );
  t.strictSame(form.decode(stored(form.encode(new Balance(3n)))), new Balance(3n));
});

t.test('the hash moves with the list of fields', async (t) => {
  const hash = (initial: () => unknown) => compileSnapshot({ version: 1 }, initial).hash;
  t.equal(
    hash(() => ({ a: 1, b: 2 })),
    hash(() => ({ a: 3, b: 'x' })),
  );
  t.not(
    hash(() => ({ a: 1, b: 2 })),
    hash(() => ({ b: 2, a: 1 })),
  );
});

t.test('a snapshot with another number of fields is refused', async (t) => {
  t.throws(() => compileSnapshot({ version: 1 }, () => ({ a: 1 })).decode([1, 2]), { code: 'bytes-damaged' });
  t.throws(() => compileSnapshot({ version: 1 }, () => 1).decode([]), { code: 'bytes-damaged' });
});
