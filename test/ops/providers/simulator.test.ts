/** The built-in providers, steered by their input (decision D11). */
import t from 'tap';
import type { AdapterCall } from '../../../actors/model/activity.js';
import { simulatedEmail, simulatedPush, simulatedSms } from '../../../ops/providers/simulated-messages.js';
import { simulatedPayment } from '../../../ops/providers/simulated-payment.js';
import { simulatedShipping } from '../../../ops/providers/simulated-shipping.js';
import { behaviourOf, rememberedMax, slowMs } from '../../../ops/providers/simulator.js';
import { SeededRandom } from '../../support/seeded-random.js';
import { VirtualClock } from '../../support/virtual-clock.js';

function fixture(settings = { latencyMs: 0, successRate: 1 }) {
  const clock = new VirtualClock();
  const parts = { settings, clock, random: new SeededRandom(7) };
  let keys = 0;
  const call = (idempotencyKey = `key${keys++}`, signal = new AbortController().signal): AdapterCall => ({
    ...{ idempotencyKey, attempt: 0, signal, traceparent: '' },
  });
  const payment = simulatedPayment(parts);
  const charge = (
    payment_method: string,
    options: { key?: string; reference?: string; signal?: AbortSignal } = {},
  ) =>
    payment.charge(
      {
        ...{ reference: options.reference ?? 'r1', order_id: 'o1', customer_id: 'ann' },
        ...{ amount: '10.00', currency: 'USD', payment_method },
      },
      call(options.key, options.signal),
    );
  return { clock, parts, call, payment, charge };
}

const charged = {
  payment_id: /^pay_[0-9a-f]{24}$/,
  ...{ order_id: 'o1', amount: '10.00', currency: 'USD', payment_method: 'credit_card' },
};

t.test('a charge is approved at once by default, once per reference', async (t) => {
  const { charge } = fixture();
  const first = await charge('credit_card');
  t.match(first, charged);
  t.same(await charge('credit_card'), first, 'another key, the same reference');
  t.notSame(await charge('credit_card', { reference: 'r2' }), first);
});

t.test('an unknown method is rejected', async (t) => {
  const { charge } = fixture();
  t.match(await charge('seashells'), { type: 'rejection', code: 'payment-method-invalid' });
});

t.test('declined: rejected, and every repeat too', async (t) => {
  const { charge } = fixture();
  for (const key of ['k', 'k', 'l']) {
    t.match(await charge('credit_card_declined', { key }), { type: 'rejection', code: 'payment-declined' });
  }
});

t.test('slow: approved after a while', async (t) => {
  const { charge, clock } = fixture();
  let isAnswered = false;
  const answer = charge('credit_card_slow').then((value) => {
    isAnswered = true;
    return value;
  });
  await clock.advance(slowMs - 1);
  t.equal(isAnswered, false);
  await clock.advance(1);
  t.match(await answer, { amount: '10.00' });
});

t.test('flaky: two attempts find nobody, the third is approved', async (t) => {
  const { charge } = fixture();
  const options = { key: 'k' };
  for (let attempt = 0; attempt < 2; attempt++) {
    await t.rejects(charge('credit_card_flaky', options), { code: 'provider-unavailable' });
  }
  t.match(await charge('credit_card_flaky', options), { amount: '10.00' });
});

t.test('lost reply: it happens, nobody hears of it, and a repeat gets the answer', async (t) => {
  const { charge, payment, call } = fixture();
  const controller = new AbortController();
  const lost = charge('credit_card_lost_reply', { key: 'k', signal: controller.signal });
  await new Promise(setImmediate);
  controller.abort();
  await t.rejects(lost, { code: 'outcome-unknown' });
  t.match(await charge('credit_card_lost_reply', { key: 'k' }), { amount: '10.00' });
  t.match(await payment.refund({ reference: 'r1', reason: '' }, call()), { refunded: true });
});

t.test('row 104: latency and share of successes are settings', async (t) => {
  const { charge, clock } = fixture({ latencyMs: 1_000, successRate: 0.9 });
  const answers: unknown[] = [];
  for (let count = 0; count < 200; count++) {
    void charge('credit_card', { reference: `r${count}` }).then((answer) => answers.push(answer));
  }
  await clock.advance(999);
  t.equal(answers.length, 0);
  await clock.advance(1);
  const declined = answers.filter(
    (answer) => typeof answer === 'object' && answer !== null && 'code' in answer,
  );
  t.equal(answers.length, 200);
  t.ok(declined.length > 5 && declined.length < 40, `${declined.length} of 200 were declined`);
});

t.test('a refund gives a charge back; its late twin charges nothing', async (t) => {
  const { charge, payment, call } = fixture();
  await charge('credit_card');
  t.match(await payment.refund({ reference: 'r1', reason: 'x' }, call()), {
    refunded: true,
    refund_id: /^ref_/,
  });
  t.match(await charge('credit_card'), { type: 'rejection', code: 'payment-cancelled' });
});

t.test('a refund before its charge is remembered (decision D3)', async (t) => {
  const { charge, payment, call } = fixture();
  t.match(await payment.refund({ reference: 'r1', reason: 'x' }, call()), { refunded: false });
  t.match(await charge('credit_card'), { type: 'rejection', code: 'payment-cancelled' });
  t.match(await payment.refund({ reference: 'r1', reason: 'x' }, call()), { refunded: false });
});

t.test('a label is made once per reference and cancelled like a charge', async (t) => {
  const { parts, call } = fixture();
  const shipping = simulatedShipping(parts);
  const order = (reference: string, service = 'standard') =>
    shipping.create_label(
      {
        ...{ reference, order_id: 'o1', service, address: { city: 'Basel' } },
        items: [{ product_id: 'p', quantity: 1 }],
      },
      call(),
    );
  const label = await order('r1');
  t.match(label, { shipment_id: /^shp_/, tracking_number: /^trk_/, label_url: /^simulator:labels\/trk_/ });
  t.same(await order('r1'), label);
  t.match(await order('r2', 'express_declined'), { code: 'service-unknown' });
  t.same(await shipping.cancel_label({ reference: 'r1', reason: '' }, call()), { cancelled: true });
  t.same(await shipping.cancel_label({ reference: 'r3', reason: '' }, call()), { cancelled: false });
  t.match(await order('r3'), { code: 'shipment-cancelled' });
});

t.test('a message is sent once per key; its recipient steers it', async (t) => {
  const { parts, call } = fixture();
  const mail = simulatedEmail(parts);
  const text = { subject: 's', text: 't' };
  const first = await mail.send({ to: 'ann@example.com', ...text }, call('k'));
  t.match(first, { message_id: /^msg_/ });
  t.same(await mail.send({ to: 'ann@example.com', ...text }, call('k')), first);
  t.match(await mail.send({ to: 'ann+declined@example.com', ...text }, call()), {
    code: 'recipient-refused',
  });
  t.match(await simulatedSms(parts).send({ to: '+15550000001', text: 'x' }, call()), {
    code: 'recipient-refused',
  });
  t.match(await simulatedPush(parts).send({ device: 'phone-declined', title: '', text: '' }, call()), {
    code: 'recipient-refused',
  });
});

t.test('a word steers only by itself', async (t) => {
  t.equal(behaviourOf('slow'), 'slow');
  t.equal(behaviourOf('ann+lost_reply@example.com'), 'lost_reply');
  for (const text of ['slowly', 'winslow@example.com', 'Declined', '+15550000009', '']) {
    t.equal(behaviourOf(text), 'approved', text);
  }
});

t.test('no more than the newest keys are remembered', async (t) => {
  const { parts, call } = fixture();
  const push = simulatedPush(parts);
  const send = (key: string) => push.send({ device: 'd_flaky', title: '', text: '' }, call(key));
  const failing = async (key: string) => t.rejects(send(key), { code: 'provider-unavailable' });
  await failing('first');
  await failing('first');
  for (let count = 0; count < rememberedMax; count++) await send(`k${count}`).catch(() => {});
  await failing('first');
});
