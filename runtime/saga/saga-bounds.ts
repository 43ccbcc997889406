/**
 * Bounds that the course of a saga can come to, as opposed to its definition. Met before the decision is made, so that
 * the step fails that is too large, and not the answer that its turn came with.
 */
import { pack } from '../../actors/model/codec.js';
import { defaultLimits } from '../limits.js';
import type { Cause } from './saga-failure.js';
import { itemsMax, type PlannedStep } from './saga-plan.js';

/**
 * Messages of a stage that ask for something at once. Part of how events are folded (`saga-undo.ts`), so no setting: what
 * is recorded has kept to it.
 */
export const messagesAtOnceMax = 64;
const { eventBytesMax } = defaultLimits;

/** Why a step cannot begin with these items, beside so many messages of the same decision; undefined when it can. */
export function pastBounds(
  step: PlannedStep,
  items: readonly unknown[] | null,
  messageCount: number,
): Cause | undefined {
  const { name, kind, concurrencyMax } = step;
  const isMessage = kind === 'command' || kind === 'child' || kind === 'tell';
  const orderCount = isMessage ? Math.min(items?.length ?? 1, concurrencyMax) : 0;
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

function tooLarge(detail: string): Cause {
  return { code: 'command-too-large', detail };
}
