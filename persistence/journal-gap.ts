/** The error of a log that misses a position in its middle: what was read so far must not be taken for all there is. */
import { OperatingError } from '../actors/model/errors.js';

export function journalGap(partition: number, position: number): OperatingError {
  const address = `partition ${partition}`;
  return new OperatingError('journal-gap', `${address} has no entry at ${position}`, { address });
}
