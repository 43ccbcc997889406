/** A user's first module, as the README shows it: tickets are sold from an event's seats, a purchase is a saga. */
import t from 'tap';
import {
  defineAggregate,
  defineContract,
  defineModule,
  defineSaga,
  given,
  reject,
  send,
} from '../../../actors/model/index.js';
import { Type } from '../../../actors/model/typebox.js';

const Seats = Type.Integer({ minimum: 1 });

const show = defineContract({
  kind: 'show',
  events: {
    Opened: { version: 1, schema: Type.Object({ seats: Seats }) },
    Reserved: { version: 1, schema: Type.Object({ buyer: Type.String(), seats: Seats }) },
    Released: { version: 1, schema: Type.Object({ buyer: Type.String() }) },
  },
  commands: {
    open: { version: 1, input: Type.Object({ seats: Seats }), reply: Type.Null() },
    reserve: {
      version: 1,
      input: Type.Object({ buyer: Type.String(), seats: Seats }),
      reply: Type.Object({ left: Type.Integer() }),
    },
    release: { version: 1, input: Type.Object({ buyer: Type.String() }), reply: Type.Null() },
  },
  queries: { seats: { input: Type.Null(), reply: Type.Object({ free: Type.Integer() }) } },
  rejections: { 'already-open': 409, 'sold-out': 409 },
});

const showAggregate = defineAggregate(show, {
  initial: () => ({ open: false, free: 0, held: new Map<string, number>() }),
  decide: {
    open: (state, { seats }) =>
      state.open
        ? reject('already-open', 'The show is already open')
        : { events: [{ type: 'Opened', data: { seats } }], reply: null },
    reserve: (state, { buyer, seats }) => {
      if (seats > state.free) return reject('sold-out', `Only ${state.free} seats left`);
      return {
        events: [{ type: 'Reserved', data: { buyer, seats } }],
        reply: (after) => ({ left: after.free }),
      };
    },
    release: (state, { buyer }) => ({
      events: state.held.has(buyer) ? [{ type: 'Released', data: { buyer } }] : [],
      reply: null,
    }),
  },
  evolve: {
    Opened: (state, { seats }) => ({ ...state, open: true, free: seats }),
    Reserved: (state, { buyer, seats }) => {
      state.free -= seats;
      state.held.set(buyer, (state.held.get(buyer) ?? 0) + seats);
      return state;
    },
    Released: (state, { buyer }) => {
      state.free += state.held.get(buyer) ?? 0;
      state.held.delete(buyer);
      return state;
    },
  },
  read: { seats: (state) => ({ free: state.free }) },
  snapshot: { version: 1 },
});

const purse = defineContract({
  kind: 'purse',
  events: { Paid: { version: 1, schema: Type.Object({ amount: Type.BigInt() }) } },
  commands: { pay: { version: 1, input: Type.Object({ amount: Type.BigInt() }), reply: Type.Null() } },
  queries: {},
  rejections: { 'no-money': 409 },
});

const purchase = defineSaga({
  name: 'purchase',
  version: 1,
  input: Type.Object({ show: Type.String(), buyer: Type.String(), seats: Seats, price: Type.BigInt() }),
  events: { Bought: { version: 1, schema: Type.Object({ buyer: Type.String() }) } },
  steps: [
    {
      name: 'reserve',
      call: ({ input }) => send(show, input.show, 'reserve', { buyer: input.buyer, seats: input.seats }),
      undo: ({ input }) => send(show, input.show, 'release', { buyer: input.buyer }),
    },
    {
      name: 'pay',
      pivot: true,
      call: ({ input }) => send(purse, input.buyer, 'pay', { amount: input.price * BigInt(input.seats) }),
    },
  ],
  onCompleted: ({ input }) => [{ type: 'Bought', data: { buyer: input.buyer } }],
});

const purseAggregate = defineAggregate(purse, {
  initial: () => ({ balance: 100n }),
  decide: {
    pay: (state, { amount }) =>
      amount > state.balance
        ? reject('no-money', 'The purse is empty')
        : { events: [{ type: 'Paid', data: { amount } }], reply: null },
  },
  evolve: { Paid: (state, { amount }) => ({ balance: state.balance - amount }) },
  read: {},
  snapshot: { version: 1 },
});

const tickets = defineModule({
  name: 'tickets',
  aggregates: [showAggregate, purseAggregate],
  sagas: [purchase],
});

t.test('seats are reserved while there are some', async (t) => {
  const scenario = given(showAggregate, [{ type: 'Opened', data: { seats: 5 } }])
    .when('reserve', { buyer: 'ann', seats: 3 })
    .then({ events: [{ type: 'Reserved', data: { buyer: 'ann', seats: 3 } }], reply: { left: 2 } })
    .when('reserve', { buyer: 'bob', seats: 3 })
    .then({ rejection: { code: 'sold-out', detail: 'Only 2 seats left' } });
  t.strictSame(scenario.read('seats', null), { free: 2 });
});

t.test('a release gives back what was reserved, and tolerates that nothing was', async (t) => {
  const scenario = given(showAggregate, [{ type: 'Opened', data: { seats: 5 } }])
    .when('release', { buyer: 'ann' })
    .then({ events: [], reply: null })
    .when('reserve', { buyer: 'ann', seats: 5 })
    .then({ reply: { left: 0 } })
    .when('release', { buyer: 'ann' })
    .then({ events: [{ type: 'Released', data: { buyer: 'ann' } }] });
  t.strictSame(scenario.read('seats', null), { free: 5 });
});

t.test('an empty purse pays nothing', async (t) => {
  given(purseAggregate, [{ type: 'Paid', data: { amount: 60n } }])
    .when('pay', { amount: 50n })
    .then({ rejection: 'no-money' });
  t.pass();
});

t.test('the steps of the saga call the actors of the module', async (t) => {
  const input = { show: 'hamlet', buyer: 'ann', seats: 2, price: 20n };
  const context = { sagaId: 's1', input, results: {}, now: 0, principal: 'ann' };
  const kinds = new Set(tickets.aggregates.map((aggregate) => aggregate.contract.kind));
  const steps = purchase.steps.filter((step) => 'call' in step);
  t.equal(steps.length, purchase.steps.length);
  for (const step of steps) {
    t.ok(kinds.has(step.call(context).kind));
    t.ok(step.pivot === true || step.undo !== undefined, 'before the pivot every step can be undone');
  }
  t.strictSame(steps[1]?.call(context).payload, { amount: 40n });
  t.strictSame(purchase.onCompleted?.(context), [{ type: 'Bought', data: { buyer: 'ann' } }]);
});
