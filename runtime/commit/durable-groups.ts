/**
 * Groups that are in the log, in the order of their numbers: what a shard knows of its partitions, channels and command
 * ids is moved on to them.
 *
 * K1  Senders are told of a place consumed only when the group that consumed it is durable.
 * K2  From the group on that records its outcome a command id is answered from the log.
 */
import { observe } from '../counters.js';
import type { Domain } from '../domain.js';
import { type ConsumedItem, itemConsumed } from '../link/link-protocol.js';
import { noteConsumed } from '../partition.js';
import type { Group } from './group.js';

export interface DurableGroupsHost {
  /** Gives an item to the shard of a partition. */
  sendTo(partition: number, item: ConsumedItem): void;
}

/** Who runs commands. */
export interface SettledCommands {
  /** The command's outcome is in the log. */
  settled(commandId: string): void;
}

export class DurableGroups {
  readonly #domain: Domain;
  readonly #calls: SettledCommands;
  readonly #host: DurableGroupsHost;

  constructor(domain: Domain, calls: SettledCommands, host: DurableGroupsHost) {
    this.#domain = domain;
    this.#calls = calls;
    this.#host = host;
  }

  /** `latencyMs` lies between the sending of the group and its answer. */
  note(group: Group, latencyMs: number): void {
    const { counters } = this.#domain;
    counters.groups++;
    counters.entries += group.entries.length;
    counters.events += group.eventCount;
    observe(counters.commit, latencyMs);
    for (const entry of group.entries) {
      entry.owner.durable = entry.position;
      entry.owner.durableHash = entry.hash;
      counters.entryBytes += entry.bytes.length;
    }
    for (const { partition, consumed } of group.consumed) {
      for (const [source, place] of consumed) {
        partition.consumedDurable.set(source, place);
        const owner = this.#domain.partitions[source];
        if (owner !== undefined) noteConsumed(owner, partition.number, place);
        else
          this.#host.sendTo(source, [itemConsumed, source, partition.number, place.position, place.ordinal]);
      }
    }
    for (const { partition, commandId, position } of group.keyed) {
      partition.ledger.note(commandId, position, this.#domain.now);
      this.#calls.settled(commandId);
    }
  }
}
