/**
 * Opens the partitions of a shard: at its start, and again after a reset.
 *
 * B4  Every actor that the tail changes, a timer stands for or a message from within the shard is on its way to is of a
 *     kind that the modules define, else nothing is opened: such a timer would never fire, such a message stop its
 *     channel for ever. What other shards have consumed is not known yet: a message to one of theirs is reported there.
 */
import type { FilterGenerations } from './deduplication/filter-generations.js';
import { readOutbox } from './derive/outbox-reader.js';
import { recoverPartition } from './derive/recovery.js';
import type { Domain } from './domain.js';
import type { EntrySource } from './entry-source.js';
import type { ChannelHub } from './link/channel-hub.js';
import { itemOpened, type OpenedItem } from './link/link-protocol.js';
import { beforeAll, noteConsumed, type Partition, type Place } from './partition.js';
import type { TimerDesk } from './timer/timer-desk.js';

export class PartitionOpener {
  readonly #domain: Domain;
  readonly #owned: readonly number[];
  readonly #entries: EntrySource;
  readonly #timers: TimerDesk;
  readonly #filter: FilterGenerations;
  readonly #hub: ChannelHub;
  readonly #sendToOthers: (item: OpenedItem) => void;

  constructor(parts: {
    readonly domain: Domain;
    /** Numbers of the partitions to own. */
    readonly owned: readonly number[];
    readonly entries: EntrySource;
    readonly timers: TimerDesk;
    readonly filter: FilterGenerations;
    readonly hub: ChannelHub;
    readonly sendToOthers: (item: OpenedItem) => void;
  }) {
    this.#domain = parts.domain;
    this.#owned = parts.owned;
    this.#entries = parts.entries;
    this.#timers = parts.timers;
    this.#filter = parts.filter;
    this.#hub = parts.hub;
    this.#sendToOthers = parts.sendToOthers;
  }

  /** Takes and recovers the partitions, one after another; what they sent each other is queued again. */
  async open(): Promise<void> {
    const nonce = Buffer.from(this.#domain.random.bytes(12)).toString('base64url');
    for (const number of this.#owned) {
      const { partition } = await recoverPartition(this.#domain, number, nonce, {
        timers: this.#timers,
        entries: this.#entries,
        filter: this.#filter,
      });
      for (const { kindSchemaId, id } of partition.unswept.values())
        this.#refuseMissing(kindSchemaId, `events of actor ${id}`);
      this.#domain.partitions[number] = partition;
    }
    for (const { kindSchemaId, id, name } of this.#timers.values())
      this.#refuseMissing(kindSchemaId, `the timer ${name} of actor ${id}`);
    await this.#redeliver();
  }

  /** Throws when no module defines the kind (B4). */
  #refuseMissing(kindSchemaId: number, what: string): void {
    const { kinds } = this.#domain;
    if (kinds.numbered(kindSchemaId) !== undefined) return;
    const { kind } = kinds.catalogue.entry(kindSchemaId);
    throw new Error(
      `The journal holds ${what} of kind "${kind}", which no module defines: start with the module that does.`,
    );
  }

  /** Gives every message that an owned partition sent to an owned one and that is not consumed; tells the others. */
  async #redeliver(): Promise<void> {
    for (const source of this.#domain.owned()) {
      const consumed = new Map<number, Place>();
      for (const destination of this.#domain.owned()) {
        const place = destination.consumed.get(source.number) ?? beforeAll;
        noteConsumed(source, destination.number, place);
        consumed.set(destination.number, place);
      }
      await readOutbox(this.#entries, source, this.#domain.partitionCount, consumed, {
        give: (item) => {
          this.#refuseMissing(item[7], `a message to actor ${item[8]}`);
          this.#hub.deliver(item);
          return 'on';
        },
        atEnd: () => undefined,
      });
    }
    for (const partition of this.#domain.owned()) this.#announce(partition);
  }

  /** Tells the filter what the stored segments hold, while the shard serves. */
  async coverSegments(): Promise<void> {
    try {
      for (const partition of this.#domain.owned()) await partition.ledger.cover();
    } catch (cause) {
      // Looks go on searching the segments themselves.
      this.#domain.report('warn', 'segments-not-covered', { message: String(cause) });
    }
  }

  #announce(partition: Partition): void {
    const places = Array.from(
      partition.consumed,
      ([source, { position, ordinal }]) => [source, position, ordinal] as const,
    );
    this.#sendToOthers([itemOpened, partition.number, partition.fence.epoch, places]);
  }
}
