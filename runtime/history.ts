/**
 * An actor's own history, walked back along its records: each names the position of the entry before it that holds
 * events of the same actor, so no index is needed.
 */

import { placementHash } from '../actors/model/address.js';
import type { RecordedEvent } from '../actors/model/call.js';
import { OperatingError } from '../actors/model/errors.js';
import { actorHash, type EntryReader } from '../persistence/entry.js';
import { causeId, eventCount, type StoredRecord } from './commit/record.js';
import { readRecord } from './commit/record-reader.js';
import { type EntrySource, fetchBytesMax } from './entry-source.js';
import type { Kind, KindTable } from './kind-table.js';

/** A record with where it stands. */
export interface PlacedRecord {
  readonly record: StoredRecord;
  readonly position: number;
  /** Index of the record in its entry. */
  readonly index: number;
  /** Unix ms. */
  readonly at: number;
}

export interface ActorName {
  readonly kind: Kind;
  readonly id: string;
  readonly partition: number;
}

/** The actor's records with events in one entry, in order. */
export function recordsOf(reader: EntryReader, actor: ActorName): PlacedRecord[] {
  const placement = placementHash(actor.id);
  const hash = actorHash(actor.kind.name, actor.id);
  const records: PlacedRecord[] = [];
  for (let index = 0; index < reader.recordCount; index++) {
    if (!reader.isOf(index, placement, hash)) continue;
    const record = readRecord(reader, index);
    if (record[0] !== actor.kind.schemaId || record[1] !== actor.id || record[8] === 0) continue;
    records.push({ record, position: reader.position, index, at: reader.time + record[4] });
  }
  return records;
}

/** Entries after which a long walk lets other work in: reading them takes a shard about a millisecond. */
const entriesPerStretch = 128;
/** An entry that holds an actor's events no further than this below the one before is fetched with those below it: a store across a network answers once for many. */
const denseGapMax = 8;
const fetchedBelow = 63;

/**
 * Walks back from the entry at `from`, giving each entry's records (in their order) to `visit` until it says stop or
 * the history ends. `rest` lets other work in; without it a walk that finds everything in memory never does. Throws
 * `journal-gap` when an entry that should hold events of the actor holds none.
 */
export async function walkBack(
  source: EntrySource,
  actor: ActorName,
  from: number,
  visit: (records: readonly PlacedRecord[]) => 'on' | 'stop',
  rest?: () => Promise<void>,
): Promise<void> {
  let position = from;
  let below = 0;
  for (let count = 1; position > 0; count++) {
    if (rest !== undefined && count % entriesPerStretch === 0) await rest();
    const reader = await source.read(actor.partition, position, below);
    const records = recordsOf(reader, actor);
    const first = records[0];
    if (first === undefined) {
      throw new OperatingError(
        'journal-gap',
        `The entry at position ${position} of partition ${actor.partition} lacks the events that it should hold.`,
      );
    }
    if (visit(records) === 'stop') return;
    const next = first.record[3];
    // By the size of this one: a chunk that is cut off before its newest entry is of no use.
    const fitting = Math.floor(fetchBytesMax / reader.byteCount) - 1;
    below = position - next <= denseGapMax ? Math.max(0, Math.min(fetchedBelow, fitting)) : 0;
    position = next;
  }
}

/** The events of one record as history shows them. Throws `schema-unknown` where the kind has one of them no more. */
export function recordedEvents(kinds: KindTable, actor: ActorName, placed: PlacedRecord): RecordedEvent[] {
  const count = eventCount(placed.record);
  return Array.from({ length: count }, (_, index) => recordedEvent(kinds, actor, placed, index));
}

/** One event of a record that has so many; the others need not be known any more. */
export function recordedEvent(
  kinds: KindTable,
  actor: ActorName,
  { record, position, index, at }: PlacedRecord,
  eventIndex: number,
): RecordedEvent {
  const stored = record[8] as readonly unknown[];
  const [correlationId, causationId, principal] = record[6];
  const cause = causeId(record);
  const { present } = actor.kind.definition;
  const schemaId = stored[eventIndex * 2] as number;
  const fields = stored[eventIndex * 2 + 1] as readonly unknown[];
  const { entry, data } = kinds.event(actor.kind, schemaId, fields);
  const place = `${actor.partition}-${position}-${index}-${eventIndex}`;
  return {
    eventId: `e${place}`,
    type: entry.name,
    aggregateId: actor.id,
    aggregateType: actor.kind.name,
    streamVersion: record[2] + eventIndex + 1,
    schemaVersion: kinds.catalogue.entry(schemaId).version,
    data: present === undefined ? data : present(actor.id, entry.name, data),
    correlationId: correlationId === 0 ? cause : correlationId,
    causationId: causationId === 0 ? cause : causationId,
    principal,
    at,
    position: place,
  };
}
