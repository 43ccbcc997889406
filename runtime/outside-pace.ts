/**
 * How fast a shard takes commands from outside while its tables lag behind the log.
 *
 *     lag of what is allowed   sweeps                      commands from outside
 *     up to 50 %               one a period                at once
 *     50 % to 80 %             without a pause (sweeper)   at once
 *     80 % to 100 %            without a pause             `commandsPerPause`, then a pause that grows with the lag
 *     above                    without a pause             refused, `storage-behind`
 *
 * The pauses leave processor and disk to the sweeps before anybody has to be refused. Queries wait behind the commands
 * before them, as a connection's order asks for; messages and timers do not.
 */
import type { Clock } from './clock.js';
import type { Limits } from './limits.js';

/** Share of the allowed lag from which sweeps follow each other without a pause. */
export const hurriedShare = 0.5;
const slowedShare = 0.8;
/** At the beginning 16,000 commands a second, just before the bound 320: no step, and never a standstill. */
const commandsPerPause = 16;
const pauseMsMin = 1;
const pauseMsMax = 50;

/** The pause after each `commandsPerPause` commands, ms; 0 for none. `share` of the allowed lag. */
export function pauseMsAt(share: number): number {
  if (share <= slowedShare) return 0;
  const grown = Math.min(1, (share - slowedShare) / (1 - slowedShare));
  return pauseMsMin + grown * (pauseMsMax - pauseMsMin);
}

export class OutsidePace {
  readonly #clock: Clock;
  readonly #lagMax: number;
  readonly #lag: () => number;
  readonly #resume: () => void;
  #share = 0;
  #pauseMs = 0;
  #left = commandsPerPause;
  #isPausing = false;

  constructor(options: {
    readonly clock: Clock;
    readonly limits: Limits;
    /** Entries that the tables lack. */
    readonly lag: () => number;
    /** Called when a command that was held may be taken. */
    readonly resume: () => void;
  }) {
    this.#clock = options.clock;
    this.#lagMax = options.limits.tableLagEntriesMax;
    this.#lag = options.lag;
    this.#resume = options.resume;
  }

  /** The lag has changed: once per group, not per command. */
  look(): void {
    this.#share = this.#lag() / this.#lagMax;
    this.#pauseMs = pauseMsAt(this.#share);
    if (this.#pauseMs === 0) this.#left = commandsPerPause;
  }

  /** True when no command may be taken. Looks again: sweeps catch up without a group becoming durable. */
  refuses(): boolean {
    if (this.#share > 1) this.look();
    return this.#share > 1;
  }

  /** Takes a command's place; false when it must wait, and `resume` says until when. */
  admits(): boolean {
    if (this.#pauseMs === 0) return true;
    // Refused at once by who looks for `refuses`.
    if (this.#left > 0 || this.refuses()) {
      this.#left = Math.max(0, this.#left - 1);
      return true;
    }
    if (!this.#isPausing) {
      this.#isPausing = true;
      this.#clock.after(this.#pauseMs, () => {
        this.#isPausing = false;
        this.#left = commandsPerPause;
        this.look();
        this.#resume();
      });
    }
    return false;
  }
}
