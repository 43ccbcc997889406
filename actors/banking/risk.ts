/**
 * The risk record of an account: a flag that an admin sets, and the check every transfer passes (row 65, decision D7).
 *
 * R1  A check changes nothing and writes no event unless a velocity rule is on.
 */
import { type DecideContext, defineAggregate } from '../model/aggregate.js';
import { reject } from '../model/message.js';
import { riskContract } from './risk-contract.js';
import { type RiskSettings, refusalOf, velocityTransfersMax } from './risk-policy.js';

export interface RiskState {
  flagged: boolean;
  reason: string;
  /** Times of the newest approvals, oldest first; empty while no velocity rule is on. */
  approvedAt: number[];
}

/** The risk aggregate under these settings. */
export function riskAggregate(settings: RiskSettings) {
  return defineAggregate(riskContract, {
    initial: (): RiskState => ({ flagged: false, reason: '', approvedAt: [] }),

    decide: {
      flag(state, input, ctx) {
        if (!mayJudge(ctx)) return reject('scope-missing', 'Admin access required');
        const reply = { account_id: ctx.id, flagged: true, reason: input.reason };
        if (state.flagged && state.reason === input.reason) return { reply };
        return {
          events: [
            { type: 'AccountFlagged', data: { reason: input.reason, flagged_by: ctx.caller.principal } },
          ],
          reply,
        };
      },

      unflag(state, _input, ctx) {
        if (!mayJudge(ctx)) return reject('scope-missing', 'Admin access required');
        const reply = { account_id: ctx.id, flagged: false, reason: '' };
        if (!state.flagged) return { reply };
        return {
          events: [{ type: 'AccountUnflagged', data: { unflagged_by: ctx.caller.principal } }],
          reply,
        };
      },

      check(state, input, ctx) {
        const refusal = refusalOf(settings, {
          amount: input.amount,
          currency: input.currency,
          flag: state.flagged ? state.reason : undefined,
          approvedAt: state.approvedAt,
          now: ctx.now,
        });
        if (refusal !== undefined) return reject('risk_check_failed', refusal);
        const reply = { approved: true };
        if (settings.velocity === undefined) return { reply };
        return { events: [{ type: 'TransferApproved', data: input }], reply };
      },
    },

    evolve: {
      AccountFlagged(state, data) {
        state.flagged = true;
        state.reason = data.reason;
        return state;
      },
      AccountUnflagged(state) {
        state.flagged = false;
        state.reason = '';
        return state;
      },
      TransferApproved(state, _data, at) {
        state.approvedAt.push(at);
        if (state.approvedAt.length > velocityTransfersMax) state.approvedAt.shift();
        return state;
      },
    },

    read: {
      get: (state, _input, ctx) =>
        mayJudge(ctx)
          ? { account_id: ctx.id, flagged: state.flagged, reason: state.reason }
          : reject('scope-missing', 'Admin access required'),
    },

    snapshot: { version: 1 },
  });
}

function mayJudge(ctx: DecideContext): boolean {
  return ctx.caller.internal || ctx.caller.roles.includes('admin');
}
