/**
 * When a crashed process is started again. Pure: the supervisor asks and acts.
 *
 *   child ended            lived long enough      died at once, again and again
 *   by itself: 0, 2   →    pass the code on       pass the code on
 *   otherwise         →    restart at once        restart ever later, then give up
 */
import { exitCodes } from './exit-codes.js';

export interface RestartLimits {
  /** First delay; doubles with every fast failure in a row. Default 100 ms: serving again within 2 s counts from the crash. */
  readonly delayMsMin: number;
  /** Default 5 s. */
  readonly delayMsMax: number;
  /** A child that lived this long was well; its end starts a new count. Default 10 s. */
  readonly wellAfterMs: number;
  /** Fast failures in a row after which starting again is pointless. Default 8, some 12 s in all. */
  readonly fastFailuresMax: number;
}

export const restartLimits: RestartLimits = {
  delayMsMin: 100,
  delayMsMax: 5_000,
  wellAfterMs: 10_000,
  fastFailuresMax: 8,
};

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly livedMs: number;
}

export type NextStep =
  | { readonly type: 'exit'; readonly code: number }
  | { readonly type: 'restart'; readonly delayMs: number; readonly fastFailures: number }
  | { readonly type: 'give-up'; readonly fastFailures: number };

/** `fastFailures`: how many there were in a row before this end. `jitter` in [0, 1) spreads the delay over its upper half. */
export function nextStep(
  end: ChildEnd,
  { fastFailures, jitter, limits }: { fastFailures: number; jitter: number; limits: RestartLimits },
): NextStep {
  if (end.code === exitCodes.stopped || end.code === exitCodes.refused)
    return { type: 'exit', code: end.code };
  const failures = end.livedMs >= limits.wellAfterMs ? 1 : fastFailures + 1;
  if (failures > limits.fastFailuresMax) return { type: 'give-up', fastFailures: failures };
  const delayMs = Math.min(limits.delayMsMax, limits.delayMsMin * 2 ** (failures - 1));
  return { type: 'restart', delayMs: delayMs * (0.5 + jitter / 2), fastFailures: failures };
}
