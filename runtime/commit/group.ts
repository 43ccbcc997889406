/**
 * A group: the work of many commands that is committed together, and what waits for it.
 *
 *     open ──seal──▸ sealed ──append──▸ in flight ──▸ durable | refused
 *
 * Y1  A sealed group never changes; its entries' positions, hashes and bytes are fixed.
 * Y2  Whatever is in `gate` leaves the shard only when the group is durable.
 */

import { type EntryHeader, EntryRoom, hashEntry } from '../../persistence/entry.js';
import type { EntryAppend, EntryIdentity, GroupAppend } from '../../persistence/journal.js';
import type { LinkAnswer, MessageItem } from '../link/link-protocol.js';
import type { Partition, Place, Share } from '../partition.js';

/** Work that waits for a group. One of the two is called, once. */
export interface AfterDurable {
  readonly run: () => void;
  /** The group will never be in the log. */
  readonly refuse: () => void;
}

/** A command id whose outcome this group records. */
export interface KeyedRecord {
  readonly partition: Partition;
  readonly commandId: string;
  readonly position: number;
}

/** Watermarks that become durable with a group. */
export interface ConsumedShare {
  readonly partition: Partition;
  readonly consumed: ReadonlyMap<number, Place>;
}

export interface SealedEntry extends EntryAppend {
  readonly owner: Partition;
}

export class Group {
  readonly number: number;
  readonly partitions: Partition[] = [];
  /** Answers held until the group is durable. */
  readonly gate: LinkAnswer[] = [];
  /** Messages to partitions of other shards. */
  readonly remote: MessageItem[] = [];
  readonly keyed: KeyedRecord[] = [];
  /** Row slices that hold its events, reads of the journal. */
  readonly afterDurable: AfterDurable[] = [];
  commandCount = 0;
  eventCount = 0;
  byteCount = 0;
  entries: readonly SealedEntry[] = [];
  consumed: readonly ConsumedShare[] = [];
  /** Monotonic ms of the first sending. */
  sentAt = 0;
  sentCount = 0;

  constructor(number: number) {
    this.number = number;
  }

  get isEmpty(): boolean {
    return this.partitions.length === 0;
  }

  /** Fixes the entries; the partitions' shares are taken. */
  seal(): void {
    const headers = this.#headers();
    const { partitions } = this;
    let byteCount = 0;
    for (const [index, header] of headers.entries())
      byteCount += partitions[index]?.writer.entryBytes(header) ?? 0;
    const room = new EntryRoom(byteCount);
    const entries: SealedEntry[] = [];
    const consumed: ConsumedShare[] = [];
    for (const [index, header] of headers.entries()) {
      const partition = partitions[index] as Partition;
      const share = partition.share as Share;
      const bytes = partition.writer.finish(header, room);
      const hash = hashEntry(bytes);
      entries.push({
        owner: partition,
        partition: partition.number,
        position: share.position,
        fence: partition.fence,
        bytes,
        hash,
        previousHash: partition.lastHash,
      });
      if (share.consumed.size > 0) consumed.push({ partition, consumed: share.consumed });
      partition.lastHash = hash;
      partition.share = undefined;
    }
    this.entries = entries;
    this.consumed = consumed;
  }

  #headers(): EntryHeader[] {
    const all = this.partitions.map(({ number, share }) => ({
      partition: number,
      position: share?.position ?? 0,
    }));
    return this.partitions.map((partition) => {
      const { number, share } = partition;
      if (share === undefined) throw new Error('invariant: a partition of an open group has a share');
      return {
        partition: number,
        epoch: partition.fence.epoch,
        position: share.position,
        previousHash: partition.lastHash,
        time: share.time,
        group: this.number,
        siblings: all.filter((sibling) => sibling.partition !== number),
        watermarks: Array.from(share.consumed, ([source, place]) => ({ source, ...place })),
      };
    });
  }

  identities(): EntryIdentity[] {
    return this.entries.map(({ partition, position, hash }) => ({ partition, position, hash }));
  }

  /** The append of this group behind `predecessor` (the group in flight before it, if any). */
  toAppend(predecessor: Group | undefined): GroupAppend {
    return { entries: this.entries, after: predecessor === undefined ? [] : predecessor.identities() };
  }
}
