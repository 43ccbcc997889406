/**
 * The account aggregate: who may do what, in which order it is checked, and what is recorded (rows 44–62).
 *
 * A1  A caller from outside who neither owns the account nor is admin gets the same `not-found` as for an account that
 *     does not exist. Messages from sagas and timers are internal and need no owner.
 * A2  Checks run in the order of row 58: frozen, closed, positive, currency, daily limit, funds. Repeats come before all
 *     of them: what a hold id once did is answered again, whatever the account has become.
 * A3  What a transfer reserved is always captured or released, on a frozen account too (decisions D1, D2).
 * A4  A client ends only the holds that clients made; a saga's hold ends by its saga.
 *
 * Holds of clients: `account-holds.ts`; what transfers do to an account: `account-transfers.ts`.
 */
import { isActorId, isClientChosenId } from '../model/address.js';
import { type DecideContext, defineAggregate } from '../model/aggregate.js';
import { reject } from '../model/message.js';
import { formatSigned, parseAmount } from '../model/money.js';
import { isAdmin, notAdmin, strangerTo } from './account-access.js';
import { accountContract } from './account-contract.js';
import { holdDecisions } from './account-holds.js';
import { balanceAfterDeposit, initialBalance, type Refusal, spendable } from './account-rules.js';
import {
  type AccountState,
  accountSnapshot,
  accountView,
  evolveAccount,
  initialAccount,
  utcDay,
} from './account-state.js';
import { transferDecisions } from './account-transfers.js';

export const account = defineAggregate(accountContract, {
  initial: initialAccount,
  evolve: evolveAccount,
  snapshot: accountSnapshot,

  decide: {
    open(state, input, ctx) {
      if (!ctx.caller.internal && !isAdmin(ctx) && input.owner_id !== ctx.caller.principal) {
        return reject('scope-missing', 'Only an admin opens an account for somebody else');
      }
      // Accounts are spread by their whole id: a client that could choose a placement could crowd one partition.
      if (!isClientChosenId(ctx.id)) return reject('id-invalid', 'account_id is not a valid id');
      if (state.status !== 'none') return reject('account-exists', `Account already exists: ${ctx.id}`);
      const initial = initialBalance(input.initial_deposit, input.account_type, input.currency);
      if (typeof initial !== 'string') return initial;
      return {
        events: [
          {
            type: 'AccountOpened',
            data: {
              account_type: input.account_type,
              currency: input.currency,
              owner_id: input.owner_id,
              initial_balance: initial,
            },
          },
        ],
        reply: viewAfter(ctx),
      };
    },

    deposit(state, input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      const transactionId = transactionIdOf(input.transaction_id, ctx);
      if (typeof transactionId !== 'string') return transactionId;
      const balance = balanceAfterDeposit(state, input);
      if (typeof balance !== 'bigint') return balance;
      const { currency } = state;
      const balanceText = formatSigned(balance, currency);
      return {
        events: [
          {
            type: 'MoneyDeposited',
            data: {
              amount: input.amount,
              currency,
              transaction_id: transactionId,
              description: input.description ?? '',
              balance_after: balanceText,
            },
          },
        ],
        reply: {
          account_id: ctx.id,
          transaction_id: transactionId,
          balance: balanceText,
          available: formatSigned(balance + state.limit - state.held, currency),
          version: ctx.version + 1,
        },
      };
    },

    withdraw(state, input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      const transactionId = transactionIdOf(input.transaction_id, ctx);
      if (typeof transactionId !== 'string') return transactionId;
      const day = utcDay(ctx.now);
      const amount = spendable(state, input, day);
      if (typeof amount !== 'bigint') return amount;
      const { currency } = state;
      const balance = state.balance - amount;
      const balanceText = formatSigned(balance, currency);
      return {
        events: [
          {
            type: 'MoneyWithdrawn',
            data: {
              amount: input.amount,
              currency,
              transaction_id: transactionId,
              description: input.description ?? '',
              balance_after: balanceText,
              day,
            },
          },
        ],
        reply: {
          account_id: ctx.id,
          transaction_id: transactionId,
          balance: balanceText,
          available: formatSigned(balance + state.limit - state.held, currency),
          version: ctx.version + 1,
        },
      };
    },

    freeze(state, input, ctx) {
      const refused = strangerTo(state, ctx) ?? notAdmin(ctx);
      if (refused !== undefined) return refused;
      if (state.status === 'frozen') return reject('already-frozen', 'Account already frozen');
      if (state.status === 'closed') return reject('account-closed', 'Cannot freeze closed account');
      return {
        events: [
          {
            type: 'AccountFrozen',
            data: { reason: input.reason, frozen_by: ctx.caller.principal },
          },
        ],
        reply: viewAfter(ctx),
      };
    },

    unfreeze(state, _input, ctx) {
      const refused = strangerTo(state, ctx) ?? notAdmin(ctx);
      if (refused !== undefined) return refused;
      if (state.status !== 'frozen') return reject('not-frozen', 'Account is not frozen');
      return {
        events: [
          {
            type: 'AccountUnfrozen',
            data: { unfrozen_by: ctx.caller.principal },
          },
        ],
        reply: viewAfter(ctx),
      };
    },

    close(state, _input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      if (state.status === 'frozen') return reject('account-frozen', 'Account is frozen');
      if (state.status === 'closed') return reject('account-closed', 'Account already closed');
      if (state.holds !== undefined) return reject('holds-open', 'Cannot close account with open holds');
      if (state.balance !== 0n) {
        const balance = formatSigned(state.balance, state.currency);
        return reject('balance-not-zero', `Cannot close account with balance ${balance}`);
      }
      return {
        events: [{ type: 'AccountClosed', data: { closed_by: ctx.caller.principal } }],
        reply: viewAfter(ctx),
      };
    },

    setCreditLimit(state, input, ctx) {
      const refused = strangerTo(state, ctx) ?? notAdmin(ctx);
      if (refused !== undefined) return refused;
      if (state.status === 'closed')
        return reject('account-closed', 'Cannot set the limit of a closed account');
      if (state.type !== 'credit')
        return reject('not-a-credit-account', 'Only a credit account has a credit limit');
      const limit = parseAmount(input.credit_limit, state.currency, { admitsZero: true });
      if (typeof limit !== 'bigint') return reject(limit.code, limit.detail);
      // I1: what is spent or held on credit stays covered.
      if (state.balance - state.held < -limit) {
        return reject('credit-limit-in-use', 'Credit limit is below what is already used');
      }
      return {
        events: [
          {
            type: 'CreditLimitSet',
            data: { credit_limit: input.credit_limit, set_by: ctx.caller.principal },
          },
        ],
        reply: viewAfter(ctx),
      };
    },

    ...holdDecisions,
    ...transferDecisions,
  },

  read: {
    get: (state, _input, ctx) => strangerTo(state, ctx) ?? accountView(state, ctx),
    authorise: (state, _input, ctx) => strangerTo(state, ctx) ?? { owner_id: state.ownerId },
  },
});

function viewAfter(ctx: DecideContext) {
  return (state: AccountState, version: number) => accountView(state, { id: ctx.id, version, now: ctx.now });
}

function transactionIdOf(chosen: string | undefined, ctx: DecideContext): string | Refusal {
  if (chosen === undefined) return `x${ctx.commandId}`;
  return isActorId(chosen) ? chosen : reject('id-invalid', 'transaction_id is not a valid id');
}
