/**
 * Keeps the rollback witness of the thread that holds the lease: looks at all heads every few seconds, halts the store when one
 * went back, and writes down what it saw.
 */
import type { StoreClock } from '../store-clock.js';
import type { StoreReport } from '../store-report.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import type { StoredFence } from './fence-text.js';
import { readFences } from './heads-check.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';
import { writeWitness } from './rollback-witness.js';

const lookEveryMs = 2_000;

export interface WitnessKeeperOptions {
  readonly file: string;
  /** `StorePlace.id`. */
  readonly store: string;
  readonly send: SendCommand;
  readonly keys: RedisKeys;
  readonly heads: AcknowledgedHeads;
  readonly partitionCount: number;
  readonly clock: StoreClock;
  readonly report: StoreReport;
}

export class WitnessKeeper {
  readonly #options: WitnessKeeperOptions;
  readonly #partitions: readonly number[];
  #seen: readonly (StoredFence | undefined)[];
  #written = '';
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  /** `seen`: what the file says, which the store was checked against. */
  constructor(options: WitnessKeeperOptions, seen: readonly (StoredFence | undefined)[]) {
    this.#options = options;
    this.#seen = seen;
    this.#partitions = Array.from({ length: options.partitionCount }, (_, partition) => partition);
    this.#lookLater();
  }

  /** Looks once more, so that a clean stop leaves nothing unremembered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#looking;
    await this.#look();
  }

  #lookLater(): void {
    this.#options.clock.after(lookEveryMs, () => {
      if (this.#isStopped) return;
      this.#looking = this.#look().finally(() => {
        if (!this.#isStopped) this.#lookLater();
      });
    });
  }

  /** Without a connection there is nothing to see; the next connection is verified anyway. */
  async #look(): Promise<void> {
    const { send, keys, heads, file, store, report } = this.#options;
    if (heads.halted !== undefined) return;
    try {
      const fences = await readFences(send, keys, this.#partitions);
      for (const [partition, seen] of this.#seen.entries())
        heads.check(partition, seen && { fence: seen.fence, ...seen.head }, fences[partition]);
      if (heads.halted !== undefined) return;
      this.#seen = fences;
      const text = fences.map((stored) => `${stored?.fence.epoch} ${stored?.head.position}`).join();
      if (text === this.#written) return;
      await writeWitness(file, { store, fences });
      this.#written = text;
    } catch (error) {
      report('debug', 'redis-heads-not-seen', { message: String(error) });
    }
  }
}
