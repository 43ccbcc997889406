/**
 * What the notices of an account understand: one line per finished transfer, and what became of its delivery where notices
 * are delivered. The id is the account's.
 */
import { defineContract } from '../model/contract.js';
import { Type } from '../model/typebox.js';

const Text = Type.String();

/** What became of the delivery of one notice. `message_id` is the provider's; empty when there is none. */
export const Delivery = Type.Object({
  transfer_id: Text,
  // Deliveries end in one of the last two. The others are part of the stored form.
  status: Type.Union([
    Type.Literal('none'),
    Type.Literal('pending'),
    Type.Literal('delivered'),
    Type.Literal('failed'),
  ]),
  message_id: Text,
});

export const Notice = Type.Object({
  transfer_id: Text,
  template: Text,
  counterparty: Text,
  amount: Text,
  currency: Text,
});

export const notificationContract = defineContract({
  kind: 'notification',
  events: {
    TransferNotified: { version: 1, schema: Notice },
    DeliveryRecorded: { version: 1, schema: Delivery },
  },
  commands: {
    notify: {
      version: 1,
      input: Notice,
      reply: Type.Object({ notified: Type.Boolean() }),
      internal: true,
    },
    record_delivery: { version: 1, input: Delivery, reply: Type.Null(), internal: true },
  },
  /** None: its history is what there is to read (`notice-page.ts`). */
  queries: {},
  rejections: {},
});
