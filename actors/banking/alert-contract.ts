/**
 * The alerts of an account (row 64): what a person did to it that others should know of. The id is the account's.
 */
import { defineContract } from '../model/contract.js';
import { Type } from '../model/typebox.js';

const Text = Type.String();
const Nothing = Type.Object({});

export const AlertType = Type.Union([
  Type.Literal('account-frozen'),
  Type.Literal('account-unfrozen'),
  Type.Literal('account-closed'),
  Type.Literal('account-flagged'),
]);

const Alert = Type.Object({ alert: AlertType, reason: Text, raised_by: Text });

export const alertContract = defineContract({
  kind: 'alert',
  events: { AlertRaised: { version: 1, schema: Alert } },
  commands: { raise: { version: 1, input: Alert, reply: Type.Null(), internal: true } },
  queries: {
    /** Newest first. */
    get: {
      input: Nothing,
      reply: Type.Object({
        account_id: Text,
        items: Type.Array(Type.Object({ ...Alert.properties, at: Text })),
      }),
      roles: ['admin', 'service'],
    },
  },
  rejections: {},
});
