/** The history of an account as a bank statement. */
import t from 'tap';
import { statementPage, transactionOf } from '../../../actors/banking/statement.js';
import { holdOf, openAccount, usd } from './support/accounts.js';
import { admin, inside } from './support/desk.js';

const at = '2026-11-20T12:00:00.000Z';

/** One of everything that can happen to an account. */
function eventful() {
  const desk = openAccount({ initial: '1000' });
  desk.ask('deposit', { ...usd('100'), transaction_id: 'd1', description: 'salary' });
  desk.ask('withdraw', { ...usd('0.5'), transaction_id: 'w1', description: 'coffee' });
  desk.ask('freeze', { reason: 'review' }, admin);
  desk.ask('unfreeze', {}, admin);
  desk.ask('reserve', { ...holdOf('t1', '30'), description: 'rent' }, inside);
  desk.ask('capture', { hold_id: 't1' }, inside);
  desk.ask('reserve', holdOf('t2', '40'), inside);
  desk.ask('release', { hold_id: 't2' }, inside);
  desk.ask('release', { hold_id: 't3' }, inside);
  desk.ask('credit', { transfer_id: 't4', ...usd('5'), counterparty: 'acc-9', description: 'back' }, inside);
  desk.ask('hold', { ...usd('7'), hold_id: 'h1', description: 'hotel' });
  desk.ask('captureHold', { hold_id: 'h1' });
  return desk;
}

t.test('each movement of money is a line with the balance after it, other events are none', async (t) => {
  const lines = eventful().recorded().map(transactionOf);
  const line = { currency: 'USD', at };
  t.same(
    lines.filter((item) => item !== undefined),
    [
      {
        ...line,
        transaction_id: 'e1',
        type: 'opening',
        amount: '1000.00',
        balance_after: '1000.00',
        description: '',
      },
      {
        ...line,
        transaction_id: 'd1',
        type: 'deposit',
        amount: '100.00',
        balance_after: '1100.00',
        description: 'salary',
      },
      {
        ...line,
        transaction_id: 'w1',
        type: 'withdrawal',
        amount: '0.50',
        balance_after: '1099.50',
        description: 'coffee',
      },
      {
        ...line,
        transaction_id: 't1',
        type: 'transfer_out',
        amount: '30.00',
        balance_after: '1069.50',
        description: 'rent',
        counterparty: 'acc-2',
      },
      {
        ...line,
        transaction_id: 't4',
        type: 'transfer_in',
        amount: '5.00',
        balance_after: '1074.50',
        description: 'back',
        counterparty: 'acc-9',
      },
      {
        ...line,
        transaction_id: 'h1',
        type: 'hold_capture',
        amount: '7.00',
        balance_after: '1067.50',
        description: 'hotel',
      },
    ],
  );
});

t.test('the balance after the newest line is the balance of the account', async (t) => {
  const desk = eventful();
  const newest = desk
    .recorded()
    .map(transactionOf)
    .findLast((item) => item !== undefined);
  t.hasStrict(desk.read('get', {}), { balance: newest?.balance_after });
});

t.test('an account opened with nothing has no opening line', async (t) => {
  t.same(openAccount().recorded().map(transactionOf), [undefined]);
  t.same(openAccount({ initial: '0.00' }).recorded().map(transactionOf), [undefined]);
});

t.test('a page of events that moved no money is empty, and its cursor goes on', async (t) => {
  const events = eventful().recorded().slice(3, 5);
  t.same(statementPage({ events, next: 4 }), { items: [], next_cursor: '4' });
  t.same(statementPage({ events, next: null }), { items: [], next_cursor: null });
});
