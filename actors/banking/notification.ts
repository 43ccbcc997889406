/**
 * The notices of an account, written by the last step of a transfer (row 77). Keeps the newest `noticesMax`; all of them
 * stay in the journal.
 */
import { defineAggregate } from '../model/aggregate.js';
import { reject } from '../model/message.js';
import { notificationContract } from './notification-contract.js';

/**
 * What a phone shows at a glance. Every transfer rewrites the row with these in it; with twenty, encoding them was a
 * twentieth of a transfer's cost.
 */
export const noticesMax = 3;

/** Transfer id, template, counterparty, amount, currency, time (Unix ms): a row, because it is stored as it stands. */
type Notice = readonly [string, string, string, string, string, number];

export interface NotificationState {
  /** Oldest first. */
  notices: Notice[];
}

export const notification = defineAggregate(notificationContract, {
  initial: (): NotificationState => ({ notices: [] }),

  decide: {
    notify: (_state, input) => ({
      events: [{ type: 'TransferNotified', data: input }],
      reply: { notified: true },
    }),
  },

  evolve: {
    TransferNotified(state, data, at) {
      state.notices.push([
        data.transfer_id,
        data.template,
        data.counterparty,
        data.amount,
        data.currency,
        at,
      ]);
      if (state.notices.length > noticesMax) state.notices.shift();
      return state;
    },
  },

  read: {
    list(state, _input, { caller }) {
      if (!caller.internal && !caller.roles.includes('admin') && !caller.roles.includes('service')) {
        return reject('scope-missing', 'Only a service or an admin reads notices by account');
      }
      return {
        items: state.notices
          .toReversed()
          .map(([transfer_id, template, counterparty, amount, currency, at]) => ({
            transfer_id,
            template,
            counterparty,
            amount,
            currency,
            at: new Date(at).toISOString(),
          })),
      };
    },
  },

  snapshot: { version: 1 },
});
