/** Orders from start to end over the whole runtime: every refusal, every crash, activities, timers, operators. */
import assert from 'node:assert/strict';
import t from 'tap';
import { goodOrder, type OrderPayload, OrderTown } from './order-town.js';

const orders: Readonly<Record<string, { readonly order: OrderPayload; readonly isDelivered: boolean }>> = {
  delivered: { order: goodOrder, isDelivered: true },
  'sold out in its last line': {
    order: { ...goodOrder, lines: [...goodOrder.lines.slice(0, 2), { product: 'lamp', count: 99 }] },
    isDelivered: false,
  },
  'not paid for': { order: { ...goodOrder, amount: 1_000 }, isDelivered: false },
  'not to be shipped': { order: { ...goodOrder, address: '' }, isDelivered: false },
};

for (const [name, { order, isDelivered }] of Object.entries(orders)) {
  t.test(`an order ${name} ends as it should`, async (t) => {
    const town = await OrderTown.open({ shardCount: 2 });
    town.place('o1', order);
    const status = await town.ended('o1');
    t.equal(status?.state, isDelivered ? 'completed' : 'compensated', JSON.stringify(status));
    await town.check('o1', order, isDelivered);
    t.same([...town.post.letters], isDelivered ? ['order/o1/notify/do'] : []);
    await town.system.stop();
  });

  t.test(`I10: an order ${name} goes on after a crash between any two commits`, async (t) => {
    for (const at of ['request', 'reply'] as const) {
      let commits = 0;
      while (await crashAfter(commits, at, order, isDelivered)) commits++;
      t.ok(commits > 8, `${commits} commits`);
    }
  });
}

/** Every command in a commit of its own: the points at which a crash can cut an order. */
const oneByOne = { groupCommandsMax: 1 };

/**
 * Lets so many commits pass and holds the next one, on its way to the disk or on its way back; then the process ends.
 * False when the order was over before that.
 */
async function crashAfter(
  commits: number,
  at: 'request' | 'reply',
  order: OrderPayload,
  isDelivered: boolean,
): Promise<boolean> {
  const town = await OrderTown.open({ shardCount: 1 + (commits % 2), limits: oneByOne });
  const { script } = town.system;
  for (let count = 0; count < commits; count++) script.onNextAppend(undefined);
  script.onNextAppend({ type: 'delay', at, until: new Promise(() => undefined) });
  town.place('o1', order);
  await town.clock.advance(1_000);
  const isCrashed = script.isSpent;
  if (isCrashed) await town.crash();
  const status = await town.ended('o1');
  const place = `crash after ${commits} commits, at the ${at}`;
  assert(status !== undefined || commits === 0, place);
  assert.equal(
    status?.state ?? 'compensated',
    isDelivered && status !== undefined ? 'completed' : 'compensated',
    place,
  );
  await town.check('o1', order, isDelivered && status !== undefined);
  assert.equal(town.post.letters.size, isDelivered && status !== undefined ? 1 : 0, place);
  await town.system.stop();
  return isCrashed;
}
