/** Exit codes of every `troupe` process. */
export const exitCodes = {
  /** Stopped as asked, nothing left open. */
  stopped: 0,
  /** Crashed, or could not finish stopping in time. A supervisor starts it again. */
  crashed: 1,
  /** Refused: configuration, Node version, or a place that is taken. A person must act; starting again would not help. */
  refused: 2,
  /** A tool did its work and found damage in what it looked at. */
  damaged: 3,
} as const;
