/**
 * The notices of an account, written by the last step of a transfer (row 77). They are in the journal alone, where
 * `GET …/notices` reads them: every transfer writes one, and hardly anybody reads it.
 *
 * N1  Nothing is delivered before the notice is durable, and no transfer waits for a delivery: where notices are
 *     delivered, the same entry starts a saga of its own (`notice-delivery.ts`).
 */
import { defineAggregate } from '../model/aggregate.js';
import { send } from '../model/contract.js';
import type { MessageOrder } from '../model/message.js';
import type { Static } from '../model/typebox.js';
import { type Delivery, type Notice, notificationContract } from './notification-contract.js';

/** Nothing: what happened is told by the history, and no decision looks at it. */
export type NotificationState = Readonly<Record<string, never>>;

const nothing: NotificationState = {};

/** What starts the delivery of a notice; undefined: notices stay where they are. */
export type Deliver = (accountId: string, notice: Static<typeof Notice>) => MessageOrder;

export function notificationAggregate(deliver: Deliver | undefined) {
  return defineAggregate(notificationContract, {
    initial: () => nothing,

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
      TransferNotified: (state) => state,
      DeliveryRecorded: (state) => state,
    },

    read: {},

    snapshot: { version: 4 },
  });
}

export const notification = notificationAggregate(undefined);

/** The record of what became of a delivery. */
export function recordDelivery(accountId: string, delivery: Static<typeof Delivery>): MessageOrder {
  return send(notificationContract, accountId, 'record_delivery', delivery);
}
