/** The error of a log that misses a position in its middle: what was read so far must not be taken for all there is. */
import { errorCode } from '../actors/model/error-code.js';
import { OperatingError } from '../actors/model/errors.js';

export function journalGap(partition: number, position: number): OperatingError {
  const address = `partition ${partition}`;
  return new OperatingError('journal-gap', `${address} has no entry at ${position}`, { address });
}

/** What stands there, or does not, is no entry; anything else that reading throws says nothing of the entry. */
export function isGapOrDamage(cause: unknown): boolean {
  return isGap(cause) || errorCode(cause) === 'journal-damaged';
}

/** The position is missing, from the log or from wherever else it was looked for. */
export function isGap(cause: unknown): boolean {
  return errorCode(cause) === 'journal-gap';
}
