/**
 * Turns the logs of a store into those of a store with another number of partitions. Pure: entries in, groups to append out.
 *
 *     old entries, merged by time ─▸ each record to the partition of its actor ─▸ fillers ─▸ one watermark entry each ─▸ messages
 *                                                                                                            that were under way
 *
 * What stays: every actor's records with events, versions, times, timers, command ids and recorded outcomes, in order; causes and
 * trails, which name the places of the old store.
 * What is made anew: positions, and with them event ids; which record of an actor comes before which; channels.
 *
 * X1  An actor's records come from one old log, in its order, so its versions stay contiguous.
 * X2  Time never runs back in a new log: old entries are taken in the order of time.
 * X3  Channels begin again: everything sent so far counts as consumed, and what was not consumed by its receiver is sent once
 *     more, after that, in its old order per channel.
 * X4  No message is ever given an id that a message of the old store had: a log grows past the old position of its number before
 *     anything new is sent.
 */
import { partitionOf, placementHash } from '../../actors/model/address.js';
import { pack } from '../../actors/model/codec.js';
import {
  actorHash,
  type EntryReader,
  EntryWriter,
  hashEntry,
  noHash,
  type Watermark,
} from '../../persistence/entry.js';
import type { EntryAppend, Fence, GroupAppend, Head } from '../../persistence/journal.js';
import {
  causeCommand,
  causeId,
  eventCount,
  forEachMessage,
  type StoredMessage,
  type StoredRecord,
} from '../commit/record.js';
import { readRecords } from '../commit/record-reader.js';
import { isBefore, type Place } from '../partition.js';
import type { SchemaCatalogue } from '../schema-catalogue.js';

export interface RepartitionerParts {
  readonly catalogue: SchemaCatalogue;
  /** Head positions of the old logs, by partition. */
  readonly oldHeads: readonly number[];
  /** Per old receiver: how far it had consumed each source. */
  readonly consumed: readonly ReadonlyMap<number, Place>[];
  /** Tokens of the new partitions, which are empty. */
  readonly fences: readonly Fence[];
}

/** Newest entry with events of an actor, and its version after it. */
interface Trace {
  position: number;
  version: number;
}

/** A message that its receiver had not consumed. */
interface UnderWay {
  readonly record: StoredRecord;
  readonly message: StoredMessage;
}

/** After everything of a source's history; ordinals are 32 bits. */
const ordinalMax = 0xffff_ffff;
const messagesPerEntry = 64;

export class Repartitioner {
  readonly #parts: RepartitionerParts;
  readonly #heads: Head[];
  readonly #writers: EntryWriter[];
  readonly #traces = new Map<string, Trace>();
  readonly #underWay: UnderWay[] = [];
  #time = 0;
  #group = 0;

  constructor(parts: RepartitionerParts) {
    this.#parts = parts;
    this.#heads = parts.fences.map(() => ({ position: 0, hash: noHash }));
    this.#writers = parts.fences.map(() => new EntryWriter());
  }

  /** Messages found under way so far. */
  get underWayCount(): number {
    return this.#underWay.length;
  }

  /** The group with the records of an old entry. Entries of one partition come in order, those of all in the order of time. */
  convert(reader: EntryReader): GroupAppend {
    this.#time = Math.max(this.#time, reader.time);
    const touched = new Set<number>();
    for (const record of readRecords(reader)) {
      const partition = partitionOf(record[1], this.#heads.length);
      touched.add(partition);
      this.#noteUnderWay(reader, record);
      this.#add(partition, this.#placed(record, partition));
    }
    return this.#seal([...touched], reader.time);
  }

  /** What comes after the last old entry (X3, X4). */
  *ending(): Generator<GroupAppend> {
    for (;;) {
      const short = this.#heads.flatMap(({ position }, partition) =>
        position < (this.#parts.oldHeads[partition] ?? 0) ? [partition] : [],
      );
      if (short.length === 0) break;
      yield this.#seal(short, this.#time);
    }
    const watermarks = this.#heads.map(({ position }, source): Watermark => {
      return { source, position, ordinal: ordinalMax };
    });
    const all = this.#heads.map((_, partition) => partition);
    yield this.#seal(
      all,
      this.#time,
      watermarks.filter(({ position }) => position > 0),
    );
    for (let at = 0; at < this.#underWay.length; at += messagesPerEntry)
      yield this.#carry(this.#underWay.slice(at, at + messagesPerEntry));
  }

  /** Each message in a record of its sender that says nothing else; its id is new, its cause the old one. */
  #carry(messages: readonly UnderWay[]): GroupAppend {
    const counts = new Map<number, number>();
    for (const { record, message } of messages) {
      const [kind, id, , , , , trail] = record;
      const partition = partitionOf(id, this.#heads.length);
      const ordinal = counts.get(partition) ?? 0;
      counts.set(partition, ordinal + 1);
      const trace = this.#traces.get(`${kind}/${id}`);
      const cause = causeId(record);
      const carrier: StoredRecord = [
        ...([kind, id, trace?.version ?? 0, trace?.position ?? 0, 0] as const),
        [causeCommand, cause, 0],
        [trail[0] === 0 ? cause : trail[0], trail[1], trail[2], trail[3]],
        ...([0, 0, [ordinal, message], 0] as const),
      ];
      this.#add(partition, carrier);
    }
    return this.#seal([...counts.keys()], this.#time);
  }

  #noteUnderWay(reader: EntryReader, record: StoredRecord): void {
    const { oldHeads, consumed } = this.#parts;
    forEachMessage(record, (ordinal, message) => {
      const receiver = partitionOf(message[1], oldHeads.length);
      const place = consumed[receiver]?.get(reader.partition);
      const sent = { position: reader.position, ordinal };
      if (place === undefined || isBefore(place, sent)) this.#underWay.push({ record, message });
    });
  }

  /** The record with the position that the actor's events before it have in the new log. */
  #placed(record: StoredRecord, partition: number): StoredRecord {
    const key = `${record[0]}/${record[1]}`;
    const trace = this.#traces.get(key);
    const placed = record.with(3, trace?.position ?? 0) as unknown as StoredRecord;
    const events = eventCount(record);
    const position = (this.#heads[partition] as Head).position + 1;
    if (trace === undefined) {
      if (events > 0) this.#traces.set(key, { position, version: record[2] + events });
    } else if (events > 0) {
      trace.position = position;
      trace.version = record[2] + events;
    }
    return placed;
  }

  #add(partition: number, record: StoredRecord): void {
    const [kind, id] = record;
    const name = this.#parts.catalogue.entry(kind).kind;
    this.#writers[partition]?.add(placementHash(id), actorHash(name, id), pack(record));
  }

  #seal(partitions: readonly number[], time: number, watermarks: readonly Watermark[] = []): GroupAppend {
    const group = ++this.#group;
    const siblings = partitions.map((partition) => ({
      partition,
      position: (this.#heads[partition] as Head).position + 1,
    }));
    const entries = siblings.map(({ partition, position }): EntryAppend => {
      const { hash: previousHash } = this.#heads[partition] as Head;
      const fence = this.#parts.fences[partition] as Fence;
      const others = siblings.filter((sibling) => sibling.partition !== partition);
      const header = { partition, epoch: fence.epoch, position, previousHash, time, group };
      const writer = this.#writers[partition] as EntryWriter;
      const bytes = writer.finish({ ...header, siblings: others, watermarks });
      const hash = hashEntry(bytes);
      this.#heads[partition] = { position, hash };
      return { partition, position, fence, bytes, hash, previousHash };
    });
    return { entries, after: [] };
  }
}
