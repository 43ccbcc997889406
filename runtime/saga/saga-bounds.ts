/**
 * Bounds that the course of a saga can come to, as opposed to its definition. Met before the decision is made, so that
 * the step fails that is too large, and not the answer that its turn came with.
 */
import { pack } from '../../actors/model/codec.js';
import { defaultLimits } from '../limits.js';
import { packedBytesBound } from '../packed-bytes.js';
import type { Cause } from './saga-failure.js';
import { itemsMax, messagesAtOnceMax, messagesOf, type PlannedStep } from './saga-plan.js';

/** Of the payload that one told step sends: all that a saga tells may stand in one decision, and half an entry holds it. */
export const tellBytesMax = 4_096;
const { eventBytesMax } = defaultLimits;

/** Why a step cannot begin with these items, beside so many messages of the same decision; undefined when it can. */
export function pastBounds(
  step: PlannedStep,
  items: readonly unknown[] | null,
  messageCount: number,
): Cause | undefined {
  const { name, concurrencyMax } = step;
  const orderCount = Math.min(items?.length ?? 1, messagesOf(step));
  if (messageCount + orderCount > messagesAtOnceMax) {
    return tooLarge(`step ${name} would send more than ${messagesAtOnceMax} messages at once`);
  }
  if (items === null) return undefined;
  if (items.length > itemsMax) return tooLarge(`step ${name} has more than ${itemsMax} items`);
  // The fields of the event that holds them.
  if (pack([name, items, concurrencyMax, 0]).length > eventBytesMax) {
    return tooLarge(`the items of step ${name} take more than ${eventBytesMax} bytes`);
  }
  return undefined;
}

/** Why a step cannot tell this. */
export function pastTellBound({ name }: PlannedStep, payload: unknown): Cause | undefined {
  if (packedBytesBound(payload) <= tellBytesMax || pack(payload).length <= tellBytesMax) return undefined;
  return tooLarge(`what step ${name} tells takes more than ${tellBytesMax} bytes`);
}

function tooLarge(detail: string): Cause {
  return { code: 'command-too-large', detail };
}
