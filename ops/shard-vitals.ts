/**
 * What a shard's thread leaves in shared memory for the main thread, which can read it when the other no longer speaks.
 *
 *     pulse      odd while a turn is under way, changes with every edge of a turn
 *     placement  } hashes of the actor whose code ran last in this turn; both 0: none yet
 *     hash       }
 *     waits      odd while the thread waits for its disk, changes with every edge of such a wait
 */
import type { BlockingCall } from '../persistence/store-clock.js';
import type { ActorHashes } from '../runtime/actor/strike-book.js';

const fields = 4;
const pulseField = 0;
const runningField = 1;
const waitsField = 3;

export type VitalsMemory = Int32Array;

export function vitalsMemory(shardCount: number): VitalsMemory {
  return new Int32Array(new SharedArrayBuffer(shardCount * fields * Int32Array.BYTES_PER_ELEMENT));
}

export class ShardVitals {
  /** What `ShardThreadOptions.running` takes. */
  readonly running: Int32Array;
  readonly #memory: VitalsMemory;
  readonly #pulseIndex: number;
  readonly #waitsIndex: number;

  constructor(memory: VitalsMemory, shard: number) {
    this.#memory = memory;
    this.#pulseIndex = shard * fields + pulseField;
    this.#waitsIndex = shard * fields + waitsField;
    this.running = memory.subarray(shard * fields + runningField, shard * fields + waitsField);
  }

  /** Both edges of a turn move the number, so a parity and a value together say whether one turn goes on and on. */
  beat(isBusy: boolean): void {
    if (isBusy) this.running.fill(0);
    Atomics.add(this.#memory, this.#pulseIndex, 1);
  }

  /** Notes that the thread waits, outside of its turns. */
  readonly blocking: BlockingCall = (call) => {
    Atomics.add(this.#memory, this.#waitsIndex, 1);
    try {
      return call();
    } finally {
      Atomics.add(this.#memory, this.#waitsIndex, 1);
    }
  };

  get waits(): number {
    return Atomics.load(this.#memory, this.#waitsIndex);
  }

  get pulse(): number {
    return Atomics.load(this.#memory, this.#pulseIndex);
  }

  get isInTurn(): boolean {
    return this.pulse % 2 !== 0;
  }

  /** The actor whose code the thread is in, or was in when it ended without leaving its turn. */
  get culprit(): ActorHashes | undefined {
    const [placement = 0, hash = 0] = this.running;
    if (!this.isInTurn || (placement === 0 && hash === 0)) return undefined;
    return { placement: placement >>> 0, hash: hash >>> 0 };
  }
}

/** A thread that waits for ever in a call of the system uses none, and must be found as well: five times later. */
const lookWeightMin = 0.2;

/**
 * How much a look counts at which a turn was still the same, by the processor time that the process had since the look
 * before: half of the time between them is a whole look. A turn of some milliseconds takes seconds on a machine that
 * gives it none.
 */
export function lookWeight(processorMs: number, tickMs: number): number {
  return Math.min(1, Math.max(lookWeightMin, processorMs / (tickMs / 2)));
}
