/**
 * A payment provider (rows 104 and 118). A charge is known by the `reference` its buyer's side chose, so that it can be
 * taken back also when its answer never came.
 */
import { definePort } from '../model/activity.js';
import { AmountSchema, CurrencySchema } from '../model/money-schema.js';
import { Type } from '../model/typebox.js';
import { ReferenceSchema, TextSchema } from './field-schemas.js';

export const paymentPort = definePort({
  name: 'payment',
  activities: {
    /** Once per reference: a second charge under it answers the recorded result (decision D15). */
    charge: {
      input: Type.Object({
        reference: ReferenceSchema,
        order_id: ReferenceSchema,
        customer_id: ReferenceSchema,
        amount: AmountSchema,
        currency: CurrencySchema,
        payment_method: Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }),
      }),
      result: Type.Object({
        payment_id: TextSchema,
        order_id: TextSchema,
        amount: TextSchema,
        currency: TextSchema,
        payment_method: TextSchema,
      }),
      rejections: ['payment-declined', 'payment-method-invalid', 'payment-cancelled'],
    },
    /**
     * Gives a charge back. A reference that was never charged is remembered as cancelled and its late charge is rejected
     * (decision D3): then `refunded` is false.
     */
    refund: {
      input: Type.Object({ reference: ReferenceSchema, reason: TextSchema }),
      result: Type.Object({ refunded: Type.Boolean(), refund_id: TextSchema }),
      rejections: ['refund-refused'],
    },
  },
});
