/**
 * A recorded answer: the same array in a journal record, in a reply message between actors and on the link to the
 * gateway.
 */
export const outcomeReply = 0;
export const outcomeRejection = 1;
export const outcomeFailure = 2;

export type StoredOutcome =
  | readonly [type: typeof outcomeReply, replySchema: number, fields: readonly unknown[]]
  | readonly [type: typeof outcomeRejection, code: string, detail: string]
  | readonly [type: typeof outcomeFailure, code: string, detail: string];

export function failureOutcome(code: string, detail: string): StoredOutcome {
  return [outcomeFailure, code, detail];
}
