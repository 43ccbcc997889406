/**
 * The alerts of an account, raised by reactions (`alert-reactions.ts`). Keeps the newest `alertsMax`; all of them stay in
 * the journal.
 */
import { defineAggregate } from '../model/aggregate.js';
import type { Static } from '../model/typebox.js';
import { type AlertType, alertContract } from './alert-contract.js';

export const alertsMax = 20;

/** Alert, reason, who, time (Unix ms): a row, because it is stored as it stands. */
type AlertRow = readonly [Static<typeof AlertType>, string, string, number];

export interface AlertState {
  /** Oldest first. */
  alerts: AlertRow[];
}

export const alert = defineAggregate(alertContract, {
  initial: (): AlertState => ({ alerts: [] }),

  decide: {
    raise: (_state, input) => ({ events: [{ type: 'AlertRaised', data: input }], reply: null }),
  },

  evolve: {
    AlertRaised(state, data, at) {
      state.alerts.push([data.alert, data.reason, data.raised_by, at]);
      if (state.alerts.length > alertsMax) state.alerts.shift();
      return state;
    },
  },

  read: {
    get: ({ alerts }, _input, { id }) => ({
      account_id: id,
      items: alerts.toReversed().map(([type, reason, raised_by, at]) => ({
        ...{ alert: type, reason, raised_by },
        at: new Date(at).toISOString(),
      })),
    }),
  },

  snapshot: { version: 1 },
});
