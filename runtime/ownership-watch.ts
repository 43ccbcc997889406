/**
 * Asks the store now and then whether the partitions of a shard are still its own. A shard that writes hears it at its next
 * append; an idle one, whose process was paused while another took over, would answer reads from an old memory for ever.
 */
import type { Domain } from './domain.js';
import type { Partition } from './partition.js';

/** As often as a node renews its lease. */
export const ownershipLookEveryMs = 2_000;

export class OwnershipWatch {
  readonly #domain: Domain;
  readonly #onLost: (partition: Partition) => void;
  #isStopped = false;

  /** `onLost` hears of partitions that the shard holds by the same token as when the store was asked. */
  constructor(domain: Domain, onLost: (partition: Partition) => void) {
    this.#domain = domain;
    this.#onLost = onLost;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#domain.clock.after(ownershipLookEveryMs, () => {
      if (!this.#isStopped) void this.#look();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** A store that cannot be asked says nothing about the owner; whoever writes hears that it is away. */
  async #look(): Promise<void> {
    const { ownership } = this.#domain.store;
    const looks = [...this.#domain.owned()].map(async (partition) => {
      if (!(await ownership.renew(partition.number, partition.fence))) this.#lost(partition);
    });
    await Promise.allSettled(looks);
    this.start();
  }

  /** Opened again meanwhile, under a higher epoch of this very shard, it is another object. */
  #lost(partition: Partition): void {
    if (this.#isStopped || this.#domain.partitions[partition.number] !== partition) return;
    this.#onLost(partition);
  }
}
