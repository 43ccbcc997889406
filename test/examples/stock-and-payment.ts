/**
 * A module as a user could write it: an order reserves each of its lines, charges, ships and tells the buyer, and gives
 * everything back when one of these is refused.
 *
 *     reserve   each line at its stock item             undo: release
 *     charge    the buyer's purse                       undo: refund
 *     ship      a shipment of all lines                 undo: cancel
 *     settle    the charge is final; pivot: from here on the order is delivered
 *     take      each line leaves its stock
 *     notify    a letter, through the port `post`; its failure changes nothing
 *
 * Every undo tolerates that its do never came, and remembers it, so that a do that comes late is refused (decision D3).
 */
import { definePort, perform } from '../../actors/model/activity.js';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { defineContract, send } from '../../actors/model/contract.js';
import { reject } from '../../actors/model/message.js';
import { defineModule } from '../../actors/model/module.js';
import { defineSaga } from '../../actors/model/saga.js';
import { stepsOf } from '../../actors/model/step-list.js';
import { type Static, Type } from '../../actors/model/typebox.js';

const OfOrder = Type.Object({ order: Type.String() });
const Counted = Type.Object({ order: Type.String(), count: Type.Integer({ minimum: 1 }) });
const Nothing = Type.Null();

export const stockContract = defineContract({
  kind: 'stock',
  events: {
    Stocked: { version: 1, schema: Type.Object({ count: Type.Integer() }) },
    Reserved: { version: 1, schema: Counted },
    Released: { version: 1, schema: OfOrder },
    Taken: { version: 1, schema: OfOrder },
  },
  commands: {
    supply: { version: 1, input: Type.Object({ count: Type.Integer({ minimum: 1 }) }), reply: Nothing },
    reserve: { version: 1, input: Counted, reply: Type.Object({ left: Type.Integer() }), internal: true },
    release: { version: 1, input: OfOrder, reply: Nothing, internal: true },
    take: { version: 1, input: OfOrder, reply: Nothing, internal: true },
  },
  queries: {
    get: {
      input: Nothing,
      reply: Type.Object({ free: Type.Integer(), reserved: Type.Integer(), taken: Type.Integer() }),
    },
  },
  rejections: { 'sold-out': 409, 'order-over': 409 },
});

/** Ids of orders that are over here, so that a late do is refused; the newest this many. */
const ordersRememberedMax = 1_000;

const stock = defineAggregate(stockContract, {
  initial: () => ({ free: 0, taken: 0, held: new Map<string, number>(), over: [] as string[] }),
  decide: {
    supply: (_state, { count }) => ({ events: [{ type: 'Stocked', data: { count } }], reply: null }),
    reserve: (state, { order, count }) => {
      if (state.over.includes(order)) return reject('order-over', `Order ${order} was given up`);
      if (state.held.has(order)) return { reply: { left: state.free } };
      if (count > state.free) return reject('sold-out', `Only ${state.free} left`);
      return {
        events: [{ type: 'Reserved', data: { order, count } }],
        reply: (after) => ({ left: after.free }),
      };
    },
    release: (state, { order }) =>
      state.over.includes(order)
        ? { reply: null }
        : { events: [{ type: 'Released', data: { order } }], reply: null },
    take: (state, { order }) =>
      state.held.has(order) ? { events: [{ type: 'Taken', data: { order } }], reply: null } : { reply: null },
  },
  evolve: {
    Stocked: (state, { count }) => {
      state.free += count;
      return state;
    },
    Reserved: (state, { order, count }) => {
      state.free -= count;
      state.held.set(order, count);
      return state;
    },
    Released: (state, { order }) => {
      state.free += state.held.get(order) ?? 0;
      state.held.delete(order);
      remember(state.over, order);
      return state;
    },
    Taken: (state, { order }) => {
      state.taken += state.held.get(order) ?? 0;
      state.held.delete(order);
      remember(state.over, order);
      return state;
    },
  },
  read: {
    get: ({ free, taken, held }) => ({
      free,
      taken,
      reserved: [...held.values()].reduce((sum, count) => sum + count, 0),
    }),
  },
  snapshot: { version: 1 },
});

const Amount = Type.Object({ order: Type.String(), amount: Type.Integer({ minimum: 1 }) });

export const purseContract = defineContract({
  kind: 'purse',
  events: {
    Filled: { version: 1, schema: Type.Object({ amount: Type.Integer() }) },
    Charged: { version: 1, schema: Amount },
    Refunded: { version: 1, schema: OfOrder },
    Settled: { version: 1, schema: OfOrder },
  },
  commands: {
    fill: { version: 1, input: Type.Object({ amount: Type.Integer({ minimum: 1 }) }), reply: Nothing },
    charge: { version: 1, input: Amount, reply: Type.Object({ receipt: Type.String() }), internal: true },
    refund: { version: 1, input: OfOrder, reply: Nothing, internal: true },
    settle: { version: 1, input: OfOrder, reply: Nothing, internal: true },
  },
  queries: {
    get: {
      input: Nothing,
      reply: Type.Object({ balance: Type.Integer(), charged: Type.Integer(), settled: Type.Integer() }),
    },
  },
  rejections: { 'no-money': 409, 'order-over': 409, 'not-charged': 409 },
});

const purse = defineAggregate(purseContract, {
  initial: () => ({ balance: 0, settled: 0, charged: new Map<string, number>(), over: [] as string[] }),
  decide: {
    fill: (_state, { amount }) => ({ events: [{ type: 'Filled', data: { amount } }], reply: null }),
    charge: (state, { order, amount }) => {
      if (state.over.includes(order)) return reject('order-over', `Order ${order} was given up`);
      const reply = { receipt: `receipt-${order}` };
      if (state.charged.has(order)) return { reply };
      if (amount > state.balance) return reject('no-money', `Only ${state.balance} left`);
      return { events: [{ type: 'Charged', data: { order, amount } }], reply };
    },
    refund: (state, { order }) =>
      state.over.includes(order)
        ? { reply: null }
        : { events: [{ type: 'Refunded', data: { order } }], reply: null },
    settle: (state, { order }) => {
      if (state.over.includes(order)) return { reply: null };
      if (!state.charged.has(order)) return reject('not-charged', `Order ${order} was not charged`);
      return { events: [{ type: 'Settled', data: { order } }], reply: null };
    },
  },
  evolve: {
    Filled: (state, { amount }) => {
      state.balance += amount;
      return state;
    },
    Charged: (state, { order, amount }) => {
      state.balance -= amount;
      state.charged.set(order, amount);
      return state;
    },
    Refunded: (state, { order }) => {
      state.balance += state.charged.get(order) ?? 0;
      state.charged.delete(order);
      remember(state.over, order);
      return state;
    },
    Settled: (state, { order }) => {
      state.settled += state.charged.get(order) ?? 0;
      state.charged.delete(order);
      remember(state.over, order);
      return state;
    },
  },
  read: {
    get: ({ balance, settled, charged }) => ({
      balance,
      settled,
      charged: [...charged.values()].reduce((sum, amount) => sum + amount, 0),
    }),
  },
  snapshot: { version: 1 },
});

export const shipmentContract = defineContract({
  kind: 'shipment',
  events: {
    LabelMade: { version: 1, schema: Type.Object({ address: Type.String(), receipt: Type.String() }) },
    LabelCancelled: { version: 1, schema: Type.Object({}) },
  },
  commands: {
    ship: {
      version: 1,
      input: Type.Object({ address: Type.String(), receipt: Type.String() }),
      reply: Type.Object({ label: Type.String() }),
      internal: true,
    },
    cancel: { version: 1, input: Type.Object({}), reply: Nothing, internal: true },
  },
  queries: { get: { input: Nothing, reply: Type.Object({ status: Type.String() }) } },
  rejections: { 'no-such-address': 422, 'order-over': 409 },
});

const shipment = defineAggregate(shipmentContract, {
  initial: () => ({ status: 'none' }),
  decide: {
    ship: (state, { address, receipt }, { id }) => {
      if (state.status === 'cancelled') return reject('order-over', `Shipment ${id} was given up`);
      if (address === '') return reject('no-such-address', 'The order has no address');
      const reply = { label: `label-${id}` };
      if (state.status === 'shipped') return { reply };
      return { events: [{ type: 'LabelMade', data: { address, receipt } }], reply };
    },
    cancel: (state) =>
      state.status === 'cancelled'
        ? { reply: null }
        : { events: [{ type: 'LabelCancelled', data: {} }], reply: null },
  },
  evolve: { LabelMade: () => ({ status: 'shipped' }), LabelCancelled: () => ({ status: 'cancelled' }) },
  read: { get: ({ status }) => ({ status }) },
  snapshot: { version: 1 },
});

export const postPort = definePort({
  name: 'post',
  activities: {
    letter: {
      input: Type.Object({ to: Type.String(), text: Type.String() }),
      result: Type.Object({ letter_id: Type.String() }),
      rejections: ['no-such-person'],
    },
  },
});

export const OrderInput = Type.Object({
  buyer: Type.String(),
  address: Type.String(),
  amount: Type.Integer({ minimum: 1 }),
  lines: Type.Array(Type.Object({ product: Type.String(), count: Type.Integer({ minimum: 1 }) })),
});

/** What a step for one line of an order sees. */
interface OfLine {
  readonly item: Static<typeof OrderInput>['lines'][number];
  readonly sagaId: string;
}

/** What the step that ships sees. */
interface OfCharged {
  readonly input: Static<typeof OrderInput>;
  readonly sagaId: string;
  readonly results: { readonly charge: { readonly receipt: string } };
}

/** Steps that go the same way however an order is paid. */
export const reserveLine = {
  call: ({ item, sagaId }: OfLine) =>
    send(stockContract, item.product, 'reserve', { order: sagaId, count: item.count }),
  undo: ({ item, sagaId }: OfLine) => send(stockContract, item.product, 'release', { order: sagaId }),
};
export const shipOrder = {
  call: ({ input, sagaId, results }: OfCharged) =>
    send(shipmentContract, sagaId, 'ship', { address: input.address, receipt: results.charge.receipt }),
  undo: ({ sagaId }: Pick<OfCharged, 'sagaId'>) => send(shipmentContract, sagaId, 'cancel', {}),
};
export const takeLine = {
  call: ({ item, sagaId }: OfLine) => send(stockContract, item.product, 'take', { order: sagaId }),
};

export const orderSaga = defineSaga({
  name: 'order',
  version: 1,
  input: OrderInput,
  steps: stepsOf(OrderInput)
    .each('reserve', ({ input }) => input.lines, reserveLine)
    .step('charge', {
      call: ({ input, sagaId }) =>
        send(purseContract, input.buyer, 'charge', { order: sagaId, amount: input.amount }),
      undo: ({ input, sagaId }) => send(purseContract, input.buyer, 'refund', { order: sagaId }),
    })
    .step('ship', shipOrder)
    .step('settle', {
      pivot: true,
      call: ({ input, sagaId }) => send(purseContract, input.buyer, 'settle', { order: sagaId }),
    })
    .each('take', ({ input }) => input.lines, takeLine)
    .optional('notify', {
      activity: ({ input, sagaId, results }) =>
        perform(postPort, 'letter', {
          to: input.buyer,
          text: `Order ${sagaId} is on its way as ${results.ship.label}`,
        }),
    }).steps,
  events: {
    OrderDelivered: { version: 1, schema: Type.Object({ buyer: Type.String() }) },
    OrderGivenUp: { version: 1, schema: Type.Object({ buyer: Type.String(), reason: Type.String() }) },
  },
  onCompleted: ({ input }) => [{ type: 'OrderDelivered', data: { buyer: input.buyer } }],
  onCompensating: ({ input }, { code, detail }) => [
    { type: 'OrderGivenUp', data: { buyer: input.buyer, reason: `${code}: ${detail}` } },
  ],
});

export const stockAndPayment = defineModule({
  name: 'stock-and-payment',
  aggregates: [stock, purse, shipment],
  sagas: [orderSaga],
  ports: [postPort],
});

function remember(over: string[], order: string): void {
  over.push(order);
  if (over.length > ordersRememberedMax) over.shift();
}
