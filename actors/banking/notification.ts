/**
 * The notices of an account, written by the last step of a transfer (row 77). Keeps the newest `noticesMax`; all of them
 * stay in the journal.
 *
 * N1  Nothing is delivered before the notice is durable, and no transfer waits for a delivery: where notices are
 *     delivered, the same entry starts a saga of its own (`notice-delivery.ts`).
 */
import { defineAggregate } from '../model/aggregate.js';
import { send } from '../model/contract.js';
import { type MessageOrder, reject } from '../model/message.js';
import type { Static } from '../model/typebox.js';
import { withNewest } from './newest.js';
import { type DeliveryStatus, type Notice, notificationContract } from './notification-contract.js';

/**
 * What a phone shows at a glance. Every transfer rewrites the row with these in it; with twenty, encoding them was a
 * twentieth of a transfer's cost.
 */
export const noticesMax = 3;

type Status = Static<typeof DeliveryStatus>;

/** Transfer id, template, counterparty, amount, currency, time (Unix ms). */
type NoticeFields = readonly [string, string, string, string, string, number];

export interface NotificationState {
  /**
   * `NoticeFields` as JSON, oldest first. They are stored far more often than read: three texts are written into a row in
   * a third of the time of fifteen, which lie strewn over the memory of all actors.
   */
  notices: string[];
  /** By transfer id, of the notices above that have one. Empty where notices are not delivered. */
  deliveries: [string, Status][];
}

/** What starts the delivery of a notice; undefined: notices stay where they are. */
export type Deliver = (accountId: string, notice: Static<typeof Notice>) => MessageOrder;

export function notificationAggregate(deliver: Deliver | undefined) {
  return defineAggregate(notificationContract, {
    initial: (): NotificationState => ({ notices: [], deliveries: [] }),

    decide: {
      notify: (_state, input, { id }) => {
        const notified = {
          events: [{ type: 'TransferNotified' as const, data: input }],
          reply: { notified: true },
        };
        return deliver === undefined ? notified : { ...notified, messages: [deliver(id, input)] };
      },
      record_delivery: (_state, input) => ({
        events: [{ type: 'DeliveryRecorded', data: input }],
        reply: null,
      }),
    },

    evolve: {
      TransferNotified(state, data, at) {
        const { transfer_id, template, counterparty, amount, currency } = data;
        const fields: NoticeFields = [transfer_id, template, counterparty, amount, currency, at];
        state.notices = withNewest(state.notices, JSON.stringify(fields), noticesMax);
        return state;
      },
      DeliveryRecorded(state, { transfer_id, status }) {
        const kept = new Set(state.notices.map((notice) => fieldsOf(notice)[0]));
        // One that comes after its notice has gone from the list is in the journal alone.
        state.deliveries = state.deliveries.filter(([id]) => kept.has(id) && id !== transfer_id);
        if (kept.has(transfer_id)) state.deliveries.push([transfer_id, status]);
        return state;
      },
    },

    read: {
      list(state, _input, { caller }) {
        if (!caller.internal && !caller.roles.includes('admin') && !caller.roles.includes('service')) {
          return reject('scope-missing', 'Only a service or an admin reads notices by account');
        }
        const recorded = new Map(state.deliveries);
        const unrecorded: Status = deliver === undefined ? 'none' : 'pending';
        return {
          items: state.notices
            .map(fieldsOf)
            .reverse()
            .map(([transfer_id, template, counterparty, amount, currency, at]) => ({
              ...{ transfer_id, template, counterparty, amount, currency },
              at: new Date(at).toISOString(),
              delivery: recorded.get(transfer_id) ?? unrecorded,
            })),
        };
      },
    },

    snapshot: { version: 3 },
  });
}

export const notification = notificationAggregate(undefined);

function fieldsOf(notice: string): NoticeFields {
  // What `TransferNotified` wrote.
  return JSON.parse(notice) as NoticeFields;
}

/** The record of what became of a delivery. */
export function recordDelivery(
  accountId: string,
  delivery: { readonly transfer_id: string; readonly status: Status; readonly message_id: string },
): MessageOrder {
  return send(notificationContract, accountId, 'record_delivery', delivery);
}
