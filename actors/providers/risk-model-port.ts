/**
 * A model that judges a transfer before any money moves (row 65, decision D7). It only computes, so a failure leaves
 * nothing behind; a transfer that cannot be judged is refused.
 */
import { definePort } from '../model/activity.js';
import { AmountSchema, CurrencySchema } from '../model/money-schema.js';
import { Type } from '../model/typebox.js';
import { ReferenceSchema } from './field-schemas.js';

/** What a model sees. */
export const TransferFactsSchema = Type.Object({
  transfer_id: ReferenceSchema,
  sender_account_id: ReferenceSchema,
  receiver_account_id: ReferenceSchema,
  amount: AmountSchema,
  currency: CurrencySchema,
  /** Unix ms. */
  at: Type.Number(),
});

/** Every transfer waits for it: shorter than elsewhere, with room for a burst in front of the pool. */
const assessTimeoutMs = 5_000;
const assessQueueMax = 1_000;
const assessConcurrencyMax = 16;

export const riskModelPort = definePort({
  name: 'risk-model',
  activities: {
    assess: {
      input: TransferFactsSchema,
      /** 0: nothing to fear, 1: certain. */
      result: Type.Object({ score: Type.Number({ minimum: 0, maximum: 1 }) }),
      rejections: ['risk_check_failed'],
      policy: {
        timeoutMs: assessTimeoutMs,
        attemptsMax: 2,
        retryDelayMs: 100,
        concurrencyMax: assessConcurrencyMax,
        queueMax: assessQueueMax,
      },
    },
  },
});
