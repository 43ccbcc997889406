/** Sagas that call outside, in a whole system: on this thread and with the shards on threads of their own. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { accountContract } from '../../actors/banking/account-contract.js';
import { noticePage } from '../../actors/banking/notice-page.js';
import { notificationContract } from '../../actors/banking/notification-contract.js';
import { paymentTransfer } from '../../actors/banking/payment-transfer.js';
import type { AdapterCall, Adapters } from '../../actors/model/activity.js';
import { reject } from '../../actors/model/message.js';
import { createSystem, simulators } from '../../ops/index.js';
import { pooledRiskModel } from '../../ops/providers/risk-model.js';
import { createOffload } from '../../runtime/offload.js';
import { temporaryDirectory } from '../support/server.js';
import { checkout } from './fixtures/checkout-app.js';

const moduleFile = new URL('./fixtures/checkout-app.js', import.meta.url);
const wait = { waitMs: 60_000, deadlineMs: 60_000 };

for (const shards of [0, 2]) {
  t.test(`activities are done, refused and taken back, with ${shards} shards on threads`, async (t) => {
    const directory = path.join(temporaryDirectory(t), 'data');
    const system = await createSystem({
      ...{ moduleFile, shards, adapters: simulators(), report: () => {} },
      store: { type: 'embedded', directory },
    });
    const ended = async (id: string, method: string, service: string) => {
      const result = await system.start(checkout, id, { method, service }, wait);
      return result.ok ? result.reply : result;
    };
    t.match(await ended('paid', 'credit_card', 'standard'), {
      state: 'completed',
      step_results: [
        { step: 'charge', result: { payment_id: /^pay_/, amount: '10.00' } },
        { step: 'ship', result: { tracking_number: /^trk_/ } },
      ],
    });
    t.match(await ended('broke', 'credit_card_declined', 'standard'), {
      state: 'compensated',
      errors: ['payment-declined: Declined by the simulator'],
    });
    t.match(await ended('lost', 'credit_card', 'express_declined'), {
      state: 'compensated',
      errors: ['service-unknown: Declined by the simulator'],
    });
    const circuit = system.circuits().find(({ name }) => name === 'payment.refund');
    t.match(circuit, { state: 'closed', metrics: { successful_requests: 1 } });
    await system.stop();
  });
}

t.test('an activity that was open when the system ended is done again under the same key', async (t) => {
  const directory = path.join(temporaryDirectory(t), 'data');
  const keys: string[] = [];
  const start = (charge: (call: AdapterCall) => Promise<unknown>) => {
    const adapters: Adapters = { ...simulators(), payment: { ...simulators().payment, charge: recorded } };
    function recorded(_: unknown, call: AdapterCall): Promise<unknown> {
      keys.push(call.idempotencyKey);
      return charge(call);
    }
    const store = { type: 'embedded', directory } as const;
    return createSystem({ moduleFile, shards: 1, store, adapters, report: () => {} });
  };
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const first = await start(() => {
    asked();
    return new Promise(() => {});
  });
  void first.start(checkout, 'slow', { method: 'credit_card', service: 'standard' }, wait);
  await isAsked;
  await first.stop();
  const result = {
    ...{ payment_id: 'p', order_id: 'slow', amount: '10.00', currency: 'USD' },
    payment_method: 'credit_card',
  };
  const second = await start(async () => result);
  t.match(await second.status(checkout, 'slow', wait), {
    ok: true,
    reply: { state: 'completed', errors: [] },
  });
  await second.stop();
  t.equal(keys.length, 2);
  t.equal(keys[0], keys[1]);
});

t.test('a system whose port nobody serves does not start', async (t) => {
  await t.rejects(createSystem({ moduleFile, adapters: { shipping: simulators().shipping ?? {} } }), {
    message: 'port payment has no adapter',
  });
});

/** The bank with two accounts, and a transfer between them. */
async function bank(t: Test, app: string, adapters: Adapters) {
  const system = await createSystem({
    moduleFile: `${new URL('../../actors/app.js', import.meta.url)}?${app}`,
    shards: 1,
    store: { type: 'embedded', directory: path.join(temporaryDirectory(t), 'data') },
    adapters,
    report: () => {},
  });
  t.teardown(() => system.stop());
  for (const id of ['sender', 'receiver']) {
    const account = { account_type: 'checking', currency: 'USD', owner_id: 'ann' } as const;
    await system.call(accountContract, id, 'open', { ...account, initial_deposit: '100' });
  }
  const transfer = (id: string, amount: string) =>
    system.start(
      paymentTransfer,
      id,
      {
        ...{ sender_account_id: 'sender', receiver_account_id: 'receiver' },
        ...{ amount, currency: 'USD', description: '' },
      },
      wait,
    );
  return { system, transfer };
}

t.test('a risk model refuses a transfer before money moves', async (t) => {
  const offload = createOffload({ threads: 1 });
  t.teardown(() => offload.close());
  const model = new URL('./fixtures/risk-models.js', import.meta.url);
  const riskModel = pooledRiskModel({ model, thresholdPercent: 80, offload });
  const { system, transfer } = await bank(t, 'risk-model', { 'risk-model': riskModel });
  t.match(await transfer('t1', '10'), {
    ok: true,
    reply: { state: 'completed', step_results: { 2: { step: 'risk_model', result: { score: 0.1 } } } },
  });
  t.match(await transfer('t2', '85'), {
    ok: true,
    reply: {
      state: 'compensated',
      errors: ['risk_check_failed: Risk score 85 % reaches the limit of 80 %'],
    },
  });
  t.match(await system.query(accountContract, 'sender', 'get', {}), {
    ok: true,
    reply: { balance: '90.00', held: '0.00' },
  });
});

t.test(
  'a notice is delivered after its transfer, and a refused one costs the transfer nothing',
  async (t) => {
    const pushed: unknown[] = [];
    const push = {
      send: async (input: { device: string; text: string }) => {
        pushed.push(input);
        return input.text.startsWith('2') ? reject('recipient-refused', 'gone') : { message_id: 'm1' };
      },
    };
    const { system, transfer } = await bank(t, 'notices', { push });
    t.match(await transfer('t1', '10'), { reply: { state: 'completed' } });
    t.match(await transfer('t2', '20'), { reply: { state: 'completed' } });
    const deliveries = async () => {
      const history = await system.history(notificationContract, 'sender');
      const { items } = noticePage(history.ok ? history.reply : { events: [], next: null });
      return items.flatMap((item) =>
        item.type === 'delivery' ? [`${item.transfer_id} ${item.status}`] : [],
      );
    };
    while ((await deliveries()).length < 2) await new Promise(setImmediate);
    t.same((await deliveries()).sort(), ['t1 delivered', 't2 failed']);
    t.match(pushed, [
      { device: 'account.sender', title: 'Transfer completed', text: '10 USD was transferred to receiver.' },
      { text: '20 USD was transferred to receiver.' },
    ]);
  },
);
