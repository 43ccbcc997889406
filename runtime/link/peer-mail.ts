/**
 * What a shard hears from the others: messages for its partitions, how far its own were consumed, and which partitions have
 * opened.
 *
 * P1  A message names the epoch of its destination. What was sent before the sender heard of this opening comes again; what
 *     comes after is kept even while the shard is not open yet, for the sender goes on from there.
 * P2  Announcements are kept: a shard may hear of its peers before it knows its own log, and again after every reset.
 */
import type { Domain } from '../domain.js';
import { noteConsumed } from '../partition.js';
import type { ChannelHub } from './channel-hub.js';
import {
  type ConsumedItem,
  itemConsumed,
  type OpenedItem,
  type RemoteItem,
  type ShardItem,
} from './link-protocol.js';
import type { OutboundRoutes } from './outbound-routes.js';

export class PeerMail {
  readonly #domain: Domain;
  readonly #hub: ChannelHub;
  readonly #routes: OutboundRoutes;
  readonly #sendTo: (partition: number, item: ShardItem) => void;
  /** The newest announcement of each partition of other shards. */
  readonly #announced = new Map<number, OpenedItem>();

  constructor(parts: {
    readonly domain: Domain;
    readonly hub: ChannelHub;
    readonly routes: OutboundRoutes;
    readonly sendTo: (partition: number, item: ShardItem) => void;
  }) {
    this.#domain = parts.domain;
    this.#hub = parts.hub;
    this.#routes = parts.routes;
    this.#sendTo = parts.sendTo;
  }

  message([, epoch, message]: RemoteItem): void {
    const partition = this.#domain.partitionFor(message[8]);
    if (partition?.fence.epoch !== epoch || this.#hub.deliver(message)) return;
    // A sender that was reset begins where this partition was when it opened. It waits for what it has sent again to be
    // consumed before it sends more, and nothing else would tell it that this has happened long ago.
    const [, source] = message;
    const place = partition.consumedDurable.get(source);
    if (place !== undefined)
      this.#sendTo(source, [itemConsumed, source, partition.number, place.position, place.ordinal]);
  }

  consumed([, source, destination, position, ordinal]: ConsumedItem): void {
    const partition = this.#domain.partitions[source];
    if (partition === undefined) return;
    noteConsumed(partition, destination, { position, ordinal });
    this.#routes.consumed(source, destination, { position, ordinal });
  }

  /** `isServing`: the shard knows its own log. */
  opened(item: OpenedItem, isServing: boolean): void {
    this.#announced.set(item[1], item);
    if (isServing) this.#routes.opened(item);
  }

  /** The shard knows its own log now: what it owes to each partition that has opened can be found there. */
  beginRoutes(): void {
    for (const item of this.#announced.values()) this.#routes.opened(item);
  }
}
