/**
 * Holds that clients make on an account: made, captured or released once, released by themselves at their expiry.
 *
 * A client ends only the holds that clients made (A4 of `account.ts`): they are the ones that expire.
 */
import { isClientChosenId } from '../model/address.js';
import type { Decide, DecideContext } from '../model/aggregate.js';
import { reject, type TimerOrder } from '../model/message.js';
import { formatSigned } from '../model/money.js';
import { strangerTo } from './account-access.js';
import type { AccountContract } from './account-contract.js';
import { earlierHold, holdable } from './account-rules.js';
import { type AccountState, type Hold, utcDay } from './account-state.js';
import { isCaptured } from './captured-holds.js';

/** A week: as long as a card authorisation usually stands. */
const holdLifetimeSeconds = 604_800;

type HoldCommands = 'hold' | 'captureHold' | 'releaseHold' | 'expireHold';

export const holdDecisions: Pick<Decide<AccountContract, AccountState>, HoldCommands> = {
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

  captureHold: (state, input, ctx) => endHold(state, input.hold_id, ctx, 'captured'),

  releaseHold: (state, input, ctx) => endHold(state, input.hold_id, ctx, 'released'),

  expireHold(state, input, ctx) {
    const reply = {
      account_id: ctx.id,
      hold_id: input.hold_id,
      state: 'released',
    };
    const hold = state.holds?.get(input.hold_id);
    // When it is due is the timer's to say: an operator may have moved it.
    if (hold === undefined || hold.expiresAt === 0) return { reply };
    return {
      events: released(input.hold_id, 'expired'),
      reply,
    };
  },
};

/** What has ended in the same way before is answered again. */
function endHold(state: AccountState, holdId: string, ctx: DecideContext, end: 'captured' | 'released') {
  const stranger = strangerTo(state, ctx);
  if (stranger !== undefined) return stranger;
  const reply = { account_id: ctx.id, hold_id: holdId, state: end };
  const hold = state.holds?.get(holdId);
  const isEnded = end === 'captured' ? isCaptured(state, holdId) : state.cancelled.includes(holdId);
  if (hold === undefined && isEnded) return { reply };
  // A4: a saga's hold does not exist for a client.
  if (hold === undefined || hold.expiresAt === 0)
    return reject('hold-not-found', `Hold not found: ${holdId}`);
  return {
    events: end === 'captured' ? captured(state, holdId, hold) : released(holdId, 'released'),
    timers: [cancelExpiry(holdId)],
    reply,
  };
}

export function captured(state: AccountState, holdId: string, hold: Hold) {
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

export function released(holdId: string, reason: 'released' | 'expired') {
  return [{ type: 'HoldReleased', data: { hold_id: holdId, reason } }] as const;
}

function expiryTimer(holdId: string): string {
  return `hold:${holdId}`;
}

function cancelExpiry(holdId: string): TimerOrder {
  return { type: 'cancel', name: expiryTimer(holdId) };
}
