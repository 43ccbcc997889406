/**
 * Replies that were stored by an earlier program, in today's form: of commands that are repeated, and of messages whose
 * answer was under way. Where this program cannot read one (no upcaster, or one that throws) the command was done all the
 * same, so that its outcome is the one failure under which something happened (O2 of `errors.ts`).
 */
import { outcomeFailure } from './commit/outcome.js';
import type { Domain } from './domain.js';

/** What `take` makes of the reply; undefined, and reported, where it cannot be read. */
export function readReply<Taken>(
  { kinds, report }: Domain,
  schemaId: number,
  fields: readonly unknown[],
  take: (reply: unknown) => Taken,
): Taken | undefined {
  try {
    return take(kinds.reply(schemaId, fields));
  } catch (cause) {
    report('error', 'reply-unreadable', { message: cause instanceof Error ? cause.message : 'not an Error' });
    return undefined;
  }
}

export const unreadableReply = [
  outcomeFailure,
  'outcome-unknown',
  'It was done, and its reply is stored in a form that this program cannot read.',
] as const;
