/** Rules of an account, row by row of the requirements. */
import t from 'tap';
import { accountContract, OpenInput } from '../../../actors/banking/account-contract.js';
import { compileValidator } from '../../../actors/model/validation.js';
import { closedAccount, frozenAccount, openAccount, rejection, unopened, usd } from './support/accounts.js';
import { admin, alice, bob, inside, noon, service } from './support/desk.js';

const dayMs = 86_400_000;
const opening = { account_type: 'checking', currency: 'USD', owner_id: 'alice' } as const;

t.test('row 25: opening records type, currency, owner and initial balance', async (t) => {
  t.same(openAccount({ type: 'savings', initial: '250.50' }).journal[0], {
    type: 'AccountOpened',
    data: { account_type: 'savings', currency: 'USD', owner_id: 'alice', initial_balance: '250.50' },
    at: noon,
  });
  t.hasStrict(openAccount().journal[0], { data: { initial_balance: '0' } }, 'nothing given is 0');
});

t.test('row 26: a deposit records amount, currency, transaction id and description', async (t) => {
  const desk = openAccount();
  desk.ask('deposit', { ...usd('40'), transaction_id: 'tx-1', description: 'salary' });
  t.same(desk.journal[1]?.data, {
    amount: '40',
    currency: 'USD',
    transaction_id: 'tx-1',
    description: 'salary',
    balance_after: '40.00',
  });
});

t.test('row 27: a withdrawal records amount, currency, transaction id and description', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('withdraw', { ...usd('40'), transaction_id: 'tx-1', description: 'rent' });
  t.same(desk.journal[1]?.data, {
    amount: '40',
    currency: 'USD',
    transaction_id: 'tx-1',
    description: 'rent',
    balance_after: '60.00',
    day: '2026-11-20',
  });
});

t.test('row 28: freezing and unfreezing record why and by whom', async (t) => {
  const desk = frozenAccount();
  desk.ask('unfreeze', {}, admin);
  t.same(desk.journal[1]?.data, { reason: 'review', frozen_by: 'root' });
  t.same(desk.journal[2]?.data, { unfrozen_by: 'root' });
});

t.test('row 44: an account is checking, savings or credit, and nothing else', async (t) => {
  const check = compileValidator(OpenInput);
  for (const account_type of ['checking', 'savings', 'credit']) {
    t.equal(check({ ...opening, account_type }), undefined, account_type);
  }
  t.hasStrict(check({ ...opening, account_type: 'gold' }), {
    code: 'validation-failed',
    pointer: '/account_type',
  });
});

t.test('row 45: an account is active, frozen or closed', async (t) => {
  t.hasStrict(openAccount().read('get', {}), { status: 'active' });
  t.hasStrict(frozenAccount().read('get', {}), { status: 'frozen' });
  t.hasStrict(closedAccount().read('get', {}), { status: 'closed' });
});

t.test('row 46: a negative initial deposit is refused', async (t) => {
  t.same(
    unopened().ask('open', { ...opening, initial_deposit: '-1' }),
    rejection('amount-not-positive', 'Money amount cannot be negative'),
  );
});

t.test('row 47: a currency that is no ISO code is refused', async (t) => {
  for (const currency of ['US', 'usd', 'DOLLAR', 'XXX', '']) {
    t.same(
      unopened().ask('open', { ...opening, currency }),
      rejection('currency', 'Currency must be 3-letter ISO code'),
      currency,
    );
  }
});

t.test('row 49: a savings account opens with 100 or more, or with nothing', async (t) => {
  const savings = { ...opening, account_type: 'savings' } as const;
  const refused = rejection('minimum-deposit', 'Savings account requires minimum $100 deposit');
  for (const initial_deposit of ['99.99', '1', '0']) {
    t.same(unopened().ask('open', { ...savings, initial_deposit }), refused, initial_deposit);
  }
  t.hasStrict(unopened().ask('open', { ...savings, initial_deposit: '100' }), { balance: '100.00' });
  t.hasStrict(unopened().ask('open', savings), { balance: '0.00' });
  t.hasStrict(
    unopened().ask('open', { ...opening, initial_deposit: '1' }),
    { balance: '1.00' },
    'checking may',
  );
});

t.test('row 50: a new account is active with its initial deposit or 0', async (t) => {
  t.hasStrict(openAccount({ initial: '1000' }).read('get', {}), { status: 'active', balance: '1000.00' });
  t.hasStrict(openAccount({ initial: '0' }).read('get', {}), { status: 'active', balance: '0.00' });
  t.hasStrict(openAccount().read('get', {}), { status: 'active', balance: '0.00' });
});

t.test('row 51: the overdraft of a checking account is 500, of others 0', async (t) => {
  t.hasStrict(openAccount().read('get', {}), { overdraft_limit: '500.00', available: '500.00' });
  t.hasStrict(openAccount({ type: 'savings' }).read('get', {}), {
    overdraft_limit: '0.00',
    available: '0.00',
  });
  t.hasStrict(openAccount({ type: 'credit' }).read('get', {}), {
    overdraft_limit: '0.00',
    available: '0.00',
  });
});

t.test('row 52: a closed account refuses deposits', async (t) => {
  t.same(
    closedAccount().ask('deposit', usd('1')),
    rejection('account-closed', 'Cannot deposit to closed account'),
  );
});

t.test('row 52: a frozen account accepts deposits', async (t) => {
  t.hasStrict(frozenAccount().ask('deposit', usd('7')), { balance: '7.00' });
});

t.test('row 53: a deposit is positive', async (t) => {
  for (const amount of ['0', '0.00', '-0', '-5']) {
    t.same(
      openAccount().ask('deposit', usd(amount)),
      rejection('amount-not-positive', 'Deposit amount must be positive'),
      amount,
    );
  }
});

t.test("row 53: a deposit is in the account's currency", async (t) => {
  t.same(
    openAccount().ask('deposit', { amount: '5', currency: 'EUR' }),
    rejection('currency', 'Account only accepts USD'),
  );
  t.same(
    openAccount({ currency: 'JPY' }).ask('deposit', usd('5.50')),
    rejection('currency', 'Account only accepts JPY'),
    'before the decimals are judged by a currency that was not meant',
  );
});

t.test('row 53: a deposit is refused as closed, then as not positive, then for its currency', async (t) => {
  const bad = { amount: '-1', currency: 'EUR' };
  t.hasStrict(closedAccount().ask('deposit', bad), { code: 'account-closed' });
  t.hasStrict(openAccount().ask('deposit', bad), { code: 'amount-not-positive' });
  t.hasStrict(openAccount().ask('deposit', { ...bad, amount: '1.001' }), { code: 'currency' });
});

t.test('row 54: a frozen account refuses withdrawals', async (t) => {
  t.same(
    frozenAccount({ initial: '10' }).ask('withdraw', usd('1')),
    rejection('account-frozen', 'Account is frozen'),
  );
});

t.test('row 54: a closed account refuses withdrawals', async (t) => {
  t.same(
    closedAccount().ask('withdraw', usd('1')),
    rejection('account-closed', 'Cannot withdraw from closed account'),
  );
});

t.test('row 55: a withdrawal is positive', async (t) => {
  for (const amount of ['0', '0.00', '-5']) {
    t.same(
      openAccount({ initial: '10' }).ask('withdraw', usd(amount)),
      rejection('amount-not-positive', 'Withdrawal amount must be positive'),
      amount,
    );
  }
});

t.test("row 55: a withdrawal is in the account's currency", async (t) => {
  t.same(
    openAccount({ initial: '10' }).ask('withdraw', { amount: '5', currency: 'EUR' }),
    rejection('currency', 'Account only supports USD'),
  );
});

t.test('row 56: 5000 may be withdrawn in a day, and not a cent more', async (t) => {
  const desk = openAccount({ initial: '20000' });
  t.hasStrict(desk.ask('withdraw', usd('4999.99')), { balance: '15000.01' });
  t.hasStrict(desk.ask('withdraw', usd('0.01')), { balance: '15000.00' });
  const refused = rejection('daily-limit-exceeded', 'Daily withdrawal limit exceeded');
  t.same(desk.ask('withdraw', usd('0.01')), refused);
  t.same(openAccount({ initial: '20000' }).ask('withdraw', usd('5000.01')), refused, 'at once');
});

t.test('row 56: the daily limit starts anew when the UTC date changes, not after a day', async (t) => {
  const desk = openAccount({ initial: '20000' });
  desk.now = Date.UTC(2026, 10, 20, 23, 59, 59, 999);
  desk.ask('withdraw', usd('5000'));
  t.hasStrict(desk.read('get', {}), { daily_withdrawn: '5000.00' });
  t.hasStrict(desk.ask('withdraw', usd('1')), { code: 'daily-limit-exceeded' });
  desk.now++;
  t.hasStrict(desk.read('get', {}), { daily_withdrawn: '0.00' });
  t.hasStrict(desk.ask('withdraw', usd('5000')), { balance: '10000.00' });
});

t.test('row 57: more than balance and overdraft is refused with what is available', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.same(
    desk.ask('withdraw', usd('600.01')),
    rejection('insufficient-funds', 'Insufficient funds. Available: 600.00'),
  );
  t.hasStrict(desk.ask('withdraw', usd('600')), { balance: '-500.00', available: '0.00' });
  t.same(
    openAccount({ type: 'savings', initial: '100' }).ask('withdraw', usd('100.01')),
    rejection('insufficient-funds', 'Insufficient funds. Available: 100.00'),
  );
});

t.test('row 58: checks run frozen, closed, positive, currency, daily limit, funds', async (t) => {
  const everythingWrong = { amount: '-6000', currency: 'EUR' };
  t.hasStrict(frozenAccount().ask('withdraw', everythingWrong), { code: 'account-frozen' });
  t.hasStrict(closedAccount().ask('withdraw', everythingWrong), { code: 'account-closed' });
  const desk = openAccount();
  t.hasStrict(desk.ask('withdraw', everythingWrong), { code: 'amount-not-positive' });
  t.hasStrict(desk.ask('withdraw', { amount: '6000', currency: 'EUR' }), { code: 'currency' });
  t.hasStrict(desk.ask('withdraw', usd('6000')), { code: 'daily-limit-exceeded' });
  t.hasStrict(desk.ask('withdraw', usd('600')), { code: 'insufficient-funds' });
});

t.test('row 59: an account freezes once, and not when closed', async (t) => {
  const freeze = { reason: 'review' };
  t.same(frozenAccount().ask('freeze', freeze, admin), rejection('already-frozen', 'Account already frozen'));
  t.same(
    closedAccount().ask('freeze', freeze, admin),
    rejection('account-closed', 'Cannot freeze closed account'),
  );
});

t.test('row 60: only a frozen account unfreezes, and is active then', async (t) => {
  const refused = rejection('not-frozen', 'Account is not frozen');
  t.same(openAccount().ask('unfreeze', {}, admin), refused);
  t.same(closedAccount().ask('unfreeze', {}, admin), refused);
  t.hasStrict(frozenAccount().ask('unfreeze', {}, admin), { status: 'active' });
});

t.test('row 61: currencies keep their own decimals', async (t) => {
  t.hasStrict(openAccount({ currency: 'JPY', initial: '100' }).read('get', {}), { balance: '100' });
  t.hasStrict(openAccount({ currency: 'KWD', initial: '1.5' }).read('get', {}), { balance: '1.500' });
});

t.test('row 62 (equivalent): each event raises the version by one, a refusal by none', async (t) => {
  const desk = openAccount({ initial: '10' });
  t.hasStrict(desk.ask('deposit', usd('1')), { version: 2 });
  t.hasStrict(desk.ask('withdraw', usd('-1')), { code: 'amount-not-positive' });
  t.hasStrict(desk.ask('withdraw', usd('1')), { version: 3 });
  t.hasStrict(desk.read('get', {}), { version: 3 });
});

t.test('row 62 (equivalent): an account without events does not exist', async (t) => {
  const missing = rejection('not-found', 'Account not found: acc-1');
  const desk = unopened();
  t.same(desk.read('get', {}), missing);
  t.same(desk.read('authorise', {}, admin), missing);
  t.same(desk.ask('deposit', usd('1'), admin), missing);
  t.same(desk.ask('withdraw', usd('1'), inside), missing);
  t.same(desk.ask('freeze', { reason: 'x' }, admin), missing);
  t.same(desk.ask('close', {}, admin), missing);
});

t.test('decision a: a balance may be negative, an amount may not', async (t) => {
  t.hasStrict(openAccount().ask('withdraw', usd('500')), { balance: '-500.00' });
  t.hasStrict(openAccount().ask('withdraw', usd('-500')), { code: 'amount-not-positive' });
});

t.test(
  'decision b: what was withdrawn counts to the day in the event, whenever it is replayed',
  async (t) => {
    const desk = openAccount({ initial: '20000' });
    desk.ask('withdraw', usd('3000'));
    desk.now += 2 * dayMs;
    desk.ask('withdraw', usd('4000'));
    t.hasStrict(desk.read('get', {}), { daily_withdrawn: '4000.00' });
    t.hasStrict(desk.ask('withdraw', usd('1000.01')), { code: 'daily-limit-exceeded' });
    t.equal(desk.replayed().withdrawn, 400_000n);
    t.equal(desk.replayed().withdrawnOn, '2026-11-22');
  },
);

t.test('decision u: closing needs balance 0', async (t) => {
  t.same(
    openAccount({ initial: '0.01' }).ask('close', {}),
    rejection('balance-not-zero', 'Cannot close account with balance 0.01'),
  );
  const overdrawn = openAccount();
  overdrawn.ask('withdraw', usd('1'));
  t.hasStrict(overdrawn.ask('close', {}), { code: 'balance-not-zero' });
  t.hasStrict(openAccount().ask('close', {}), { status: 'closed' });
});

t.test('decision u: closing needs that no hold is open', async (t) => {
  const desk = openAccount();
  desk.ask('hold', { ...usd('1'), hold_id: 'h1' });
  t.same(desk.ask('close', {}), rejection('holds-open', 'Cannot close account with open holds'));
});

t.test('decision u: a frozen or closed account does not close', async (t) => {
  t.hasStrict(frozenAccount().ask('close', {}, admin), { code: 'account-frozen' });
  t.hasStrict(closedAccount().ask('close', {}), { code: 'account-closed' });
});

t.test('decision u: a closed account stays closed', async (t) => {
  t.hasStrict(closedAccount().ask('open', opening), { code: 'account-exists' });
});

t.test('decision D31: a credit account may go as low as the limit that an admin set', async (t) => {
  const desk = openAccount({ type: 'credit' });
  t.hasStrict(desk.ask('withdraw', usd('1')), { detail: 'Insufficient funds. Available: 0.00' });
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '300' }, admin), { overdraft_limit: '300.00' });
  t.hasStrict(desk.ask('withdraw', usd('300')), { balance: '-300.00' });
  t.hasStrict(desk.ask('withdraw', usd('0.01')), { code: 'insufficient-funds' });
});

t.test('decision D31: a credit limit never goes below what is used', async (t) => {
  const desk = openAccount({ type: 'credit' });
  desk.ask('setCreditLimit', { credit_limit: '300' }, admin);
  desk.ask('withdraw', usd('100'));
  desk.ask('reserve', { hold_id: 't1', ...usd('50'), counterparty: 'acc-2', description: '' }, inside);
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '149.99' }, admin), { code: 'credit-limit-in-use' });
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '150' }, admin), { available: '0.00' });
});

t.test('decision D31: only a credit account has a credit limit', async (t) => {
  for (const type of ['checking', 'savings'] as const) {
    const refused = openAccount({ type }).ask('setCreditLimit', { credit_limit: '1' }, admin);
    t.hasStrict(refused, { code: 'not-a-credit-account' }, type);
  }
  const closed = closedAccount({ type: 'credit' });
  t.hasStrict(closed.ask('setCreditLimit', { credit_limit: '1' }, admin), { code: 'account-closed' });
});

t.test('decision D31: a credit limit may be 0 and keeps to the form of amounts', async (t) => {
  const desk = openAccount({ type: 'credit' });
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '0' }, admin), { overdraft_limit: '0.00' });
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '-1' }, admin), { code: 'amount-not-positive' });
  t.hasStrict(desk.ask('setCreditLimit', { credit_limit: '1.001' }, admin), { code: 'amount-scale' });
});

t.test("decision D31: 500, 5000 and 100 are units of the account's currency", async (t) => {
  const yen = (amount: string) => ({ amount, currency: 'JPY' });
  const desk = openAccount({ currency: 'JPY', initial: '20000' });
  t.hasStrict(desk.read('get', {}), { overdraft_limit: '500', available: '20500' });
  t.hasStrict(desk.ask('withdraw', yen('5001')), { code: 'daily-limit-exceeded' });
  t.hasStrict(desk.ask('withdraw', yen('5000')), { balance: '15000' });
  const savings = { account_type: 'savings', currency: 'JPY', owner_id: 'alice' } as const;
  t.hasStrict(unopened().ask('open', { ...savings, initial_deposit: '99' }), { code: 'minimum-deposit' });
  t.hasStrict(unopened().ask('open', { ...savings, initial_deposit: '100' }), { balance: '100' });
});

t.test('decision D8: events keep the amount as it was sent, answers show full decimals', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.hasStrict(desk.ask('deposit', usd('100')), { balance: '200.00', available: '700.00' });
  t.hasStrict(desk.ask('withdraw', usd('0.5')), { balance: '199.50' });
  t.hasStrict(desk.journal, [
    { data: { initial_balance: '100' } },
    { data: { amount: '100', balance_after: '200.00' } },
    { data: { amount: '0.5', balance_after: '199.50' } },
  ]);
});

t.test('decision D28: owner and admin move money, nobody else', async (t) => {
  for (const command of ['deposit', 'withdraw'] as const) {
    const desk = openAccount({ initial: '100' });
    t.hasStrict(desk.ask(command, usd('1'), alice), { version: 2 }, `${command} by the owner`);
    t.hasStrict(desk.ask(command, usd('1'), admin), { version: 3 }, `${command} by an admin`);
    t.hasStrict(desk.ask(command, usd('1'), bob), { code: 'not-found' }, `${command} by a stranger`);
    t.hasStrict(desk.ask(command, usd('1'), service), { code: 'not-found' }, `${command} by a service`);
  }
});

t.test("somebody else's account looks like none at all, whatever is asked of it", async (t) => {
  const missing = rejection('not-found', 'Account not found: acc-1');
  for (const desk of [openAccount({ initial: '9' }), frozenAccount(), closedAccount()]) {
    t.same(desk.read('get', {}, bob), missing);
    t.same(desk.read('authorise', {}, bob), missing);
    t.same(desk.ask('deposit', usd('-1'), bob), missing);
    t.same(desk.ask('withdraw', usd('1000000'), bob), missing);
    t.same(desk.ask('close', {}, bob), missing);
    t.same(desk.ask('freeze', { reason: 'x' }, bob), missing);
    t.same(desk.ask('unfreeze', {}, bob), missing);
    t.same(desk.ask('setCreditLimit', { credit_limit: '1' }, bob), missing);
    t.same(desk.ask('hold', usd('1'), bob), missing);
    t.same(desk.ask('captureHold', { hold_id: 'h' }, bob), missing);
    t.same(desk.ask('releaseHold', { hold_id: 'h' }, bob), missing);
  }
});

t.test('an owner does not freeze, unfreeze or set a credit limit', async (t) => {
  t.hasStrict(openAccount().ask('freeze', { reason: 'x' }), { code: 'scope-missing' });
  t.hasStrict(frozenAccount().ask('unfreeze', {}), { code: 'scope-missing' });
  const credit = openAccount({ type: 'credit' });
  t.hasStrict(credit.ask('setCreditLimit', { credit_limit: '1' }), { code: 'scope-missing' });
  for (const command of ['freeze', 'unfreeze', 'setCreditLimit'] as const) {
    t.same(accountContract.commands[command].roles, ['admin'], command);
  }
});

t.test('the owner may close, and so may an admin', async (t) => {
  t.hasStrict(openAccount().ask('close', {}, alice), { status: 'closed' });
  t.hasStrict(openAccount().ask('close', {}, admin), { status: 'closed' });
});

t.test('one opens accounts for oneself; an admin for anybody', async (t) => {
  t.hasStrict(unopened().ask('open', opening, bob), { code: 'scope-missing' });
  t.hasStrict(unopened().ask('open', opening, service), { code: 'scope-missing' });
  t.hasStrict(unopened().ask('open', opening, admin), { owner_id: 'alice' });
});

t.test('an account is not opened under an id that carries a placement', async (t) => {
  t.hasStrict(unopened('acc~0a0b0c0d').ask('open', opening), { code: 'id-invalid' });
});

t.test('an account opens once', async (t) => {
  t.same(openAccount().ask('open', opening), rejection('account-exists', 'Account already exists: acc-1'));
});

t.test('amounts with too many decimals are refused', async (t) => {
  t.hasStrict(openAccount().ask('deposit', usd('1.001')), { code: 'amount-scale' });
  t.hasStrict(openAccount({ initial: '9' }).ask('withdraw', usd('1.001')), { code: 'amount-scale' });
  t.hasStrict(unopened().ask('open', { ...opening, initial_deposit: '1.001' }), { code: 'amount-scale' });
});

t.test('no amount and no balance goes beyond 10^15 minor units', async (t) => {
  t.hasStrict(openAccount().ask('deposit', usd('10000000000000.01')), { code: 'amount-overflow' });
  const desk = openAccount({ initial: '9999999999999.99' });
  t.hasStrict(
    desk.ask('deposit', usd('0.01')),
    { balance: '10000000000000.00' },
    'exactly that much is fine',
  );
  t.same(desk.ask('deposit', usd('0.01')), rejection('amount-overflow', 'Balance would be too large'));
  const credit = { transfer_id: 't1', ...usd('0.01'), counterparty: 'acc-2', description: '' };
  t.hasStrict(desk.ask('credit', credit, inside), { code: 'amount-overflow' });
});

t.test('a transaction id is the one given, or comes from the command id', async (t) => {
  const desk = openAccount({ initial: '10' });
  t.hasStrict(desk.ask('deposit', { ...usd('1'), transaction_id: 'tx.1' }), { transaction_id: 'tx.1' });
  t.hasStrict(desk.ask('deposit', usd('1')), { transaction_id: 'xcmd3' });
  t.hasStrict(desk.ask('withdraw', usd('1')), { transaction_id: 'xcmd4' });
  for (const transaction_id of ['', 'two words', "' OR 1=1--", 'x'.repeat(129)]) {
    const bad = { ...usd('1'), transaction_id };
    t.hasStrict(desk.ask('deposit', bad), { code: 'id-invalid' }, transaction_id);
    t.hasStrict(desk.ask('withdraw', bad), { code: 'id-invalid' }, transaction_id);
  }
});

t.test('a movement answers with balance, available and version', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', { hold_id: 't1', ...usd('30'), counterparty: 'acc-2', description: '' }, inside);
  t.same(desk.ask('deposit', { ...usd('1'), transaction_id: 'd' }), {
    account_id: 'acc-1',
    transaction_id: 'd',
    balance: '101.00',
    available: '571.00',
    version: 3,
  });
  t.same(desk.ask('withdraw', { ...usd('2'), transaction_id: 'w' }), {
    account_id: 'acc-1',
    transaction_id: 'w',
    balance: '99.00',
    available: '569.00',
    version: 4,
  });
});

t.test('an account shows what api.md names, and nothing else', async (t) => {
  t.same(openAccount({ initial: '10' }).read('get', {}), {
    account_id: 'acc-1',
    account_type: 'checking',
    status: 'active',
    currency: 'USD',
    owner_id: 'alice',
    balance: '10.00',
    held: '0.00',
    available: '510.00',
    overdraft_limit: '500.00',
    daily_withdrawn: '0.00',
    version: 1,
  });
});
