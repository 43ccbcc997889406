/**
 * A shipping provider (row 105): labels and their cancellation. Tracking comes the other way, as calls of ours.
 */
import { definePort } from '../model/activity.js';
import { Type } from '../model/typebox.js';
import { ReferenceSchema, TextSchema } from './field-schemas.js';

export const shippingPort = definePort({
  name: 'shipping',
  activities: {
    /** Once per reference. */
    create_label: {
      input: Type.Object({
        reference: ReferenceSchema,
        order_id: ReferenceSchema,
        service: Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }),
        /** As the customer gave it: lines by name (`street`, `city`, `postal_code`, `country`, …). */
        address: Type.Record(Type.String({ maxLength: 64 }), TextSchema, { maxProperties: 32 }),
        items: Type.Array(
          Type.Object({
            product_id: ReferenceSchema,
            quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
          }),
          { minItems: 1, maxItems: 1_000 },
        ),
      }),
      result: Type.Object({ shipment_id: TextSchema, tracking_number: TextSchema, label_url: TextSchema }),
      rejections: ['address-invalid', 'service-unknown', 'shipment-cancelled'],
    },
    /** As a refund: a reference without a label is remembered, and `cancelled` is false. */
    cancel_label: {
      input: Type.Object({ reference: ReferenceSchema, reason: TextSchema }),
      result: Type.Object({ cancelled: Type.Boolean() }),
      rejections: ['shipment-under-way'],
    },
  },
});
