/**
 * What can be made to go wrong with a memory store. The store asks once per append or table commit, in the order of the
 * calls; whoever answers (a test's script, a seeded generator, the simulator) owns all chance and all time.
 */
import type { GroupAppend } from '../journal.js';
import type { TableCommit } from '../tables.js';

/**
 * `refuse`: definite, nothing written. `lose-request`: never arrives; outcome unknown. `lose-reply`: durable, but the caller
 * hears `unknown`. `fail-flush`: visible but not durable, and the disk takes nothing more until it is crashed; unknown.
 * `delay`: waits for `until` at one of three places: before it reaches the disk (later writes of the same store wait behind
 * it), applied but not flushed, or durable but not answered.
 */
export type WriteFault =
  | { readonly type: 'refuse'; readonly detail: string }
  | { readonly type: 'lose-request' }
  | { readonly type: 'lose-reply' }
  | { readonly type: 'fail-flush' }
  | { readonly type: 'delay'; readonly at: 'request' | 'flush' | 'reply'; readonly until: Promise<void> };

/** `lose-request` and `lose-reply` make the reader throw `storage-unavailable`; a taking of a partition counts after the latter. */
export type ReadFault =
  | { readonly type: 'lose-request' }
  | { readonly type: 'lose-reply' }
  | { readonly type: 'delay'; readonly until: Promise<void> };

export interface MemoryFaults {
  append?(group: GroupAppend): WriteFault | undefined;
  commit?(commit: TableCommit): WriteFault | undefined;
  /** Of journal and tables, takings of partitions, and trims. */
  read?(): ReadFault | undefined;
  /** The highest position that readers are shown, at most the durable one; a reader that lags behind. */
  visible?(partition: number, durable: number): number;
}

/** Faults put in by hand: each applies to the next write that finds it, first in, first out. */
export class FaultScript implements MemoryFaults {
  readonly #appends: (WriteFault | undefined)[] = [];
  readonly #commits: (WriteFault | undefined)[] = [];
  readonly #visible = new Map<number, number>();

  /** `undefined` lets one append pass. */
  onNextAppend(fault: WriteFault | undefined): void {
    this.#appends.push(fault);
  }

  /** True when every append put in here has come. */
  get isSpent(): boolean {
    return this.#appends.length === 0;
  }

  onNextCommit(fault: WriteFault | undefined): void {
    this.#commits.push(fault);
  }

  /** Shows readers of `partition` nothing above `position`; `undefined` shows all again. */
  showUpTo(partition: number, position: number | undefined): void {
    if (position === undefined) this.#visible.delete(partition);
    else this.#visible.set(partition, position);
  }

  append(): WriteFault | undefined {
    return this.#appends.shift();
  }

  commit(): WriteFault | undefined {
    return this.#commits.shift();
  }

  visible(partition: number, durable: number): number {
    return Math.min(durable, this.#visible.get(partition) ?? durable);
  }
}

/** A point that a test releases: `delay` faults wait for `promise`. */
export interface Gate {
  readonly promise: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Faults drawn by chance: `fraction` comes from a seeded generator, `probability` is per write. */
export function seededFaults(options: {
  readonly fraction: () => number;
  readonly probability: number;
  readonly faults: readonly WriteFault[];
}): MemoryFaults {
  const draw = (): WriteFault | undefined => {
    if (options.fraction() >= options.probability) return undefined;
    return options.faults[Math.floor(options.fraction() * options.faults.length)];
  };
  return { append: draw, commit: draw };
}
