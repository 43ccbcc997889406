/**
 * Records as they are read: whole, with what an earlier record of their entry says filled in.
 */
import { unpack } from '../../actors/model/codec.js';
import { EntryDamaged, type EntryReader } from '../../persistence/entry.js';
import { causeId, messageId, type StoredRecord, type StoredTrail, type WrittenRecord } from './record.js';

/** One record. Throws `bytes-damaged` or `EntryDamaged` on what is none. */
export function readRecord(reader: EntryReader, index: number): StoredRecord {
  return whole(unpack(reader.record(index)) as WrittenRecord, index, (earlier) =>
    readRecord(reader, earlier),
  );
}

/** All of them, in their order: each is unpacked once. */
export function readRecords(reader: EntryReader): readonly StoredRecord[] {
  const records: StoredRecord[] = [];
  for (let index = 0; index < reader.recordCount; index++) {
    const written = unpack(reader.record(index)) as WrittenRecord;
    records.push(whole(written, index, (earlier) => records[earlier] as StoredRecord));
  }
  return records;
}

function whole(
  written: WrittenRecord,
  index: number,
  recordAt: (index: number) => StoredRecord,
): StoredRecord {
  const { 1: id, 5: cause, 6: trail } = written;
  if (typeof id === 'string' && typeof trail !== 'number') return written as StoredRecord;
  const fields: unknown[] = [...written];
  if (typeof id === 'number') fields[1] = recordAt(earlier(id, index))[1];
  if (typeof trail === 'number') {
    const first = recordAt(earlier(trail, index));
    fields[6] = trailAfter(first, cause);
    fields[5] = cause.slice(0, 4);
  }
  return fields as unknown as StoredRecord;
}

function trailAfter(first: StoredRecord, cause: WrittenRecord[5]): StoredTrail {
  const [correlationId, , principal, traceparent] = first[6];
  const causedBy = cause.length === 7 ? messageId(cause[4], cause[5], cause[6]) : causeId(first);
  return [correlationId === 0 ? causeId(first) : correlationId, causedBy, principal, traceparent];
}

/** A record that names itself or a later one would be looked for without end. */
function earlier(named: number, index: number): number {
  if (named < index) return named;
  throw new EntryDamaged(`record ${index} refers to record ${named}`);
}
