/**
 * What the notices of an account understand: one line per finished transfer. The id is the account's.
 */
import Type from 'typebox';
import { defineContract } from '../model/contract.js';

const Text = Type.String();

const Notice = Type.Object({
  transfer_id: Text,
  template: Text,
  counterparty: Text,
  amount: Text,
  currency: Text,
});

export const notificationContract = defineContract({
  kind: 'notification',
  events: { TransferNotified: { version: 1, schema: Notice } },
  commands: {
    notify: {
      version: 1,
      input: Notice,
      reply: Type.Object({ notified: Type.Boolean() }),
      internal: true,
    },
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
          }),
        ),
      }),
      roles: ['admin', 'service'],
    },
  },
  rejections: { 'scope-missing': 403 },
});
