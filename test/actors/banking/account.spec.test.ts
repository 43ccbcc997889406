/** Every command of an account once, as given, when, then: what it says, schedules and answers, all in stored form. */
import t from 'tap';
import { account } from '../../../actors/banking/account.js';
import type { AccountContract } from '../../../actors/banking/account-contract.js';
import { riskAggregate } from '../../../actors/banking/risk.js';
import type { EventOf } from '../../../actors/model/contract.js';
import { given } from '../../../actors/model/spec.js';
import { admin, alice, inside, noon } from './support/desk.js';

const ctx = { id: 'acc-1', now: noon, caller: alice, commandId: 'c1' };
const byAdmin = { ...ctx, caller: admin };
const bySaga = { ...ctx, caller: inside };

const opened: EventOf<AccountContract> = {
  type: 'AccountOpened',
  data: { account_type: 'checking', currency: 'USD', owner_id: 'alice', initial_balance: '100' },
};
const heldByTransfer: EventOf<AccountContract> = {
  type: 'FundsHeld',
  data: {
    hold_id: 't1',
    amount: '30',
    currency: 'USD',
    counterparty: 'acc-2',
    description: 'rent',
    expires_at: 0,
    day: '',
  },
};
const view = {
  account_id: 'acc-1',
  account_type: 'checking',
  status: 'active',
  currency: 'USD',
  owner_id: 'alice',
  balance: '100.00',
  held: '0.00',
  available: '600.00',
  overdraft_limit: '500.00',
  daily_withdrawn: '0.00',
  version: 1,
} as const;

t.test('open', async () => {
  given(account)
    .when(
      'open',
      { account_type: 'checking', currency: 'USD', owner_id: 'alice', initial_deposit: '100' },
      ctx,
    )
    .then({ events: [opened], reply: view, messages: [], timers: [] });
});

t.test('deposit and withdraw', async () => {
  given(account, [opened])
    .when('deposit', { amount: '5.5', currency: 'USD' }, ctx)
    .then({
      events: [
        {
          type: 'MoneyDeposited',
          data: {
            amount: '5.5',
            currency: 'USD',
            transaction_id: 'xc1',
            description: '',
            balance_after: '105.50',
          },
        },
      ],
      reply: {
        account_id: 'acc-1',
        transaction_id: 'xc1',
        balance: '105.50',
        available: '605.50',
        version: 2,
      },
    })
    .when('withdraw', { amount: '0.50', currency: 'USD', transaction_id: 'w1', description: 'coffee' }, ctx)
    .then({
      events: [
        {
          type: 'MoneyWithdrawn',
          data: {
            amount: '0.50',
            currency: 'USD',
            transaction_id: 'w1',
            description: 'coffee',
            balance_after: '105.00',
            day: '2026-11-20',
          },
        },
      ],
      reply: {
        account_id: 'acc-1',
        transaction_id: 'w1',
        balance: '105.00',
        available: '605.00',
        version: 3,
      },
    });
});

t.test('freeze, unfreeze, close', async () => {
  given(account, [{ ...opened, data: { ...opened.data, initial_balance: '0' } } as typeof opened])
    .when('freeze', { reason: 'review' }, byAdmin)
    .then({
      events: [{ type: 'AccountFrozen', data: { reason: 'review', frozen_by: 'root' } }],
      reply: { ...view, balance: '0.00', available: '500.00', status: 'frozen', version: 2 },
    })
    .when('close', {}, ctx)
    .then({ rejection: { code: 'account-frozen', detail: 'Account is frozen' }, events: [] })
    .when('unfreeze', {}, byAdmin)
    .then({
      events: [{ type: 'AccountUnfrozen', data: { unfrozen_by: 'root' } }],
      reply: { ...view, balance: '0.00', available: '500.00', version: 3 },
    })
    .when('close', {}, ctx)
    .then({
      events: [{ type: 'AccountClosed', data: { closed_by: 'alice' } }],
      reply: { ...view, balance: '0.00', available: '500.00', status: 'closed', version: 4 },
    });
});

t.test('setCreditLimit', async () => {
  given(account, [
    {
      type: 'AccountOpened',
      data: { account_type: 'credit', currency: 'USD', owner_id: 'alice', initial_balance: '0' },
    },
  ])
    .when('setCreditLimit', { credit_limit: '250' }, byAdmin)
    .then({
      events: [{ type: 'CreditLimitSet', data: { credit_limit: '250', set_by: 'root' } }],
      reply: {
        ...view,
        account_type: 'credit',
        balance: '0.00',
        available: '250.00',
        overdraft_limit: '250.00',
        version: 2,
      },
    });
});

t.test('reserve and capture', async () => {
  given(account, [opened])
    .when(
      'reserve',
      { hold_id: 't1', amount: '30', currency: 'USD', counterparty: 'acc-2', description: 'rent' },
      bySaga,
    )
    .then({ events: [heldByTransfer], reply: { held: true }, timers: [] })
    .when('capture', { hold_id: 't1' }, bySaga)
    .then({
      events: [
        {
          type: 'HoldCaptured',
          data: {
            hold_id: 't1',
            amount: '30',
            currency: 'USD',
            counterparty: 'acc-2',
            description: 'rent',
            balance_after: '70.00',
          },
        },
      ],
      reply: { captured: true },
    });
});

t.test('release', async () => {
  given(account, [opened, heldByTransfer])
    .when('release', { hold_id: 't1' }, bySaga)
    .then({
      events: [{ type: 'HoldReleased', data: { hold_id: 't1', reason: 'released' } }],
      reply: { released: true },
    })
    .when('release', { hold_id: 't2' }, bySaga)
    .then({ events: [{ type: 'HoldCancelled', data: { hold_id: 't2' } }], reply: { released: true } });
});

t.test('credit', async () => {
  given(account, [opened])
    .when(
      'credit',
      { transfer_id: 't1', amount: '5', currency: 'USD', counterparty: 'acc-2', description: '' },
      bySaga,
    )
    .then({
      events: [
        {
          type: 'TransferReceived',
          data: {
            transfer_id: 't1',
            amount: '5',
            currency: 'USD',
            counterparty: 'acc-2',
            description: '',
            balance_after: '105.00',
          },
        },
      ],
      reply: { credited: true },
    });
});

t.test('hold, captureHold, releaseHold, expireHold', async () => {
  const dueAt = noon + 60_000;
  const held = { amount: '7', currency: 'USD', expires_in_seconds: 60 };
  const cancel = (id: string) => ({ type: 'cancel', name: `hold:${id}` }) as const;
  given(account, [opened])
    .when('hold', { ...held, hold_id: 'h1' }, ctx)
    .then({
      events: [
        {
          type: 'FundsHeld',
          data: {
            hold_id: 'h1',
            amount: '7',
            currency: 'USD',
            counterparty: '',
            description: '',
            expires_at: dueAt,
            day: '2026-11-20',
          },
        },
      ],
      timers: [{ type: 'set', name: 'hold:h1', dueAt, command: 'expireHold', payload: { hold_id: 'h1' } }],
      reply: { account_id: 'acc-1', hold_id: 'h1', state: 'held' },
    })
    .when('captureHold', { hold_id: 'h1' }, ctx)
    .then({
      timers: [cancel('h1')],
      reply: { account_id: 'acc-1', hold_id: 'h1', state: 'captured' },
    })
    .when('hold', { ...held, hold_id: 'h2' }, ctx)
    .then({})
    .when('releaseHold', { hold_id: 'h2' }, ctx)
    .then({
      events: [{ type: 'HoldReleased', data: { hold_id: 'h2', reason: 'released' } }],
      timers: [cancel('h2')],
      reply: { account_id: 'acc-1', hold_id: 'h2', state: 'released' },
    })
    .when('hold', { ...held, hold_id: 'h3' }, ctx)
    .then({})
    .when('expireHold', { hold_id: 'h3' }, { ...bySaga, now: dueAt })
    .then({
      events: [{ type: 'HoldReleased', data: { hold_id: 'h3', reason: 'expired' } }],
      timers: [],
      reply: { account_id: 'acc-1', hold_id: 'h3', state: 'released' },
    });
});

t.test('the risk record keeps its stored form', async () => {
  given(riskAggregate({ velocity: { transfersMax: 2, windowMs: 1000 } }))
    .when('flag', { reason: 'x' }, byAdmin)
    .then({
      events: [{ type: 'AccountFlagged', data: { reason: 'x', flagged_by: 'root' } }],
      reply: { account_id: 'acc-1', flagged: true, reason: 'x' },
    })
    .when('unflag', {}, byAdmin)
    .then({
      events: [{ type: 'AccountUnflagged', data: { unflagged_by: 'root' } }],
      reply: { account_id: 'acc-1', flagged: false, reason: '' },
    })
    .when('check', { transfer_id: 't1', amount: '5', currency: 'USD' }, bySaga)
    .then({
      events: [{ type: 'TransferApproved', data: { transfer_id: 't1', amount: '5', currency: 'USD' } }],
      reply: { approved: true },
    });
});
