/** Held money: what transfers reserve, and what clients hold. */
import t from 'tap';
import { accountContract, descriptionCharsMax } from '../../../actors/banking/account-contract.js';
import {
  accountSnapshot,
  cancelledHoldsMax,
  holdBytesMax,
  openHoldsMax,
} from '../../../actors/banking/account-state.js';
import { capturedHoldsMax } from '../../../actors/banking/captured-holds.js';
import { pack } from '../../../actors/model/codec.js';
import { defaultLimits } from '../../../runtime/limits.js';
import {
  closedAccount,
  frozenAccount,
  holdOf,
  openAccount,
  rejection,
  unopened,
  usd,
} from './support/accounts.js';
import { admin, inside, noon } from './support/desk.js';

t.test('decision D31: available is balance and overdraft less what is held', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.same(desk.ask('reserve', holdOf('t1', '30'), inside), { held: true });
  t.hasStrict(desk.read('get', {}), { balance: '100.00', held: '30.00', available: '570.00' });
  t.same(
    desk.ask('withdraw', usd('570.01')),
    rejection('insufficient-funds', 'Insufficient funds. Available: 570.00'),
  );
});

t.test('row 77: a reservation validates the balance', async (t) => {
  const desk = openAccount({ type: 'savings', initial: '100' });
  t.hasStrict(desk.ask('reserve', holdOf('t1', '60'), inside), { held: true });
  t.same(
    desk.ask('reserve', holdOf('t2', '40.01'), inside),
    rejection('insufficient-funds', 'Insufficient funds. Available: 40.00'),
  );
  t.hasStrict(desk.ask('reserve', holdOf('t3', '40'), inside), { held: true });
});

t.test('row 58: a reservation is refused in the order of a withdrawal', async (t) => {
  const bad = { ...holdOf('t1', '-1'), currency: 'EUR' };
  t.hasStrict(frozenAccount().ask('reserve', bad, inside), { code: 'account-frozen' });
  t.hasStrict(closedAccount().ask('reserve', bad, inside), { code: 'account-closed' });
  t.hasStrict(openAccount().ask('reserve', bad, inside), { code: 'amount-not-positive' });
  t.hasStrict(openAccount().ask('reserve', { ...bad, amount: '501' }, inside), { code: 'currency' });
  t.hasStrict(openAccount().ask('reserve', holdOf('t1', '501'), inside), { code: 'insufficient-funds' });
});

t.test('capturing takes the held money and keeps the amount as it was sent', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', { ...holdOf('t1', '30'), description: 'rent' }, inside);
  t.same(desk.ask('capture', { hold_id: 't1' }, inside), { captured: true });
  t.hasStrict(desk.read('get', {}), { balance: '70.00', held: '0.00' });
  t.same(desk.journal.at(-1)?.data, {
    hold_id: 't1',
    amount: '30',
    currency: 'USD',
    counterparty: 'acc-2',
    description: 'rent',
    balance_after: '70.00',
  });
});

t.test('releasing gives the held money back', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '30'), inside);
  t.same(desk.ask('release', { hold_id: 't1' }, inside), { released: true });
  t.hasStrict(desk.read('get', {}), { balance: '100.00', held: '0.00', available: '600.00' });
});

t.test('decision D1: the capture of a hold that stands is never refused', async (t) => {
  const frozen = openAccount({ initial: '100' });
  frozen.ask('reserve', holdOf('t1', '600'), inside);
  frozen.ask('freeze', { reason: 'review' }, admin);
  t.same(frozen.ask('capture', { hold_id: 't1' }, inside), { captured: true });
  t.hasStrict(frozen.read('get', {}), { balance: '-500.00', status: 'frozen' });

  const limited = openAccount({ initial: '20000' });
  limited.ask('reserve', holdOf('t1', '9000'), inside);
  limited.ask('withdraw', usd('5000'));
  t.same(
    limited.ask('capture', { hold_id: 't1' }, inside),
    { captured: true },
    'on a day with no limit left',
  );
});

t.test("decision D2: a frozen account releases its transfers' holds and receives credits", async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  desk.ask('freeze', { reason: 'review' }, admin);
  t.same(desk.ask('release', { hold_id: 't1' }, inside), { released: true });
  const credit = { transfer_id: 't2', ...usd('5'), counterparty: 'acc-2', description: '' };
  t.same(desk.ask('credit', credit, inside), { credited: true });
  t.hasStrict(desk.read('get', {}), { balance: '105.00' });
});

t.test('decision D2: a frozen sender cannot reserve', async (t) => {
  t.same(
    frozenAccount({ initial: '100' }).ask('reserve', holdOf('t1', '1'), inside),
    rejection('account-frozen', 'Account is frozen'),
  );
});

t.test('decision D2: a hold made by a transfer never expires', async (t) => {
  const desk = openAccount({ initial: '100' });
  const said = desk.tell('reserve', holdOf('t1', '10'), inside);
  t.hasStrict(said, { timers: [] });
  desk.now += 100 * 365 * 86_400_000;
  desk.ask('expireHold', { hold_id: 't1' }, inside);
  t.hasStrict(desk.read('get', {}), { held: '10.00' });
});

t.test("decision D2: a client cannot end a transfer's hold", async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  const refused = rejection('hold-not-found', 'Hold not found: t1');
  t.same(desk.ask('captureHold', { hold_id: 't1' }), refused);
  t.same(desk.ask('releaseHold', { hold_id: 't1' }), refused);
  t.hasStrict(desk.read('get', {}), { held: '10.00' });
  for (const command of ['reserve', 'capture', 'release', 'credit', 'expireHold'] as const) {
    t.equal(accountContract.commands[command].internal, true, `${command} is closed to clients`);
  }
});

t.test('decision D3: an undo that comes first refuses the late do', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.same(desk.ask('release', { hold_id: 't1' }, inside), { released: true });
  t.same(desk.told, ['AccountOpened', 'HoldCancelled']);
  t.same(
    desk.ask('reserve', holdOf('t1', '10'), inside),
    rejection('hold-cancelled', 'Hold was cancelled: t1'),
  );
  t.hasStrict(desk.read('get', {}), { held: '0.00' });
});

t.test('decision D3: a do that comes again after its undo is refused', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  desk.ask('release', { hold_id: 't1' }, inside);
  t.hasStrict(desk.ask('reserve', holdOf('t1', '10'), inside), { code: 'hold-cancelled' });
});

t.test('decision D3: the newest cancelled ids are remembered, and no more than that', async (t) => {
  const desk = openAccount({ initial: '100' });
  for (let index = 0; index <= cancelledHoldsMax; index++) {
    desk.ask('release', { hold_id: `t${index}` }, inside);
  }
  t.equal(desk.state.cancelled.length, cancelledHoldsMax);
  t.hasStrict(desk.ask('reserve', holdOf('t1', '1'), inside), { code: 'hold-cancelled' }, 'the oldest kept');
  t.hasStrict(desk.ask('reserve', holdOf('t0', '1'), inside), { held: true }, 'the one before it');
});

t.test('an undo on an account that does not exist changes nothing and is accepted', async (t) => {
  const desk = unopened();
  t.same(desk.ask('release', { hold_id: 't1' }, inside), { released: true });
  t.same(desk.told, []);
});

t.test('repeats of a reservation, a release and a capture change nothing more', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.same(desk.ask('reserve', holdOf('t1', '10'), inside), { held: true });
  t.same(desk.ask('reserve', holdOf('t1', '10'), inside), { held: true });
  t.hasStrict(desk.read('get', {}), { held: '10.00' });
  t.same(desk.ask('capture', { hold_id: 't1' }, inside), { captured: true });
  t.same(desk.ask('capture', { hold_id: 't1' }, inside), { captured: true });
  t.hasStrict(desk.read('get', {}), { balance: '90.00' });
  t.same(desk.ask('release', { hold_id: 't2' }, inside), { released: true });
  t.same(desk.ask('release', { hold_id: 't2' }, inside), { released: true });
  t.equal(desk.version, 4);
});

t.test('a repeat is answered on an account that was frozen meanwhile', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  desk.ask('freeze', { reason: 'review' }, admin);
  t.same(desk.ask('reserve', holdOf('t1', '10'), inside), { held: true });
});

t.test('a hold id stands for one amount', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  t.hasStrict(desk.ask('reserve', holdOf('t1', '11'), inside), { code: 'hold-exists' });
});

t.test('what was captured is not released, nor reserved again', async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('reserve', holdOf('t1', '10'), inside);
  desk.ask('capture', { hold_id: 't1' }, inside);
  t.hasStrict(desk.ask('release', { hold_id: 't1' }, inside), { code: 'hold-captured' });
  t.hasStrict(desk.ask('reserve', holdOf('t1', '10'), inside), { code: 'hold-captured' });
});

t.test('the newest captured ids are remembered, and no more than that', async (t) => {
  const desk = openAccount({ initial: '100' });
  for (let index = 0; index <= capturedHoldsMax; index++) {
    desk.ask('reserve', holdOf(`t${index}`, '1'), inside);
    desk.ask('capture', { hold_id: `t${index}` }, inside);
  }
  t.equal(desk.state.captured.length, capturedHoldsMax);
  t.hasStrict(desk.ask('capture', { hold_id: 't1' }, inside), { captured: true });
  t.hasStrict(desk.ask('capture', { hold_id: 't0' }, inside), { code: 'hold-not-found' });
});

t.test('a hold that never was is not captured', async (t) => {
  t.hasStrict(openAccount().ask('capture', { hold_id: 't1' }, inside), { code: 'hold-not-found' });
});

t.test('an account has a bounded number of open holds', async (t) => {
  const desk = openAccount({ initial: '1000000' }).quietly();
  for (let index = 0; index < openHoldsMax; index++) desk.ask('reserve', holdOf(`t${index}`, '1'), inside);
  t.hasStrict(desk.ask('reserve', holdOf('t-one-more', '1'), inside), { code: 'holds-too-many' });
  desk.ask('release', { hold_id: 't0' }, inside);
  t.hasStrict(desk.ask('reserve', holdOf('t-one-more', '1'), inside), { held: true });
  desk.prove();
});

t.test('holds never make an account larger than an actor may be', async (t) => {
  const desk = openAccount({ initial: '1000000' }).quietly();
  const longest = 'h'.repeat(123);
  const hold = { ...usd('1'), description: '\u20ac'.repeat(descriptionCharsMax) };
  const stateBytes = () => pack(accountSnapshot.encode?.(desk.state)).length;
  let count = 0;
  for (; count < openHoldsMax; count++) {
    const answer = desk.ask('hold', { ...hold, hold_id: longest + count });
    if ('code' in answer) break;
  }
  t.hasStrict(desk.ask('hold', { ...hold, hold_id: 'h' }), { code: 'holds-too-many' });
  t.ok(stateBytes() < defaultLimits.stateBytesMax, `${stateBytes()} bytes after ${count} holds`);
  t.ok(stateBytes() > holdBytesMax * 0.9, 'and what they are counted as is near what they take');
  desk.ask('releaseHold', { hold_id: `${longest}0` });
  desk.ask('releaseHold', { hold_id: `${longest}1` });
  t.hasStrict(desk.ask('hold', { ...hold, hold_id: 'h' }), { state: 'held' }, 'there is room again');
  desk.prove();
});

t.test('an account that does not exist reserves and captures nothing', async (t) => {
  const missing = rejection('not-found', 'Account not found: acc-1');
  t.same(unopened().ask('reserve', holdOf('t1', '10'), inside), missing);
  t.same(unopened().ask('capture', { hold_id: 't1' }, inside), missing);
});

t.test('decision D5: an unknown receiver is refused by the credit', async (t) => {
  const credit = { transfer_id: 't1', ...usd('5'), counterparty: 'acc-2', description: '' };
  t.same(unopened().ask('credit', credit, inside), rejection('not-found', 'Account not found: acc-1'));
});

t.test('a credit is refused by a closed account and in another currency', async (t) => {
  const credit = { transfer_id: 't1', ...usd('5'), counterparty: 'acc-2', description: '' };
  t.same(
    closedAccount().ask('credit', credit, inside),
    rejection('account-closed', 'Cannot deposit to closed account'),
  );
  t.same(
    openAccount({ currency: 'EUR' }).ask('credit', credit, inside),
    rejection('currency', 'Account only accepts EUR'),
  );
});

t.test('a credit adds to the balance and records where it came from', async (t) => {
  const desk = openAccount();
  desk.ask('credit', { transfer_id: 't1', ...usd('5'), counterparty: 'acc-2', description: 'x' }, inside);
  t.same(desk.journal.at(-1)?.data, {
    transfer_id: 't1',
    amount: '5',
    currency: 'USD',
    counterparty: 'acc-2',
    description: 'x',
    balance_after: '5.00',
  });
});

t.test('decision D7: what transfers move does not count towards the daily limit', async (t) => {
  const desk = openAccount({ initial: '20000' });
  t.hasStrict(desk.ask('reserve', holdOf('t1', '9000'), inside), { held: true });
  desk.ask('capture', { hold_id: 't1' }, inside);
  t.hasStrict(desk.read('get', {}), { daily_withdrawn: '0.00' });
  t.hasStrict(desk.ask('withdraw', usd('5000')), { balance: '6000.00' });
});

t.test("a client's hold keeps money until it is captured", async (t) => {
  const desk = openAccount({ initial: '100' });
  t.same(desk.ask('hold', { ...usd('30'), hold_id: 'h1' }), {
    account_id: 'acc-1',
    hold_id: 'h1',
    state: 'held',
  });
  t.hasStrict(desk.read('get', {}), { held: '30.00', balance: '100.00' });
  const captured = desk.tell('captureHold', { hold_id: 'h1' });
  t.hasStrict(captured, { reply: { state: 'captured' }, timers: [{ type: 'cancel', name: 'hold:h1' }] });
  t.hasStrict(desk.read('get', {}), { held: '0.00', balance: '70.00' });
  t.hasStrict(desk.ask('captureHold', { hold_id: 'h1' }), { state: 'captured' }, 'a repeat');
});

t.test("a client's hold is released by the client", async (t) => {
  const desk = openAccount({ initial: '100' });
  desk.ask('hold', { ...usd('30'), hold_id: 'h1' });
  const released = desk.tell('releaseHold', { hold_id: 'h1' });
  t.hasStrict(released, { reply: { state: 'released' }, timers: [{ type: 'cancel', name: 'hold:h1' }] });
  t.hasStrict(desk.read('get', {}), { held: '0.00', balance: '100.00' });
  t.hasStrict(desk.ask('releaseHold', { hold_id: 'h1' }), { state: 'released' }, 'a repeat');
  t.hasStrict(desk.ask('captureHold', { hold_id: 'h1' }), { code: 'hold-not-found' });
  t.hasStrict(desk.ask('hold', { ...usd('30'), hold_id: 'h1' }), { code: 'hold-cancelled' });
});

t.test("decision D2: a client's hold expires by a timer", async (t) => {
  const desk = openAccount({ initial: '100' });
  const held = desk.tell('hold', { ...usd('30'), hold_id: 'h1', expires_in_seconds: 60 });
  const dueAt = noon + 60_000;
  t.hasStrict(held, {
    timers: [{ type: 'set', name: 'hold:h1', dueAt, command: 'expireHold', payload: { hold_id: 'h1' } }],
  });
  desk.now = dueAt;
  desk.ask('expireHold', { hold_id: 'h1' }, inside);
  t.hasStrict(desk.read('get', {}), { held: '0.00' });
  t.same(desk.journal.at(-1)?.data, { hold_id: 'h1', reason: 'expired' });
  desk.ask('expireHold', { hold_id: 'h1' }, inside);
  t.equal(desk.version, 3, 'and once');
});

t.test(
  "a client's hold whose timer an operator moved is released when that fires, early or late",
  async (t) => {
    for (const movedBy of [-1, 1]) {
      const desk = openAccount({ initial: '100' });
      desk.ask('hold', { ...usd('30'), hold_id: 'h1', expires_in_seconds: 60 });
      desk.now = noon + 60_000 + movedBy;
      desk.ask('expireHold', { hold_id: 'h1' }, inside);
      t.hasStrict(desk.read('get', {}), { held: '0.00' }, `by ${movedBy} ms`);
    }
  },
);

t.test("a client's hold lasts a week unless said otherwise", async (t) => {
  const desk = openAccount({ initial: '100' });
  t.hasStrict(desk.tell('hold', usd('30')), { timers: [{ dueAt: noon + 7 * 86_400_000 }] });
});

t.test("a client's hold counts towards the daily limit of the day it was made", async (t) => {
  const desk = openAccount({ initial: '20000' });
  desk.ask('hold', { ...usd('3000'), hold_id: 'h1' });
  t.hasStrict(desk.ask('withdraw', usd('2000.01')), { code: 'daily-limit-exceeded' });
  t.hasStrict(desk.ask('hold', usd('2000.01')), { code: 'daily-limit-exceeded' });
  desk.ask('captureHold', { hold_id: 'h1' });
  t.hasStrict(desk.read('get', {}), { daily_withdrawn: '3000.00' }, 'once, not again by its capture');
});

t.test(
  'a hold released on its day gives its share of the daily limit back, a later one does not',
  async (t) => {
    const desk = openAccount({ initial: '20000' });
    desk.ask('hold', { ...usd('3000'), hold_id: 'h1' });
    desk.ask('releaseHold', { hold_id: 'h1' });
    t.hasStrict(desk.read('get', {}), { daily_withdrawn: '0.00' });
    desk.ask('hold', { ...usd('3000'), hold_id: 'h2' });
    desk.now += 86_400_000;
    desk.ask('withdraw', usd('4000'));
    desk.ask('releaseHold', { hold_id: 'h2' });
    t.hasStrict(desk.read('get', {}), { daily_withdrawn: '4000.00' });
  },
);

t.test("a client's hold is refused like a withdrawal", async (t) => {
  t.hasStrict(frozenAccount().ask('hold', usd('1')), { code: 'account-frozen' });
  t.hasStrict(closedAccount().ask('hold', usd('1')), { code: 'account-closed' });
  t.hasStrict(openAccount().ask('hold', usd('501')), { code: 'insufficient-funds' });
});

t.test('a client chooses no id that a transfer could have', async (t) => {
  const desk = openAccount({ initial: '100' });
  t.hasStrict(desk.ask('hold', { ...usd('1'), hold_id: 'tx~0a0b0c0d' }), { code: 'id-invalid' });
  t.hasStrict(desk.ask('hold', { ...usd('1'), hold_id: '' }), { code: 'id-invalid' });
  t.hasStrict(desk.ask('hold', usd('1')), { hold_id: 'hcmd4' }, 'without one, it comes from the command id');
});
