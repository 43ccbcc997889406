/** What a command on an actor came to. */
import type { StoredOutcome } from './commit/outcome.js';

export interface Executed {
  readonly outcome: StoredOutcome;
  /** The outcome stands in the open group; otherwise it was computed from the activation's state alone. */
  readonly recorded: boolean;
  /** The actor's version after it. */
  readonly version: number;
}
