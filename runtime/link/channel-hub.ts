/**
 * The receiving ends of the channels into this shard's partitions: one queue per pair of partitions.
 *
 * H1  Messages of one channel are consumed in their order, each once: what is not after the newest place queued is a
 *     redelivery and dropped.
 * H2  A message whose actor is still loading holds its channel, not the others.
 */
import { partitionOf } from '../../actors/model/address.js';
import type { Domain } from '../domain.js';
import { beforeAll } from '../partition.js';
import type { MessageItem } from './link-protocol.js';

export interface Channel {
  readonly source: number;
  readonly destination: number;
  readonly queue: MessageItem[];
  /** Index of the next message in `queue`; the consumed front is cut off now and then. */
  next: number;
  /** Newest place queued; moved on in place. */
  readonly newest: { position: number; ordinal: number };
  isListed: boolean;
  isHeld: boolean;
}

const cutAt = 1_024;

export class ChannelHub {
  readonly #domain: Domain;
  readonly #channels = new Map<number, Channel>();
  #ready: Channel[] = [];
  #readyNext = 0;
  /** Messages queued and not yet taken. */
  depth = 0;

  constructor(domain: Domain) {
    this.#domain = domain;
  }

  /** False for a redelivery, which is dropped. */
  deliver(item: MessageItem): boolean {
    const channel = this.#channel(item[1], partitionOf(item[8], this.#domain.partitionCount));
    const [, , position, ordinal] = item;
    const { newest } = channel;
    if (position < newest.position || (position === newest.position && ordinal <= newest.ordinal))
      return false;
    newest.position = position;
    newest.ordinal = ordinal;
    channel.queue.push(item);
    this.depth++;
    this.#list(channel);
    return true;
  }

  /** The channel whose next message may run, or undefined. It stays first until `taken` or `hold`. */
  peek(): Channel | undefined {
    return this.#ready[this.#readyNext];
  }

  /** The first channel's message is consumed; the channel goes behind the others. */
  taken(channel: Channel): void {
    this.depth--;
    channel.next++;
    if (channel.next === channel.queue.length) {
      channel.queue.length = 0;
      channel.next = 0;
    } else if (channel.next >= cutAt) {
      channel.queue.splice(0, channel.next);
      channel.next = 0;
    }
    this.#unlist(channel);
    this.#list(channel);
  }

  /** The first channel waits for an actor; `release` lists it again. */
  hold(channel: Channel): void {
    channel.isHeld = true;
    this.#unlist(channel);
  }

  release(channel: Channel): void {
    channel.isHeld = false;
    this.#list(channel);
  }

  clear(): void {
    this.#channels.clear();
    this.#ready = [];
    this.#readyNext = 0;
    this.depth = 0;
  }

  #channel(source: number, destination: number): Channel {
    const key = source * this.#domain.partitionCount + destination;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = {
        source,
        destination,
        queue: [],
        next: 0,
        newest: { ...(this.#domain.partitions[destination]?.consumed.get(source) ?? beforeAll) },
        isListed: false,
        isHeld: false,
      };
      this.#channels.set(key, channel);
    }
    return channel;
  }

  #list(channel: Channel): void {
    if (channel.isListed || channel.isHeld || channel.next >= channel.queue.length) return;
    channel.isListed = true;
    this.#ready.push(channel);
  }

  #unlist(channel: Channel): void {
    channel.isListed = false;
    this.#readyNext++;
    if (this.#readyNext >= cutAt) {
      this.#ready.splice(0, this.#readyNext);
      this.#readyNext = 0;
    }
  }
}
