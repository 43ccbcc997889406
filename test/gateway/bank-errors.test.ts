/** `reliability.md` §3 rows 28–35 on the bank's own routes: what is wrong with money has its own answer. */
import t from 'tap';
import { bankingModule } from '../../actors/banking/banking.js';
import { GatewayFixture, problemCode } from './gateway-fixture.js';

const fixture = await GatewayFixture.start({}, [bankingModule()]);
t.teardown(() => fixture.close());
const account = { account_id: 'a1', account_type: 'checking', currency: 'USD', initial_deposit: '100.00' };
const opened = await fixture.json('POST', '/api/v1/accounts', account);

/** Tries to withdraw and answers `status code`. */
async function withdraw(amount: unknown, currency: unknown = 'USD'): Promise<string> {
  const answer = await fixture.json('POST', '/api/v1/accounts/a1/withdrawals', { amount, currency });
  return answer.status === 200 ? '200' : `${answer.status} ${problemCode(answer)}`;
}

t.test('an account is opened and its version is the entity tag', async (t) => {
  t.equal(opened.status, 201);
  t.equal(opened.headers.get('location'), '/api/v1/accounts/a1');
  t.equal(opened.headers.get('etag'), '"1"');
  t.equal(await withdraw('1.00'), '200');
});

t.test('row 28: money as a JSON number is refused', async (t) => {
  for (const amount of [1, 0.1, 2 ** 53, -1]) t.equal(await withdraw(amount), '422 money-not-string');
});

t.test('row 29: an amount that is not positive is refused', async (t) => {
  for (const amount of ['0', '0.00', '-0', '-1'])
    t.equal(await withdraw(amount), '422 amount-not-positive', amount);
});

t.test('row 30: more decimals than the currency has are refused', async (t) => {
  t.equal(await withdraw('1.001'), '422 amount-scale');
});

t.test('row 31: an amount beyond 10^15 minor units is refused', async (t) => {
  for (const amount of ['10000000000000.01', '9'.repeat(400)])
    t.equal(await withdraw(amount), '422 amount-overflow');
});

t.test("row 32: a currency that is unknown, in lower case or not the account's is refused", async (t) => {
  for (const currency of ['XXQ', 'usd', 'EUR', '', 'US'])
    t.equal(await withdraw('1.00', currency), '422 currency', currency);
});

t.test('row 33: a transfer to the same account is refused', async (t) => {
  const transfer = { sender_account_id: 'a1', receiver_account_id: 'a1', amount: '1.00', currency: 'USD' };
  const answer = await fixture.json('POST', '/api/v1/transfers', transfer);
  t.equal(`${answer.status} ${problemCode(answer)}`, '422 same-account');
});

t.test('row 34: insufficient funds are a conflict with the stated message', async (t) => {
  const answer = await fixture.json('POST', '/api/v1/accounts/a1/withdrawals', {
    amount: '4000',
    currency: 'USD',
  });
  t.equal(`${answer.status} ${problemCode(answer)}`, '409 insufficient-funds');
  t.match(JSON.parse(answer.body).detail, /^Insufficient funds\. Available: /);
});

t.test('row 35: ids in a body are checked like those in a path', async (t) => {
  for (const id of ['a b', 'é', '', 'a~00000001', 'x'.repeat(129)]) {
    const answer = await fixture.json('POST', '/api/v1/accounts', { ...account, account_id: id });
    t.equal(`${answer.status} ${problemCode(answer)}`, '400 id-invalid', id);
  }
});

t.test('one key towards accounts that the body names makes as many commands', async (t) => {
  const open = (id: string, currency = 'USD') =>
    fixture.json(
      'POST',
      '/api/v1/accounts',
      { ...account, account_id: id, currency },
      { 'idempotency-key': 'k' },
    );
  for (let count = 0; count < 40; count++) t.equal((await open(`k${count}`)).status, 201);
  const again = await open('k7');
  t.match([again.status, again.headers.get('idempotency-replayed')], [201, 'true']);
  const other = await open('k7', 'EUR');
  t.equal(`${other.status} ${problemCode(other)}`, '422 idempotency-key-reused');
});

t.test('the account of somebody else is as good as absent', async (t) => {
  const bob = { authorization: await fixture.token('bob') };
  for (const path of ['', '/transactions', '/notices', '/events']) {
    const answer = await fixture.json('GET', `/api/v1/accounts/a1${path}`, undefined, bob);
    t.equal(`${answer.status} ${problemCode(answer)}`, '404 not-found', path);
  }
});
