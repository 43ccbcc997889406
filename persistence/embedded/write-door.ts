/**
 * Whether this thread's store may write at all. Closed for good by `close` and by the first write whose fate is unknown: LMDB
 * goes on serving data of a failed flush, so only a new process can tell what is there.
 */
import { type Refusal, refused } from '../append-check.js';
import type { SpaceGuard } from './space-guard.js';

export class WriteDoor {
  readonly #space: SpaceGuard;
  readonly #onFailure: () => void;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed: string | undefined;

  /** `onFailure` notes for the next process that what is visible may not be on the disk. */
  constructor(space: SpaceGuard, onFailure: () => void) {
    this.#space = space;
    this.#onFailure = onFailure;
  }

  /** Why nothing at all is written any more, if so. */
  get closed(): string | undefined {
    return this.#closed;
  }

  /** Why new data are refused before they are sent, if they are. */
  refusal(): Refusal | undefined {
    if (this.#closed !== undefined) return refused('storage', this.#closed);
    if (!this.#space.hasReserve()) return refused('storage', this.#space.describe());
    return undefined;
  }

  shut(reason: string): void {
    this.#closed ??= reason;
  }

  /** After a write whose fate is unknown. One that is only late has failed nowhere: the machine has all that was written. */
  fail(isLate = false): void {
    this.shut('a write failed; the process must be restarted');
    if (!isLate) this.#onFailure();
  }

  /** Remembers a write under way, for `idle`. */
  enter<Result>(write: Promise<Result>): Promise<Result> {
    this.#underWay.add(write);
    const leave = (): void => {
      this.#underWay.delete(write);
    };
    write.then(leave, leave);
    return write;
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
