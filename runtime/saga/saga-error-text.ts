/**
 * The sentences that a saga's `errors` hold; the first three are fixed by the requirements.
 */

/** Row 73. */
export const sagaTimeoutText = 'Saga timeout';

/** Row 72: `Step reserve failed after 3 attempts: store-busy: try later`. */
export function attemptsText(failure: {
  readonly step: string;
  readonly attempt: number;
  readonly code: string;
  readonly detail: string;
}): string {
  return `Step ${failure.step} failed after ${failure.attempt} attempts: ${failureText(failure)}`;
}

/** Row 74. */
export function compensationFailedText(step: string): string {
  return `Compensation failed: ${step}`;
}

/** The reason of a saga whose steps are done. */
export const closingTooLargeText =
  'command-too-large: the last events of the saga, with what came before them, are past a bound';

/** A refusal or an operating error, as decision D4 writes it. */
export function failureText({ code, detail }: { readonly code: string; readonly detail: string }): string {
  return `${code}: ${detail}`;
}

/** The last error of a step that was not answered in time (S0:479). */
export function stepTimeoutText(step: string): string {
  return `Step ${step} timed out`;
}
