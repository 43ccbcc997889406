/**
 * One partition as its owner sees it: where its log ends, what it has consumed from others, what its tables still lack.
 *
 * P1  `assigned` is the position of the newest entry given out, `durable` that of the newest known flushed; the open
 *     group's share takes `assigned` when the partition joins the group.
 * P2  `now` never runs back: it is at least the time of the newest entry and of every message consumed.
 */

import { EntryWriter, noHash } from '../persistence/entry.js';
import type { EntryHash, Fence, Head } from '../persistence/journal.js';
import type { Checkpoint } from '../persistence/tables.js';
import type { OutcomeLedger } from './deduplication/outcome-ledger.js';
import { LetterBox } from './letters/letter-box.js';

/** A place in a channel: messages are numbered by the entry that holds them and their ordinal in it. */
export interface Place {
  readonly position: number;
  readonly ordinal: number;
}

/** What one partition adds to the open group. */
export interface Share {
  readonly position: number;
  /** Time of the entry: that of its first record. */
  readonly time: number;
  /** Messages sent so far: the next message's ordinal. */
  messageCount: number;
  /** Newest place consumed per source in this entry; moved on in place while the share is open. */
  readonly consumed: Map<number, { position: number; ordinal: number }>;
}

export class Partition {
  readonly number: number;
  readonly fence: Fence;
  readonly writer = new EntryWriter();
  assigned: number;
  durable: number;
  /** Hash of the newest sealed entry. */
  lastHash: EntryHash;
  /** Hash of the newest durable entry. */
  durableHash: EntryHash;
  lastTime = 0;
  share: Share | undefined;
  /** Newest place consumed per source, open and undurable shares included. */
  readonly consumed = new Map<number, Place>();
  /** The same, durable only: what senders are told. */
  readonly consumedDurable = new Map<number, Place>();
  /** Per destination: where the oldest message lies that it has not durably consumed. */
  readonly outboxes = new Map<number, Outbox>();
  checkpoint: Checkpoint;
  /** After a recovery: actors with events after the checkpoint that are not loaded yet → position of their newest entry. */
  readonly unswept = new Map<string, Unswept>();
  readonly ledger: OutcomeLedger;
  /** Keys of timer rows that the tables lack or hold too much → whether they may hold one now. */
  readonly dirtyTimers = new Map<string, boolean>();
  readonly letters = new LetterBox();

  constructor(options: {
    readonly number: number;
    readonly fence: Fence;
    readonly head: Head;
    readonly checkpoint: Checkpoint;
    readonly ledger: OutcomeLedger;
  }) {
    this.number = options.number;
    this.fence = options.fence;
    this.assigned = options.head.position;
    this.durable = options.head.position;
    this.lastHash = options.head.position === 0 ? noHash : options.head.hash;
    this.durableHash = this.lastHash;
    this.checkpoint = options.checkpoint;
    this.ledger = options.ledger;
  }

  /** The time for a command: the clock, unless the partition or the command's cause has already seen a later one (P2). */
  timeFor(now: number, causeTime: number): number {
    this.lastTime = Math.max(now, this.lastTime, causeTime);
    return this.lastTime;
  }

  /** Joins the open group if it has not yet. */
  join(time: number): Share {
    this.share ??= { position: ++this.assigned, time, messageCount: 0, consumed: new Map() };
    return this.share;
  }

  /** Marks a place of `source` consumed by the open share. Places of one source only rise. */
  consume(source: number, position: number, ordinal: number): void {
    const place = this.share?.consumed.get(source);
    if (place !== undefined) {
      // The share's own: nobody else reads it before the group is sealed, and then it no longer changes.
      place.position = position;
      place.ordinal = ordinal;
      return;
    }
    const first = { position, ordinal };
    this.consumed.set(source, first);
    this.share?.consumed.set(source, first);
  }

  /** Entries that the tables lack. */
  get tableLag(): number {
    return this.durable - this.checkpoint.position;
  }
}

/** An actor found in the tail at recovery, not loaded yet. */
export interface Unswept {
  readonly kindSchemaId: number;
  readonly id: string;
  lastPosition: number;
}

/** True when `left` lies before `right` in its channel. */
export function isBefore(left: Place, right: Place): boolean {
  return left.position < right.position || (left.position === right.position && left.ordinal < right.ordinal);
}

/** The sending end of a channel: what the destination may still have to be given after a crash. */
export interface Outbox {
  /** Newest place sent; moved on in place. */
  readonly sent: { position: number; ordinal: number };
  /** Newest place that the destination has durably consumed. */
  consumed: Place;
  /** A position at or before that of the oldest message not consumed; meaningless when everything is. */
  oldest: number;
}

export const beforeAll: Place = { position: 0, ordinal: 0 };

/** Lowest position that must still be readable for redelivery; `Infinity` when nothing is outstanding. */
export function outboxFrom(partition: Partition): number {
  let from = Number.POSITIVE_INFINITY;
  for (const outbox of partition.outboxes.values()) {
    if (isBefore(outbox.consumed, outbox.sent)) from = Math.min(from, outbox.oldest);
  }
  return from;
}

/** Notes a message sent to a destination. */
export function noteSent(partition: Partition, destination: number, position: number, ordinal: number): void {
  const outbox = partition.outboxes.get(destination);
  if (outbox === undefined) {
    partition.outboxes.set(destination, {
      sent: { position, ordinal },
      consumed: beforeAll,
      oldest: position,
    });
    return;
  }
  if (!isBefore(outbox.consumed, outbox.sent)) outbox.oldest = position;
  outbox.sent.position = position;
  outbox.sent.ordinal = ordinal;
}

/** Notes how far a destination has durably consumed. */
export function noteConsumed(partition: Partition, destination: number, place: Place): void {
  const outbox = partition.outboxes.get(destination);
  if (outbox === undefined || !isBefore(outbox.consumed, place)) return;
  outbox.consumed = place;
  outbox.oldest = Math.max(outbox.oldest, place.position);
}
