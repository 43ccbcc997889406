/**
 * A whole system that runs the orders of `test/examples/stock-and-payment.ts`, on virtual time, with a post office that
 * counts what it was asked for.
 */
import assert from 'node:assert/strict';
import type { ActivityOutcome } from '../../../actors/model/activity.js';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import type { SagaStatus } from '../../../actors/model/saga.js';
import type { Activities, ActivityRequest } from '../../../runtime/activity/activities.js';
import {
  purseContract,
  shipmentContract,
  stockAndPayment,
  stockContract,
} from '../../examples/stock-and-payment.js';
import { TestSystem, type TestSystemOptions } from '../../support/test-system.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const letterMs = 40;

/** Does a letter once per idempotency key, after a while; what it answers can be set. */
export class PostOffice implements Activities {
  readonly requests: ActivityRequest[] = [];
  readonly letters = new Set<string>();
  answer: (request: ActivityRequest) => ActivityOutcome = ({ idempotencyKey }) => ({
    type: 'result',
    value: { letter_id: idempotencyKey },
  });
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  run(request: ActivityRequest): Promise<ActivityOutcome> {
    this.requests.push(request);
    return new Promise((resolve) => {
      this.#clock.after(letterMs, () => {
        this.letters.add(request.idempotencyKey);
        resolve(this.answer(request));
      });
    });
  }
}

export interface OrderPayload {
  readonly buyer: string;
  readonly address: string;
  readonly amount: number;
  readonly lines: readonly { readonly product: string; readonly count: number }[];
}

export const goodOrder: OrderPayload = {
  buyer: 'ann',
  address: 'Main Street 1',
  amount: 30,
  lines: [
    { product: 'pen', count: 2 },
    { product: 'book', count: 1 },
    { product: 'lamp', count: 1 },
  ],
};

export class OrderTown {
  system: TestSystem;
  readonly post: PostOffice;
  readonly clock: VirtualClock;

  private constructor(system: TestSystem, post: PostOffice) {
    this.system = system;
    this.post = post;
    this.clock = system.clock;
  }

  static async open(options: TestSystemOptions = {}): Promise<OrderTown> {
    const clock = options.clock ?? new VirtualClock();
    const post = new PostOffice(clock);
    const system = await TestSystem.start({
      modules: [stockAndPayment],
      ...options,
      clock,
      activities: post,
    });
    const town = new OrderTown(system, post);
    for (const product of ['pen', 'book', 'lamp']) {
      await system.reply(commandCall(stockContract, product, 'supply', { count: 10 }));
    }
    await system.reply(commandCall(purseContract, 'ann', 'fill', { amount: 100 }));
    return town;
  }

  place(id: string, order: OrderPayload = goodOrder): void {
    this.system.submit(
      { type: 'command', kind: 'order', id, command: 'start', payload: order },
      { fingerprint: 'f' },
    );
  }

  tell(id: string, command: string, payload: unknown = {}) {
    return this.system.ask({ type: 'command', kind: 'order', id, command, payload });
  }

  /** Undefined: there is no such order. */
  async status(id: string): Promise<SagaStatus | undefined> {
    const answer = await this.system.ask({ type: 'query', kind: 'order', id, query: 'status', payload: {} });
    if (answer.type === 'rejection') return undefined;
    assert.equal(answer.type, 'reply', JSON.stringify(answer));
    // The query's reply is that of every saga.
    return (answer as { readonly reply: unknown }).reply as SagaStatus;
  }

  /** Lets time pass until the order needs none any more. */
  async ended(id: string): Promise<SagaStatus | undefined> {
    for (let rounds = 0; rounds < 200; rounds++) {
      const status = await this.status(id);
      if (status === undefined || !['pending', 'running', 'compensating'].includes(status.state))
        return status;
      await this.clock.advance(rounds < 20 ? 20 : 2_000);
    }
    throw new Error(`order ${id} never ends`);
  }

  async crash(options: TestSystemOptions = {}): Promise<void> {
    this.system = await this.system.crash({ ...options, activities: this.post });
  }

  async stock(product: string) {
    return this.system.reply(queryCall(stockContract, product, 'get', null));
  }

  async purse() {
    return this.system.reply(queryCall(purseContract, 'ann', 'get', null));
  }

  async shipment(id: string): Promise<string> {
    return (await this.system.reply(queryCall(shipmentContract, id, 'get', null))).status;
  }

  /** All goods are taken and paid, or everything is where it was: never in between. */
  async check(id: string, order: OrderPayload, isDelivered: boolean): Promise<void> {
    for (const product of ['pen', 'book', 'lamp']) {
      const count = order.lines.find((line) => line.product === product)?.count ?? 0;
      const taken = isDelivered ? count : 0;
      assert.deepEqual(await this.stock(product), { free: 10 - taken, reserved: 0, taken }, product);
    }
    const paid = isDelivered ? order.amount : 0;
    assert.deepEqual(await this.purse(), { balance: 100 - paid, charged: 0, settled: paid });
    assert.equal((await this.shipment(id)) === 'shipped', isDelivered);
  }
}
