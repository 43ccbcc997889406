/**
 * The three ways to reach somebody (row 106). A message is sent at least once: none of the three can be taken back, and
 * mail cannot be made idempotent beyond one Message-ID for every repeat.
 */
import { definePort } from '../model/activity.js';
import { Type } from '../model/typebox.js';
import {
  EmailAddressSchema,
  PhoneNumberSchema,
  ReferenceSchema,
  recipientRefused,
  TextSchema,
} from './field-schemas.js';

const Sent = Type.Object({ message_id: TextSchema });
/** A line: a break in it would start another header. */
const LineSchema = Type.String({ maxLength: 255, pattern: '^[^\\r\\n]*$' });

export const emailPort = definePort({
  name: 'email',
  activities: {
    send: {
      input: Type.Object({
        to: EmailAddressSchema,
        subject: LineSchema,
        text: Type.String({ maxLength: 100_000 }),
      }),
      result: Sent,
      rejections: [recipientRefused],
    },
  },
});

export const smsPort = definePort({
  name: 'sms',
  activities: {
    send: {
      input: Type.Object({ to: PhoneNumberSchema, text: Type.String({ minLength: 1, maxLength: 1_600 }) }),
      result: Sent,
      rejections: [recipientRefused],
    },
  },
});

export const pushPort = definePort({
  name: 'push',
  activities: {
    send: {
      input: Type.Object({ device: ReferenceSchema, title: LineSchema, text: TextSchema }),
      result: Sent,
      rejections: [recipientRefused],
    },
  },
});
