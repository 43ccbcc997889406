/**
 * Asks the store now and then whether the partitions of a shard are still its own. A shard that writes hears it at its next
 * append; an idle one, whose process was paused while another took over, would answer reads from an old memory for ever, and
 * so would one whose store went back. One whose store is on another server now takes them again, so that it reads what is there.
 */
import { isOperatingError } from '../actors/model/errors.js';
import type { RefusalReason } from './commit/committer.js';
import type { Domain } from './domain.js';
import type { Partition } from './partition.js';
import { RecurringLook } from './recurring-look.js';

/** As often as a node renews its lease. */
export const ownershipLookEveryMs = 2_000;

export class OwnershipWatch {
  readonly #domain: Domain;
  readonly #onLost: (reason: RefusalReason, detail: string) => void;
  readonly looks: RecurringLook;

  /** `onLost` hears of partitions that the shard holds by the same token as when the store was asked. */
  constructor(domain: Domain, onLost: (reason: RefusalReason, detail: string) => void) {
    this.#domain = domain;
    this.#onLost = onLost;
    this.looks = new RecurringLook(domain.clock, ownershipLookEveryMs, () =>
      Promise.all([...domain.owned()].map((partition) => this.#lookAt(partition))),
    );
  }

  async #lookAt(partition: Partition): Promise<void> {
    const { number, fence } = partition;
    try {
      const standing = await this.#domain.store.ownership.renew(number, fence);
      if (standing === 'lost') this.#lost(partition, 'fenced', `another owner has taken partition ${number}`);
      else if (standing === 'elsewhere')
        this.#lost(partition, 'conflict', `partition ${number} was taken on another server of the store`);
    } catch (cause) {
      // A store that cannot be asked says nothing about the owner; whoever writes hears that it is away.
      if (isOperatingError(cause) && cause.code === 'store-went-back')
        this.#lost(partition, 'storage', cause.message);
    }
  }

  /** Opened again meanwhile, under a higher epoch of this very shard, it is another object. */
  #lost(partition: Partition, reason: RefusalReason, detail: string): void {
    if (this.looks.isStopped || this.#domain.partitions[partition.number] !== partition) return;
    this.#onLost(reason, detail);
  }
}
