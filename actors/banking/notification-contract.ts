/**
 * What the notices of an account understand: one line per finished transfer, and what became of its delivery where notices
 * are delivered. The id is the account's.
 */
import { defineContract } from '../model/contract.js';
import { Type } from '../model/typebox.js';

const Text = Type.String();

/** `none`: not delivered anywhere, by the bank's settings. */
export const DeliveryStatus = Type.Union([
  Type.Literal('none'),
  Type.Literal('pending'),
  Type.Literal('delivered'),
  Type.Literal('failed'),
]);

/** `message_id` is the provider's; empty when there is none. */
const Delivery = Type.Object({ transfer_id: Text, status: DeliveryStatus, message_id: Text });

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
  queries: {
    /** Newest first. For services and admins: whose notices these are is the account's to say. */
    list: {
      input: Type.Object({}),
      reply: Type.Object({
        items: Type.Array(
          Type.Object({
            transfer_id: Text,
            template: Text,
            counterparty: Text,
            amount: Text,
            currency: Text,
            at: Text,
            delivery: DeliveryStatus,
          }),
        ),
      }),
      roles: ['admin', 'service'],
    },
  },
  rejections: { 'scope-missing': 403 },
});
