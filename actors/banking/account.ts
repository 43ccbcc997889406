/**
 * The account aggregate: who may do what, in which order it is checked, and what is recorded (rows 44–62).
 *
 * A1  A caller from outside who neither owns the account nor is admin gets the same `not-found` as for an account that
 *     does not exist. Messages from sagas and timers are internal and need no owner.
 * A2  Checks run in the order of row 58: frozen, closed, positive, currency, daily limit, funds. Repeats come before all
 *     of them: what a hold id once did is answered again, whatever the account has become.
 * A3  What a transfer reserved is always captured or released, on a frozen account too (decisions D1, D2).
 * A4  A client ends only the holds that clients made; a saga's hold ends by its saga.
 */
import { isActorId, isClientChosenId } from '../model/address.js';
import { type DecideContext, defineAggregate } from '../model/aggregate.js';
import { reject, type TimerOrder } from '../model/message.js';
import { formatSigned, parseAmount } from '../model/money.js';
import { accountContract } from './account-contract.js';
import {
  balanceAfterDeposit,
  earlierHold,
  holdable,
  initialBalance,
  type Refusal,
  spendable,
} from './account-rules.js';
import {
  type AccountState,
  accountSnapshot,
  accountView,
  evolveAccount,
  initialAccount,
  utcDay,
} from './account-state.js';

/** A week: as long as a card authorisation usually stands. */
const holdLifetimeSeconds = 604_800;

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
      if (state.holds.size > 0) return reject('holds-open', 'Cannot close account with open holds');
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

    hold(state, input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      if (input.hold_id !== undefined && !isClientChosenId(input.hold_id)) {
        return reject('id-invalid', 'hold_id is not a valid id');
      }
      const holdId = input.hold_id ?? `h${ctx.commandId}`;
      const reply = { account_id: ctx.id, hold_id: holdId, state: 'held' };
      const earlier = earlierHold(state, holdId, input.amount);
      if (earlier !== undefined) return earlier === 'repeat' ? { reply } : earlier;
      const day = utcDay(ctx.now);
      const amount = holdable(state, input, day);
      if (typeof amount !== 'bigint') return amount;
      const expiresAt = ctx.now + (input.expires_in_seconds ?? holdLifetimeSeconds) * 1000;
      return {
        events: [
          {
            type: 'FundsHeld',
            data: {
              hold_id: holdId,
              amount: input.amount,
              currency: state.currency,
              counterparty: '',
              description: input.description ?? '',
              expires_at: expiresAt,
              day,
            },
          },
        ],
        timers: [
          {
            type: 'set',
            name: expiryTimer(holdId),
            dueAt: expiresAt,
            command: 'expireHold',
            payload: { hold_id: holdId },
          },
        ],
        reply,
      };
    },

    captureHold(state, input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      const reply = {
        account_id: ctx.id,
        hold_id: input.hold_id,
        state: 'captured',
      };
      const hold = state.holds.get(input.hold_id);
      if (hold === undefined && state.captured.includes(input.hold_id)) return { reply };
      // A4: a saga's hold does not exist for a client.
      if (hold === undefined || hold.expiresAt === 0)
        return reject('hold-not-found', `Hold not found: ${input.hold_id}`);
      return {
        events: captured(state, input.hold_id),
        timers: [cancelExpiry(input.hold_id)],
        reply,
      };
    },

    releaseHold(state, input, ctx) {
      const stranger = strangerTo(state, ctx);
      if (stranger !== undefined) return stranger;
      const reply = {
        account_id: ctx.id,
        hold_id: input.hold_id,
        state: 'released',
      };
      const hold = state.holds.get(input.hold_id);
      if (hold === undefined && state.cancelled.includes(input.hold_id)) return { reply };
      if (hold === undefined || hold.expiresAt === 0)
        return reject('hold-not-found', `Hold not found: ${input.hold_id}`);
      return {
        events: released(input.hold_id, 'released'),
        timers: [cancelExpiry(input.hold_id)],
        reply,
      };
    },

    expireHold(state, input, ctx) {
      const reply = {
        account_id: ctx.id,
        hold_id: input.hold_id,
        state: 'released',
      };
      const hold = state.holds.get(input.hold_id);
      if (hold === undefined || hold.expiresAt === 0 || ctx.now < hold.expiresAt) return { reply };
      return {
        events: released(input.hold_id, 'expired'),
        reply,
      };
    },

    reserve(state, input, ctx) {
      if (state.status === 'none') return notFound(ctx);
      const reply = { held: true };
      const earlier = earlierHold(state, input.hold_id, input.amount);
      if (earlier !== undefined) return earlier === 'repeat' ? { reply } : earlier;
      const amount = holdable(state, input, undefined);
      if (typeof amount !== 'bigint') return amount;
      return {
        events: [
          {
            type: 'FundsHeld',
            data: {
              hold_id: input.hold_id,
              amount: input.amount,
              currency: state.currency,
              counterparty: input.counterparty,
              description: input.description,
              expires_at: 0,
              day: '',
            },
          },
        ],
        reply,
      };
    },

    capture(state, input, ctx) {
      if (state.status === 'none') return notFound(ctx);
      const reply = { captured: true };
      if (state.holds.has(input.hold_id)) return { events: captured(state, input.hold_id), reply };
      if (state.captured.includes(input.hold_id)) return { reply };
      return reject('hold-not-found', `Hold not found: ${input.hold_id}`);
    },

    release(state, input) {
      const reply = { released: true };
      // Nothing was ever held here, and a late do finds no account.
      if (state.status === 'none') return { reply };
      if (state.holds.has(input.hold_id)) return { events: released(input.hold_id, 'released'), reply };
      if (state.captured.includes(input.hold_id)) {
        return reject('hold-captured', `Hold already captured: ${input.hold_id}`);
      }
      if (state.cancelled.includes(input.hold_id)) return { reply };
      return { events: [{ type: 'HoldCancelled', data: { hold_id: input.hold_id } }], reply };
    },

    // No list of transfers already credited: messages between actors arrive exactly once.
    credit(state, input, ctx) {
      if (state.status === 'none') return notFound(ctx);
      const balance = balanceAfterDeposit(state, input);
      if (typeof balance !== 'bigint') return balance;
      const { currency } = state;
      return {
        events: [
          {
            type: 'TransferReceived',
            data: {
              transfer_id: input.transfer_id,
              amount: input.amount,
              currency,
              counterparty: input.counterparty,
              description: input.description,
              balance_after: formatSigned(balance, currency),
            },
          },
        ],
        reply: { credited: true },
      };
    },
  },

  read: {
    get: (state, _input, ctx) => strangerTo(state, ctx) ?? accountView(state, ctx),
    authorise: (state, _input, ctx) => strangerTo(state, ctx) ?? { owner_id: state.ownerId },
  },
});

function isAdmin(ctx: DecideContext): boolean {
  return ctx.caller.roles.includes('admin');
}

function notFound(ctx: DecideContext): Refusal {
  return reject('not-found', `Account not found: ${ctx.id}`);
}

/** A1: nobody learns that an account exists unless it is theirs. */
function strangerTo(state: AccountState, ctx: DecideContext): Refusal | undefined {
  if (state.status === 'none') return notFound(ctx);
  const { caller } = ctx;
  if (caller.principal === state.ownerId || caller.internal || isAdmin(ctx)) return undefined;
  return notFound(ctx);
}

function notAdmin(ctx: DecideContext): Refusal | undefined {
  if (ctx.caller.internal || isAdmin(ctx)) return undefined;
  return reject('scope-missing', 'Admin access required');
}

function viewAfter(ctx: DecideContext) {
  return (state: AccountState, version: number) => accountView(state, { id: ctx.id, version, now: ctx.now });
}

function transactionIdOf(chosen: string | undefined, ctx: DecideContext): string | Refusal {
  if (chosen === undefined) return `x${ctx.commandId}`;
  return isActorId(chosen) ? chosen : reject('id-invalid', 'transaction_id is not a valid id');
}

function captured(state: AccountState, holdId: string) {
  const hold = state.holds.get(holdId)!;
  return [
    {
      type: 'HoldCaptured',
      data: {
        hold_id: holdId,
        amount: hold.text,
        currency: state.currency,
        counterparty: hold.counterparty,
        description: hold.description,
        balance_after: formatSigned(state.balance - hold.amount, state.currency),
      },
    },
  ] as const;
}

function released(holdId: string, reason: 'released' | 'expired') {
  return [{ type: 'HoldReleased', data: { hold_id: holdId, reason } }] as const;
}

function expiryTimer(holdId: string): string {
  return `hold:${holdId}`;
}

function cancelExpiry(holdId: string): TimerOrder {
  return { type: 'cancel', name: expiryTimer(holdId) };
}
