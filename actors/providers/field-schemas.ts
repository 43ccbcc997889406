/**
 * Fields that several ports share, bounded: what goes to a provider has been in somebody's request.
 */
import { Type } from '../model/typebox.js';

/** An id or reference as providers take it. */
export const ReferenceSchema = Type.String({ minLength: 1, maxLength: 255 });

export const TextSchema = Type.String({ maxLength: 2_000 });

/** RFC 5321 allows 254; what else makes an address is the mail server's to say. */
export const EmailAddressSchema = Type.String({ maxLength: 254, pattern: '^[^\\s@<>,;"]+@[^\\s@<>,;"]+$' });

/** E.164. */
export const PhoneNumberSchema = Type.String({ pattern: '^\\+[1-9][0-9]{5,14}$' });

/** Rejection of everything that is addressed to somebody: the address is not one, or takes nothing. */
export const recipientRefused = 'recipient-refused';
