/**
 * What this thread last wrote or took, per partition, groups under way included: the ground on which the next append is
 * judged and its conditions are set. Nothing here is a promise; LMDB's comparison of versions is.
 *
 * P1  A state is dropped as soon as one of its groups was refused; the next use reads the store again.
 */
import type { Head } from '../journal.js';
import type { FenceHead } from './fence-record.js';
import type { LogEnvironment } from './log-environment.js';

export interface PartitionState extends FenceHead {
  /** Follows groups under way. */
  head: Head;
  /** Commit sequence of the last change, sent or stored. */
  version: number;
  /** What is known to be durable; undefined until this thread took the partition or appended to it. */
  durable: Head | undefined;
}

export class PartitionLedger {
  readonly #environment: LogEnvironment;
  readonly #states = new Map<number, PartitionState>();

  constructor(environment: LogEnvironment) {
    this.#environment = environment;
  }

  find(partition: number): PartitionState | undefined {
    return this.#states.get(partition);
  }

  /** The state, from the store if this thread has none. */
  load(partition: number): PartitionState {
    let state = this.#states.get(partition);
    if (state === undefined) {
      const { fence, head, version } = this.#environment.readFence(partition);
      state = { fence, head, version, durable: undefined };
      this.#states.set(partition, state);
    }
    return state;
  }

  set(partition: number, state: PartitionState): void {
    this.#states.set(partition, state);
  }

  /** Forgets `state` unless the partition was taken anew meanwhile (P1). */
  drop(partition: number, state: PartitionState | undefined): void {
    if (this.#states.get(partition) === state) this.#states.delete(partition);
  }
}
