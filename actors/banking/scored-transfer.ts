/**
 * The transfer with one step more: a risk model judges it after the sender's own record has (decision D7). Off by
 * default, because every transfer then waits for a call outside its shard.
 *
 * A version of its own: what runs under the plain one goes on there. The other way round it does not: where the model was
 * on, it is switched off by a threshold of 101 %, which refuses nobody.
 */
import { perform } from '../model/activity.js';
import { defineSaga } from '../model/saga.js';
import type { SagaContext } from '../model/saga-step.js';
import type { Static } from '../model/typebox.js';
import { riskModelPort } from '../providers/risk-model-port.js';
import { paymentTransfer, type TransferInput } from './payment-transfer.js';

const { type: _, ...plain } = paymentTransfer;
/** Before money moves. */
const place = plain.steps.findIndex(({ name }) => name === 'credit');

export const scoredTransfer = defineSaga({
  ...plain,
  version: 2,
  versions: [paymentTransfer],
  steps: [
    ...plain.steps.slice(0, place),
    {
      name: 'risk_model',
      activity: ({ sagaId, input, now }: SagaContext<Static<typeof TransferInput>>) =>
        perform(riskModelPort, 'assess', {
          transfer_id: sagaId,
          sender_account_id: input.sender_account_id,
          receiver_account_id: input.receiver_account_id,
          amount: input.amount,
          currency: input.currency,
          at: now,
        }),
    },
    ...plain.steps.slice(place),
  ],
});
