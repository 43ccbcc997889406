/**
 * Ports and orders: what is inferred from a port, and what must not compile (checked by the build).
 */
import t from 'tap';
import {
  type ActivityCode,
  type ActivityInput,
  type ActivityResult,
  defineAdapter,
  definePort,
  perform,
  reject,
  Type,
} from '../../../actors/model/index.js';

const till = definePort({
  name: 'till',
  activities: {
    charge: {
      input: Type.Object({ amount: Type.String() }),
      result: Type.Object({ receipt: Type.String() }),
      rejections: ['card-declined', 'card-expired'],
      policy: { timeoutMs: 1_000, breaker: false },
      fallback: { receipt: 'later' },
    },
    close: { input: Type.Object({}), result: Type.Null(), rejections: [] },
  },
});

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(value: T): T => value;

t.test('an order carries port, activity and input, typed by the port', async (t) => {
  const order = perform(till, 'charge', { amount: '1.00' });
  t.strictSame(order, { type: 'activity', port: 'till', activity: 'charge', input: { amount: '1.00' } });
  holds<Equal<ActivityInput<typeof till, 'charge'>, { amount: string }>>(true);
  holds<Equal<ActivityResult<typeof till, 'charge'>, { receipt: string }>>(true);
  holds<Equal<ActivityCode<typeof till, 'charge'>, 'card-declined' | 'card-expired'>>(true);
  holds<Equal<ActivityCode<typeof till, 'close'>, never>>(true);
  holds<Equal<NonNullable<(typeof order)['~reply']>, { receipt: string }>>(true);
  // @ts-expect-error the port has no such activity
  perform(till, 'refund', { amount: '1.00' });
  // @ts-expect-error the input is the activity's
  perform(till, 'charge', { amount: 1 });
});

t.test('an adapter does every activity of its port, with its results and its codes', async (t) => {
  const adapter = defineAdapter(till, {
    charge: async ({ amount }, { idempotencyKey, signal }) => {
      if (signal.aborted || amount === '0') return reject('card-declined', 'No');
      return { receipt: `${idempotencyKey} ${amount}` };
    },
    close: async () => null,
  });
  const call = { idempotencyKey: 'k', attempt: 0, signal: AbortSignal.abort(), traceparent: '' };
  t.strictSame(await adapter.charge({ amount: '1' }, call), reject('card-declined', 'No'));
  const charge = async () => ({ receipt: '' });
  // @ts-expect-error an activity is missing
  defineAdapter(till, { charge });
  // @ts-expect-error the code is not declared
  defineAdapter(till, { charge: async () => reject('card-stolen', 'No'), close: async () => null });
  // @ts-expect-error the result is another
  defineAdapter(till, { charge: async () => ({ paid: true }), close: async () => null });
});

t.test('a fallback is a result of its activity', async () => {
  definePort({
    name: 'till',
    activities: {
      charge: {
        input: Type.Object({}),
        result: Type.Object({ receipt: Type.String() }),
        rejections: [],
        // @ts-expect-error not a result
        fallback: { paid: true },
      },
    },
  });
});

t.test('a name that no setting could carry is refused', async (t) => {
  for (const name of ['', 'Payment', 'a_b', '1a', 'a'.repeat(33)]) {
    t.throws(() => definePort({ name, activities: {} }), /a name is a letter/, name);
  }
});
