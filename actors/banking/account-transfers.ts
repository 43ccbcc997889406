/**
 * What a transfer does to its two accounts: reserves on one, then captures and credits, or releases. Messages of the saga
 * only; A3 of `account.ts` holds here.
 */
import type { Decide } from '../model/aggregate.js';
import { reject } from '../model/message.js';
import { formatSigned } from '../model/money.js';
import { notFound } from './account-access.js';
import type { AccountContract } from './account-contract.js';
import { captured, released } from './account-holds.js';
import { balanceAfterDeposit, earlierHold, holdable } from './account-rules.js';
import type { AccountState } from './account-state.js';
import { isCaptured } from './captured-holds.js';

type TransferCommands = 'reserve' | 'capture' | 'release' | 'credit';

export const transferDecisions: Pick<Decide<AccountContract, AccountState>, TransferCommands> = {
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
    const hold = state.holds?.get(input.hold_id);
    if (hold !== undefined) return { events: captured(state, input.hold_id, hold), reply };
    if (isCaptured(state, input.hold_id)) return { reply };
    return reject('hold-not-found', `Hold not found: ${input.hold_id}`);
  },

  release(state, input) {
    const reply = { released: true };
    // Nothing was ever held here, and a late do finds no account.
    if (state.status === 'none') return { reply };
    if (state.holds?.has(input.hold_id)) return { events: released(input.hold_id, 'released'), reply };
    if (isCaptured(state, input.hold_id)) {
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
};
