/**
 * The transfer of money between two accounts (rows 77 and 78, decision D1). An instance lives beside its sender.
 *
 *     reserve   hold at the sender; checks that it may be spent          undo: release
 *     risk      the sender's risk record                                 nothing to take back
 *     credit    the receiver; pivot: money has arrived, no way back
 *     capture   the hold becomes a withdrawal; never refused for a hold that stands
 *     notify    a notice for the sender, told: nobody waits for it, its refusal changes nothing
 *
 * Row 77 names "validate balance" and "reserve funds" apart: one command does both, because a balance checked before it
 * is held may be gone. "Execute" and "update both accounts" are credit and capture. The notice goes to the sender, whose
 * partition the saga is in: telling the receiver too would cost every transfer one more commit elsewhere, and the
 * receiver's account has the event anyway.
 */
import { send } from '../model/contract.js';
import { defineSaga } from '../model/saga.js';
import { Type } from '../model/typebox.js';
import { accountContract } from './account-contract.js';
import { notificationContract } from './notification-contract.js';
import { riskContract } from './risk-contract.js';

const Text = Type.String();

/** Row 78. `amount` as the client sent it. */
export const TransferInput = Type.Object({
  sender_account_id: Text,
  receiver_account_id: Text,
  amount: Text,
  currency: Text,
  description: Text,
});

const transferNames = {
  transfer_id: Text,
  sender_account_id: Text,
  receiver_account_id: Text,
  amount: Text,
  currency: Text,
};

export const paymentTransfer = defineSaga({
  name: 'payment_transfer',
  version: 1,
  input: TransferInput,
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId, input }) =>
        send(accountContract, input.sender_account_id, 'reserve', {
          hold_id: sagaId,
          amount: input.amount,
          currency: input.currency,
          counterparty: input.receiver_account_id,
          description: input.description,
        }),
      undo: ({ sagaId, input }) =>
        send(accountContract, input.sender_account_id, 'release', { hold_id: sagaId }),
    },
    {
      name: 'risk',
      call: ({ sagaId, input }) =>
        send(riskContract, input.sender_account_id, 'check', {
          transfer_id: sagaId,
          amount: input.amount,
          currency: input.currency,
        }),
    },
    {
      name: 'credit',
      pivot: true,
      call: ({ sagaId, input }) =>
        send(accountContract, input.receiver_account_id, 'credit', {
          transfer_id: sagaId,
          amount: input.amount,
          currency: input.currency,
          counterparty: input.sender_account_id,
          description: input.description,
        }),
    },
    {
      name: 'capture',
      call: ({ sagaId, input }) =>
        send(accountContract, input.sender_account_id, 'capture', { hold_id: sagaId }),
    },
    {
      name: 'notify',
      tell: ({ sagaId, input }) =>
        send(notificationContract, input.sender_account_id, 'notify', {
          transfer_id: sagaId,
          template: 'transfer_completed',
          counterparty: input.receiver_account_id,
          amount: input.amount,
          currency: input.currency,
        }),
    },
  ],
  events: {
    PaymentCompleted: { version: 1, schema: Type.Object(transferNames) },
    PaymentRejected: { version: 1, schema: Type.Object({ ...transferNames, reason: Text }) },
  },
  onCompleted: ({ sagaId, input }) => [{ type: 'PaymentCompleted', data: namesOf(sagaId, input) }],
  onCompensating: ({ sagaId, input }, refusal) => [
    {
      type: 'PaymentRejected',
      data: { ...namesOf(sagaId, input), reason: `${refusal.code}: ${refusal.detail}` },
    },
  ],
});

function namesOf(sagaId: string, input: Type.Static<typeof TransferInput>) {
  const { sender_account_id, receiver_account_id, amount, currency } = input;
  return { transfer_id: sagaId, sender_account_id, receiver_account_id, amount, currency };
}
