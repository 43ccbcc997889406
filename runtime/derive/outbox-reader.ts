/**
 * Reads from the log what a partition has sent and its destinations have not consumed: after a recovery, when a
 * destination was reopened elsewhere, and for what did not fit into memory.
 */
import { partitionOf } from '../../actors/model/address.js';
import type { EntryReader } from '../../persistence/entry.js';
import {
  causeId,
  forEachMessage,
  onwardTrail,
  type StoredMessage,
  type StoredRecord,
} from '../commit/record.js';
import { readRecord } from '../commit/record-reader.js';
import type { EntrySource } from '../entry-source.js';
import { itemMessage, type MessageItem } from '../link/link-protocol.js';
import { isBefore, type Partition, type Place } from '../partition.js';

/** What one destination has consumed; everything after it is read. */
export type ConsumedPlaces = ReadonlyMap<number, Place>;

export interface OutboxVisitor {
  readonly give: (item: MessageItem) => 'on' | 'stop';
  /** Everything durable has been given. Called in the same step in which that was seen, so nothing slips in between. */
  readonly atEnd: () => void;
}

/** Gives the durable messages to those destinations that lie after their places, in order of the log. */
export async function readOutbox(
  entries: EntrySource,
  partition: Partition,
  partitionCount: number,
  consumed: ConsumedPlaces,
  visitor: OutboxVisitor,
): Promise<void> {
  let position = firstPosition(partition, consumed);
  let isStopped = false;
  for (; position <= partition.durable && !isStopped; position++) {
    const reader = await entries.read(partition.number, position);
    for (let index = 0; index < reader.recordCount && !isStopped; index++) {
      const record = readRecord(reader, index);
      forEachMessage(record, (ordinal, message) => {
        const place = consumed.get(partitionOf(message[1], partitionCount));
        if (isStopped || place === undefined || !isBefore(place, { position, ordinal })) return;
        isStopped = visitor.give(toItem(partition.number, reader, record, ordinal, message)) === 'stop';
      });
    }
  }
  if (!isStopped) visitor.atEnd();
}

function toItem(
  source: number,
  reader: EntryReader,
  record: StoredRecord,
  ordinal: number,
  message: StoredMessage,
): MessageItem {
  return [
    itemMessage,
    source,
    reader.position,
    ordinal,
    reader.time + record[4],
    record[0],
    record[1],
    ...message,
    onwardTrail(record[6], causeId(record)),
  ];
}

/** A position at or before the oldest message outstanding; past the log when there is none. */
function firstPosition(partition: Partition, consumed: ConsumedPlaces): number {
  let first = Number.POSITIVE_INFINITY;
  for (const [destination, place] of consumed) {
    const outbox = partition.outboxes.get(destination);
    if (outbox === undefined || !isBefore(place, outbox.sent)) continue;
    first = Math.min(first, Math.max(place.position, outbox.oldest, 1));
  }
  return first;
}
