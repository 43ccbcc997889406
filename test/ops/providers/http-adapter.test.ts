/** The HTTP adapter against a real server that declines, stalls, resets and answers garbage. */
import type { ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { isOperatingError } from '../../../actors/model/index.js';
import { paymentPort, pushPort } from '../../../actors/providers/index.js';
import { httpAdapter } from '../../../ops/providers/http-adapter.js';
import { answerBytesMax } from '../../../ops/providers/http-call.js';
import { json, startProvider } from './provider-server.js';

const input = {
  ...{ reference: 'saga~1', order_id: 'o1', customer_id: 'ann' },
  ...{ amount: '10.00', currency: 'USD', payment_method: 'credit_card' },
};
const result = {
  ...{ payment_id: 'p1', order_id: 'o1', amount: '10.00', currency: 'USD', payment_method: 'credit_card' },
};

const call = (signal: AbortSignal = new AbortController().signal) => ({
  ...{ idempotencyKey: 'saga~1/charge/do', attempt: 0, signal, traceparent: '00-ab-cd-01' },
});

async function charged(
  t: Test,
  answer: (response: ServerResponse) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  const server = await startProvider(answer);
  t.teardown(() => server.close());
  const adapter = httpAdapter(paymentPort, { url: server.url });
  try {
    return await adapter.charge?.(input, call(signal));
  } catch (error) {
    if (!isOperatingError(error)) throw error;
    return [error.code, error.message];
  }
}

t.test('the input is posted with key, token and trace; the answer is the result', async (t) => {
  const server = await startProvider((response) => json(response, 201, { ...result, more: 'fields' }));
  t.teardown(() => server.close());
  const adapter = httpAdapter(paymentPort, { url: `${server.url}/v1`, token: 's3cret' });
  t.same(await adapter.charge?.(input, call()), result);
  t.match(server.asked, [
    {
      method: 'POST',
      path: '/v1/charge',
      headers: {
        'idempotency-key': 'saga~1/charge/do',
        authorization: 'Bearer s3cret',
        traceparent: '00-ab-cd-01',
        'content-type': 'application/json',
      },
      body: input,
    },
  ]);
});

t.test('a declared code in an error answer is the rejection', async (t) => {
  const declined = { code: 'payment-declined', detail: 'No money' };
  t.same(await charged(t, (response) => json(response, 402, declined)), { type: 'rejection', ...declined });
  const { length } = (
    (await charged(t, (response) =>
      json(response, 409, { code: 'payment-declined', detail: 'x'.repeat(10_000) }),
    )) as { detail: string }
  ).detail;
  t.equal(length, 500);
});

t.test('another answer of 4xx has to be looked at, and nothing of it is shown', async (t) => {
  const refused = (status: number) => ['provider-refused', `the provider answered ${status}`];
  t.same(await charged(t, (response) => json(response, 401, { code: 'who-are-you' })), refused(401));
  t.same(await charged(t, (response) => response.writeHead(404).end('<h1>no</h1>')), refused(404));
  t.same(await charged(t, (response) => json(response, 422, { code: 'x'.repeat(100_000) })), refused(422));
  t.same(
    await charged(t, (response) => {
      response.writeHead(400, { 'content-length': '100' }).write('{');
      setImmediate(() => response.destroy());
    }),
    refused(400),
    'also when it breaks off',
  );
});

t.test('a redirect is not followed', async (t) => {
  const elsewhere = await startProvider((response) => json(response, 200, result));
  t.teardown(() => elsewhere.close());
  t.same(
    await charged(t, (response) => response.writeHead(307, { location: `${elsewhere.url}/charge` }).end()),
    ['provider-refused', 'the provider answered 307'],
  );
  t.equal(elsewhere.asked.length, 0);
});

t.test('too many calls are definite, a broken server is not', async (t) => {
  t.same(await charged(t, (response) => response.writeHead(429).end()), [
    'provider-unavailable',
    'the provider answered 429',
  ]);
  for (const status of [500, 502, 503, 504, 408]) {
    t.same(await charged(t, (response) => response.writeHead(status).end()), [
      'outcome-unknown',
      `the provider answered ${status}`,
    ]);
  }
});

t.test('garbage, an endless answer and one that breaks off are unknown outcomes', async (t) => {
  const garbage = ['outcome-unknown', 'the answer is no JSON object'];
  for (const body of ['', 'ok', '[]', 'null', '{"payment_id":', '\0\xff']) {
    t.same(await charged(t, (response) => response.writeHead(200).end(body)), garbage, body);
  }
  t.same(
    await charged(t, (response) => json(response, 200, 'x'.repeat(answerBytesMax))),
    garbage,
    'too large',
  );
  t.same(
    await charged(t, (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.writeHead(200).on('drain', more);
      more();
    }),
    garbage,
    'endless',
  );
  t.match(
    await charged(t, (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setImmediate(() => response.destroy());
    }),
    ['outcome-unknown', /the answer broke off/],
  );
});

t.test('a reset connection and silence are unknown outcomes', async (t) => {
  t.match(await charged(t, (response) => response.socket?.resetAndDestroy()), [
    'outcome-unknown',
    /no answer/,
  ]);
  const controller = new AbortController();
  const silent = charged(t, () => controller.abort(), controller.signal);
  t.same(await silent, ['outcome-unknown', 'no answer: AbortError']);
  const dripping = new AbortController();
  t.match(
    await charged(
      t,
      (response) => {
        response.writeHead(200).write('{');
        setImmediate(() => dripping.abort());
      },
      dripping.signal,
    ),
    ['outcome-unknown', /no answer|broke off/],
  );
});

t.test('a provider that is not there was never asked', async (t) => {
  const server = await startProvider(() => {});
  await server.close();
  const adapter = httpAdapter(pushPort, { url: server.url });
  await t.rejects(adapter.send?.({ device: 'd', title: 't', text: 'x' }, call()) as Promise<unknown>, {
    code: 'provider-unavailable',
    message: 'no connection: ECONNREFUSED',
  });
  const nowhere = httpAdapter(pushPort, { url: 'http://provider.invalid' });
  await t.rejects(nowhere.send?.({}, call()) as Promise<unknown>, { code: 'provider-unavailable' });
});
