/**
 * Keeps the rollback witness of the thread that holds the lease: looks at all heads every few seconds, halts the store when one
 * went back, and writes down what it saw.
 */
import type { StoreClock } from '../store-clock.js';
import type { StoreReport } from '../store-report.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { readFences } from './heads-check.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';
import { forgetFindings, readWitness, writeWitness } from './rollback-witness.js';

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
  #written = '';
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  private constructor(options: WitnessKeeperOptions) {
    this.#options = options;
    this.#partitions = Array.from({ length: options.partitionCount }, (_, partition) => partition);
  }

  /** Resolves when the file is there. The store was checked against what it said before, and no other thread has opened it yet. */
  static async start(options: WitnessKeeperOptions): Promise<WitnessKeeper> {
    const keeper = new WitnessKeeper(options);
    await keeper.#look();
    // What they say is in the file by now.
    if (keeper.#written !== '') forgetFindings(options.file);
    keeper.#lookLater();
    return keeper;
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
      // The files, because a thread that knew more may have written one.
      for (const [partition, seen] of readWitness(file)?.fences.entries() ?? [])
        heads.check(partition, seen && { fence: seen.fence, ...seen.head }, fences[partition]);
      if (heads.halted !== undefined) return;
      const text = fences.map((stored) => `${stored?.fence.epoch} ${stored?.head.position}`).join();
      if (text === this.#written) return;
      await writeWitness(file, { store, fences });
      this.#written = text;
    } catch (error) {
      report('debug', 'redis-heads-not-seen', { message: String(error) });
    }
  }
}
