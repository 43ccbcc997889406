/**
 * Opens a shard's partitions again after a reset, as often as it takes.
 *
 * R1  The epoch is raised before a group that was in flight is looked for: what is not in the log then never will be.
 * R2  After the store would not take data, an empty entry must get through before the shard serves.
 * R3  What no later attempt of this process can mend ends it: a store that went back, that another node has, or that broke.
 */
import { isOperatingError } from '../actors/model/errors.js';
import { StoreFailure } from '../persistence/store-failure.js';
import type { AbandonedGroups } from './commit/abandoned-groups.js';
import type { RefusalReason } from './commit/committer.js';
import { Group } from './commit/group.js';
import type { Domain } from './domain.js';
import type { PartitionOpener } from './partition-opener.js';

const delayMsMin = 50;
const delayMsMax = 5_000;

export interface ReopenerHost {
  /** False when the shard has been stopped meanwhile. */
  isReopening(): boolean;
  /** Work goes into new groups from this number on, and rows into new sweeps. */
  renew(firstGroup: number): void;
  flush(): void;
  /** The partitions are open and nothing is in flight. */
  reopened(): void;
  /** An attempt has failed: what it has read goes, the next one follows. */
  failed(): void;
  giveUp(code: string, cause: unknown): void;
}

/** Why a reset came, the groups it found on their way, in order, and the number after the newest one. */
export interface Reset {
  readonly reason: RefusalReason;
  readonly inFlight: Group[];
  readonly nextGroup: number;
}

export class Reopener {
  readonly #domain: Domain;
  readonly #opener: PartitionOpener;
  readonly #abandoned: AbandonedGroups;
  readonly #host: ReopenerHost;
  #failures = 0;

  constructor(parts: {
    readonly domain: Domain;
    readonly opener: PartitionOpener;
    readonly abandoned: AbandonedGroups;
    readonly host: ReopenerHost;
  }) {
    this.#domain = parts.domain;
    this.#opener = parts.opener;
    this.#abandoned = parts.abandoned;
    this.#host = parts.host;
  }

  /** The newest attempt has failed. */
  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  /** Settles what was in flight as far as it can. Rejects never. */
  async run(reset: Reset): Promise<void> {
    const { inFlight } = reset;
    this.#host.renew(reset.nextGroup);
    try {
      await this.#opener.open();
      if (!this.#host.isReopening()) return;
      await this.#abandoned.settle(inFlight);
      this.#host.flush();
      if (reset.reason === 'storage') await this.#probe(reset.nextGroup);
      this.#failures = 0;
      if (this.#host.isReopening()) this.#host.reopened();
    } catch (cause) {
      this.#onFailure(cause, reset);
    }
  }

  #onFailure(cause: unknown, reset: Reset): void {
    // Nobody may go on from a memory that is newer than the store: a person decides at the next start.
    if (isOperatingError(cause) && cause.code === 'store-went-back')
      return this.#host.giveUp(cause.code, cause);
    // Another node has the store: to take it back would leave that one with a memory that is out of date.
    if (cause instanceof StoreFailure && cause.code === 'store-locked') {
      this.#abandoned.leaveOpen(reset.inFlight);
      this.#host.flush();
      return this.#host.giveUp('fenced', cause);
    }
    // An earlier write failed: what this process reads may not be durable, and no later attempt of its own will do better.
    if (cause instanceof StoreFailure && cause.code === 'store-broken')
      return this.#host.giveUp('outcome-unknown', cause);
    const message = cause instanceof Error ? cause.message : 'not an Error';
    this.#domain.report('error', 'reopen-failed', { message });
    const delay = Math.min(delayMsMax, delayMsMin * 2 ** this.#failures++);
    this.#host.failed();
    this.#domain.clock.after(delay, () => {
      if (this.#host.isReopening()) void this.run(reset);
    });
  }

  /** R2, in a group of its own: turns go on meanwhile, and would send the open one. */
  async #probe(number: number): Promise<void> {
    const [partition] = this.#domain.owned();
    if (partition === undefined) return;
    const probe = new Group(number);
    probe.partitions.push(partition);
    partition.join(partition.timeFor(this.#domain.clock.now(), 0));
    probe.seal();
    const result = await this.#domain.store.journal.append(probe.toAppend(undefined));
    if (result.type !== 'appended') throw new Error(`the store still refuses (${result.type})`);
    partition.durable = partition.assigned;
    partition.durableHash = partition.lastHash;
    this.#host.renew(number + 1);
  }
}
