/** Transfers from start to end, over the real actors and the real saga machine. */
import t from 'tap';
import { paymentTransfer } from '../../../actors/banking/payment-transfer.js';
import { admin, bob } from './support/desk.js';
import { Town } from './support/town.js';

const stepNames = ['reserve', 'risk', 'credit', 'capture', 'notify'];

function townWithTwo(initial = '1000'): Town {
  const town = new Town();
  town.open('sender', initial);
  town.open('receiver', '0', 'bob');
  return town;
}

t.test('row 200: 100 goes from 1000 to 0 and the transfer completes', async (t) => {
  const town = townWithTwo();
  const status = town.transfer('t1', 'sender', 'receiver', '100');
  t.equal(status.state, 'completed');
  t.same(
    status.step_results.map(({ step }) => step),
    stepNames,
  );
  t.same(status.errors, []);
  t.hasStrict(town.account('sender'), { balance: '900.00', held: '0.00' });
  t.hasStrict(town.account('receiver'), { balance: '100.00' });
});

t.test('row 29: a transfer writes PaymentCompleted once, with the amount as it was sent', async (t) => {
  const town = townWithTwo();
  town.transfer('t1', 'sender', 'receiver', '100');
  t.same(town.events('payment_transfer', 'PaymentCompleted'), [
    {
      transfer_id: 't1',
      sender_account_id: 'sender',
      receiver_account_id: 'receiver',
      amount: '100',
      currency: 'USD',
    },
  ]);
  t.same(town.events('payment_transfer', 'PaymentRejected'), []);
});

t.test('rows 65, 201: a flagged sender is refused and keeps its money, the receiver unknown', async (t) => {
  const town = new Town();
  town.open('sender', '10000');
  town.ask('risk', 'sender', 'flag', { reason: 'suspicious_activity' }, admin);
  const status = town.transfer('t1', 'sender', 'nobody', '5000');
  t.equal(status.state, 'compensated');
  t.hasStrict(town.account('sender'), { balance: '10000.00', held: '0.00', available: '10500.00' });
  t.equal(town.carried.includes('account.credit'), false, 'decision D5: risk comes before the receiver');
});

t.test('rows 30, D4: a refused transfer writes PaymentRejected once, reason `code: detail`', async (t) => {
  const town = townWithTwo();
  town.ask('risk', 'sender', 'flag', { reason: 'suspicious_activity' }, admin);
  town.transfer('t1', 'sender', 'receiver', '100');
  t.same(town.events('payment_transfer', 'PaymentRejected'), [
    {
      transfer_id: 't1',
      sender_account_id: 'sender',
      receiver_account_id: 'receiver',
      amount: '100',
      currency: 'USD',
      reason: 'risk_check_failed: Account is flagged: suspicious_activity',
    },
  ]);
  t.same(town.events('payment_transfer', 'PaymentCompleted'), []);
});

t.test('row 77, D1: steps are reserve, risk, credit, capture, notify; credit is the pivot', async (t) => {
  const town = townWithTwo();
  town.transfer('t1', 'sender', 'receiver', '100');
  t.same(town.carried, [
    'account.reserve',
    'risk.check',
    'account.credit',
    'account.capture',
    'notification.notify',
  ]);
  t.same(
    paymentTransfer.steps.filter((step) => 'pivot' in step && step.pivot).map((step) => step.name),
    ['credit'],
  );
});

t.test('row 78: the name and the context are those stated', async (t) => {
  t.equal(paymentTransfer.name, 'payment_transfer');
  t.same(Object.keys(paymentTransfer.input.properties), [
    'sender_account_id',
    'receiver_account_id',
    'amount',
    'currency',
    'description',
  ]);
});

t.test('decision D5: an unknown receiver compensates the transfer', async (t) => {
  const town = new Town();
  town.open('sender', '1000');
  const status = town.transfer('t1', 'sender', 'nobody', '100');
  t.equal(status.state, 'compensated');
  t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00' });
  t.hasStrict(town.events('payment_transfer', 'PaymentRejected'), [
    { reason: 'not-found: Account not found: nobody' },
  ]);
});

t.test('a closed receiver compensates the transfer', async (t) => {
  const town = townWithTwo();
  town.ask('account', 'receiver', 'close', {}, admin);
  t.equal(town.transfer('t1', 'sender', 'receiver', '100').state, 'compensated');
  t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00' });
});

t.test('a receiver in another currency compensates the transfer', async (t) => {
  const town = new Town();
  town.open('sender', '1000');
  town.open('receiver', '0', 'bob', 'EUR');
  t.equal(town.transfer('t1', 'sender', 'receiver', '100').state, 'compensated');
  t.hasStrict(town.events('payment_transfer', 'PaymentRejected'), [
    { reason: 'currency: Account only accepts EUR' },
  ]);
  t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00' });
});

t.test('decision D2: a frozen receiver gets its money', async (t) => {
  const town = townWithTwo();
  town.ask('account', 'receiver', 'freeze', { reason: 'review' }, admin);
  t.equal(town.transfer('t1', 'sender', 'receiver', '100').state, 'completed');
  t.hasStrict(town.account('receiver'), { balance: '100.00', status: 'frozen' });
});

t.test('decision D6: insufficient funds end the transfer compensated, and nothing is undone', async (t) => {
  const town = townWithTwo();
  const status = town.transfer('t1', 'sender', 'receiver', '1500.01');
  t.equal(status.state, 'compensated');
  t.same(status.errors, ['insufficient-funds: Insufficient funds. Available: 1500.00']);
  t.same(town.carried, ['account.reserve'], 'decision d: a refused step had no effect');
});

t.test('decisions D2, D6: a frozen sender ends the transfer compensated', async (t) => {
  const town = townWithTwo();
  town.ask('account', 'sender', 'freeze', { reason: 'review' }, admin);
  const status = town.transfer('t1', 'sender', 'receiver', '100');
  t.equal(status.state, 'compensated');
  t.same(status.errors, ['account-frozen: Account is frozen']);
});

t.test('decision D1: a sender frozen after its reservation is captured from all the same', async (t) => {
  const town = townWithTwo();
  town.intercept = (letter) => {
    if (letter.command === 'credit') {
      town.desk('account', 'sender').tell('freeze', { reason: 'review' }, admin);
    }
    return undefined;
  };
  t.equal(town.transfer('t1', 'sender', 'receiver', '100').state, 'completed');
  t.hasStrict(town.account('sender'), { balance: '900.00', held: '0.00', status: 'frozen' });
});

t.test(
  'decision D1: a sender frozen after its reservation gets its money back when it is refused',
  async (t) => {
    const town = new Town();
    town.open('sender', '1000');
    town.intercept = (letter) => {
      if (letter.command === 'credit') {
        town.desk('account', 'sender').tell('freeze', { reason: 'review' }, admin);
      }
      return undefined;
    };
    t.equal(town.transfer('t1', 'sender', 'nobody', '100').state, 'compensated');
    t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00', status: 'frozen' });
  },
);

t.test('decision D1: a notice that cannot be written does not fail the transfer', async (t) => {
  const town = townWithTwo();
  town.intercept = (letter) =>
    letter.command === 'notify' ? { type: 'rejection', code: 'no-notices', detail: 'none today' } : undefined;
  const status = town.transfer('t1', 'sender', 'receiver', '100');
  t.hasStrict(status, { state: 'completed', errors: [] });
  t.hasStrict(town.account('sender'), { balance: '900.00' });
  t.equal(town.events('payment_transfer', 'PaymentCompleted').length, 1);
});

t.test('decision D1: after the credit the saga goes forward, whatever the capture meets', async (t) => {
  const town = townWithTwo();
  let failures = 2;
  town.intercept = (letter) =>
    letter.command === 'capture' && failures-- > 0
      ? { type: 'failure', code: 'overloaded', detail: 'try later' }
      : undefined;
  town.transfer('t1', 'sender', 'receiver', '100');
  t.equal(town.status('t1').state, 'running');
  town.advance(60_000);
  t.equal(town.status('t1').state, 'completed');
  t.hasStrict(town.account('sender'), { balance: '900.00', held: '0.00' });
  t.equal(town.carried.includes('account.release'), false);
});

t.test('decision D4: an operating error of a step is retried, and then undone', async (t) => {
  const town = townWithTwo();
  town.intercept = (letter) =>
    letter.command === 'check' ? { type: 'failure', code: 'overloaded', detail: 'try later' } : undefined;
  town.transfer('t1', 'sender', 'receiver', '100');
  t.hasStrict(town.account('sender'), { held: '100.00' });
  town.advance(60_000);
  const status = town.status('t1');
  t.equal(status.state, 'compensated');
  t.same(status.errors, ['Step risk failed after 3 attempts: overloaded: try later']);
  t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00' });
});

t.test('row 73: a transfer that is not answered in time gives the money back', async (t) => {
  const town = townWithTwo();
  town.intercept = (letter) => (letter.command === 'check' ? 'lost' : undefined);
  town.transfer('t1', 'sender', 'receiver', '100');
  town.advance(3_600_000);
  t.equal(town.status('t1').state, 'compensated');
  t.hasStrict(town.account('sender'), { balance: '1000.00', held: '0.00' });
  t.equal(town.events('payment_transfer', 'PaymentRejected').length, 1);
});

t.test('decision D7: transfers leave the daily withdrawal limit alone', async (t) => {
  const town = townWithTwo('20000');
  t.equal(town.transfer('t1', 'sender', 'receiver', '9000').state, 'completed');
  t.hasStrict(town.account('sender'), { daily_withdrawn: '0.00' });
});

t.test('decision D7: rules on amount and velocity are off unless set', async (t) => {
  const calm = new Town();
  calm.open('sender', '1000000');
  calm.open('receiver', '0');
  for (let index = 0; index < 20; index++) {
    t.equal(calm.transfer(`t${index}`, 'sender', 'receiver', '40000').state, 'completed');
  }
  t.same(calm.events('risk', 'TransferApproved'), [], 'and an approval writes nothing');

  const strict = new Town({
    risk: { amountUnitsFrom: 1000, velocity: { transfersMax: 2, windowMs: 60_000 } },
  });
  strict.open('sender', '10000');
  strict.open('receiver', '0');
  t.equal(strict.transfer('t1', 'sender', 'receiver', '1000').state, 'compensated');
  t.equal(strict.transfer('t2', 'sender', 'receiver', '999.99').state, 'completed');
  t.equal(strict.transfer('t3', 'sender', 'receiver', '1').state, 'completed');
  t.equal(strict.transfer('t4', 'sender', 'receiver', '1').state, 'compensated');
  strict.advance(60_000);
  t.equal(strict.transfer('t5', 'sender', 'receiver', '1').state, 'completed');
});

t.test('decision D8: the amount keeps its text through the whole transfer', async (t) => {
  const town = townWithTwo();
  town.transfer('t1', 'sender', 'receiver', '0.5');
  t.hasStrict(town.events('account', 'FundsHeld'), [{ amount: '0.5' }]);
  t.hasStrict(town.events('account', 'HoldCaptured'), [{ amount: '0.5' }]);
  t.hasStrict(town.events('account', 'TransferReceived'), [{ amount: '0.5' }]);
  t.hasStrict(town.events('notification', 'TransferNotified'), [{ amount: '0.5' }]);
});

t.test('money is conserved over transfers of every outcome', async (t) => {
  const town = townWithTwo();
  town.open('third', '50');
  town.transfer('t1', 'sender', 'receiver', '100');
  town.transfer('t2', 'receiver', 'third', '33.33');
  town.transfer('t3', 'sender', 'nobody', '10');
  town.transfer('t4', 'third', 'sender', '100000');
  town.transfer('t5', 'third', 'sender', '583.33');
  const cents = ['sender', 'receiver', 'third'].map((id) =>
    Math.round(Number(town.account(id).balance) * 100),
  );
  t.same(cents, [148_333, 6667, -50_000]);
  t.equal(
    cents.reduce((sum, part) => sum + part, 0),
    105_000,
  );
  for (const id of ['sender', 'receiver', 'third']) t.hasStrict(town.account(id), { held: '0.00' }, id);
});

t.test('decision D6: only who started a transfer, and admins, see it', async (t) => {
  const town = townWithTwo();
  town.transfer('t1', 'sender', 'receiver', '100');
  const desk = town.desk('payment_transfer', 't1');
  t.hasStrict(desk.read('status', {}), { state: 'completed' });
  t.hasStrict(desk.read('status', {}, admin), { state: 'completed' });
  t.hasStrict(desk.read('status', {}, bob), { code: 'not-found' }, 'the receiver');
});
