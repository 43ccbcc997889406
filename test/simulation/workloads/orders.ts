/**
 * Orders paid from a purse and purchases by card over one stock, some of which no shelf, purse, card or address is good for:
 * every undo runs, also of what never came. Parked ones are retried by a person at the end, as their notice asks.
 *
 *     I8, I9   goods and money are where the events say, and never less than nothing
 *     I10      an order ends completed with all its parts done, or compensated with none, at the provider as well
 */
import { isDeepStrictEqual } from 'node:util';
import { placedId } from '../../../actors/model/address.js';
import { type ActorCall, commandCall, queryCall } from '../../../actors/model/call.js';
import type { SeededRandom } from '../../../ops/simulation/seeded-random.js';
import {
  type AnsweredOperation,
  type Operation,
  Violation,
  type Workload,
  type WorkloadView,
} from '../../../ops/simulation/workload.js';
import {
  orderSaga,
  purseContract,
  shipmentContract,
  stockAndPayment,
  stockContract,
} from '../../examples/stock-and-payment.js';
import { endedWell } from './ended-well.js';
import { CardProvider, cardLimit, purchaseModule, purchaseSaga } from './purchase.js';
import { ShopBooks } from './shop-books.js';

const products = ['pen', 'book', 'lamp'];
const buyers = ['ann', 'bob'];
const sagas: ReadonlySet<string> = new Set([orderSaga.name, purchaseSaga.name]);
/** How often somebody retries a parked saga that nothing hinders any more. */

interface Order {
  readonly buyer: string;
  readonly address: string;
  readonly amount: number;
  readonly lines: readonly { readonly product: string; readonly count: number }[];
}

export function orderWorkload(): Workload {
  const card = new CardProvider();
  const letters = new Map<string, string>();
  let books = new ShopBooks();
  let orderCount = 0;
  return {
    name: 'orders',
    modules: [stockAndPayment, purchaseModule],
    adapters: {
      card: card.adapter,
      post: {
        letter: async ({ to, text }: { to: string; text: string }, { idempotencyKey }) => {
          letters.set(idempotencyKey, `${to}: ${text}`);
          return { letter_id: idempotencyKey };
        },
      },
    },
    setup: [
      ...products.map((product) => commandCall(stockContract, product, 'supply', { count: 12 })),
      ...buyers.map((buyer) => commandCall(purseContract, buyer, 'fill', { amount: 600 })),
    ],
    next: (draw) => nextOperation(draw, ++orderCount),
    watch: () => {
      books = new ShopBooks();
      return (event) => books.take(event);
    },
    check: async (view) => {
      for (const operation of view.operations) {
        const order = orderOf(operation);
        if (order === undefined) continue;
        const { kind, id } = operation.operation.call;
        const isCompleted = await endedWell(view, kind, id);
        for (const { product, count } of order.lines)
          books.check(stockContract.kind, product, id, isCompleted ? count : 0);
        if (kind === purchaseSaga.name) card.check(id, order.amount, isCompleted);
        else books.check(purseContract.kind, order.buyer, id, isCompleted ? order.amount : 0);
        await checkShipment(view, id, isCompleted);
      }
      await checkShop(view, books);
    },
  };
}

function nextOperation(draw: SeededRandom, number: number): Operation {
  const roll = draw.below(10);
  const buyer = draw.pick(buyers);
  const product = draw.pick(products);
  if (roll === 0) return { call: queryCall(stockContract, product, 'get', null) };
  if (roll === 1)
    return { call: commandCall(stockContract, product, 'supply', { count: 1 + draw.below(4) }) };
  const kind = draw.below(2) === 0 ? orderSaga.name : purchaseSaga.name;
  const id = draw.below(3) === 0 ? `o${number}` : placedId(`o${number}`, buyer);
  const payload: Order = {
    buyer,
    address: draw.below(6) === 0 ? '' : 'Main Street 1',
    amount: draw.below(6) === 0 ? cardLimit + 1_000 : 1 + draw.below(90),
    lines: products
      .filter((each) => each === product || draw.below(2) === 0)
      .map((each) => ({ product: each, count: draw.below(12) === 0 ? 99 : 1 + draw.below(3) })),
  };
  const waits = draw.below(2) === 0 ? { waitMs: 200 } : {};
  return { call: { type: 'command', kind, id, command: 'start', payload, ...waits } };
}

/** Of an order that was taken. */
function orderOf({ operation, answer }: AnsweredOperation): Order | undefined {
  const { call } = operation;
  if (call.type !== 'command' || !sagas.has(call.kind) || answer?.type !== 'reply') return undefined;
  return call.payload as Order;
}

async function checkShipment(view: WorkloadView, id: string, isCompleted: boolean): Promise<void> {
  const answer = await view.ask(queryCall(shipmentContract, id, 'get', null));
  const status = answer.type === 'reply' ? (answer.reply as { readonly status: string }).status : answer.code;
  if ((status === 'shipped') !== isCompleted)
    throw new Violation(
      `I10: order ${id} is ${isCompleted ? '' : 'not '}completed, its shipment is ${status}`,
    );
}

/** The actors say what their events say. */
async function checkShop(view: WorkloadView, books: ShopBooks): Promise<void> {
  for (const product of products) {
    const { free, aside, kept } = books.sums(stockContract.kind, product);
    await expectReply(view, queryCall(stockContract, product, 'get', null), {
      free,
      taken: kept,
      reserved: aside,
    });
  }
  for (const buyer of buyers) {
    const { free, aside, kept } = books.sums(purseContract.kind, buyer);
    await expectReply(view, queryCall(purseContract, buyer, 'get', null), {
      balance: free,
      settled: kept,
      charged: aside,
    });
  }
}

async function expectReply(view: WorkloadView, call: ActorCall, expected: object): Promise<void> {
  const answer = await view.ask(call);
  const found = answer.type === 'reply' ? answer.reply : answer.code;
  if (!isDeepStrictEqual(found, expected)) {
    const texts = [found, expected].map((value) => JSON.stringify(value));
    throw new Violation(`I8: ${call.kind}/${call.id} says ${texts[0]}, its events ${texts[1]}`);
  }
}
