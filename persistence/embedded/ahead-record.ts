/**
 * What a write-ahead file holds: group after group, each with all that it takes to put it into LMDB. Pure.
 *
 *     0 u32 checksum (CRC-32) of all that follows   4 u32 bytes in all   8 f64 number   16 f64 commit sequence
 *    24 f64 sent at, µs   32 u16 conditions   34 u16 entries
 *    36 (u16 partition, f64 version) per condition
 *     … (u16 partition, f64 position, 16 B hash, u32 bytes) per entry
 *     … the entries' bytes, back to back
 *
 * A1  Numbers rise by one from record to record. A file is written over again from its beginning: what stands behind its newest
 *     record has a lower number or is no record, so a reader stops there, as it does at one that was cut short.
 */
import { crc32 } from 'node:zlib';
import { entryHashBytes } from '../entry.js';
import type { EntryHash } from '../journal.js';
import type { Condition } from './condition-block.js';

/** One partition's share of a group. */
export interface AheadEntry {
  readonly partition: number;
  readonly position: number;
  readonly hash: EntryHash;
  readonly bytes: Uint8Array;
}

/** A group under the conditions of `condition-block.ts`: its partitions' versions before it; `sequence` is their version after it. */
export interface AheadRecord {
  readonly sequence: number;
  /** See `machineMicros`. */
  readonly sentAt: number;
  readonly conditions: readonly Condition[];
  readonly entries: readonly AheadEntry[];
}

const lengthOffset = 4;
const numberOffset = 8;
const sequenceOffset = 16;
const sentAtOffset = 24;
const countsOffset = 32;
const headBytes = 36;
const conditionBytes = 10;
const entryBytes = 14 + entryHashBytes;

/** What is written, in pieces; the entries are not copied. At least two pieces. */
export function encodeAheadRecord(
  number: number,
  { sequence, sentAt, conditions, entries }: AheadRecord,
): Buffer[] {
  const head = Buffer.allocUnsafe(
    headBytes + conditions.length * conditionBytes + entries.length * entryBytes,
  );
  head.writeDoubleLE(number, numberOffset);
  head.writeDoubleLE(sequence, sequenceOffset);
  head.writeDoubleLE(sentAt, sentAtOffset);
  head.writeUInt16LE(conditions.length, countsOffset);
  head.writeUInt16LE(entries.length, countsOffset + 2);
  let at = headBytes;
  for (const { key, version } of conditions) {
    head.writeUInt16LE(key, at);
    head.writeDoubleLE(version, at + 2);
    at += conditionBytes;
  }
  const pieces: Buffer[] = [head];
  let byteCount = head.length;
  for (const { partition, position, hash, bytes } of entries) {
    head.writeUInt16LE(partition, at);
    head.writeDoubleLE(position, at + 2);
    head.set(hash, at + 10);
    head.writeUInt32LE(bytes.length, at + 10 + entryHashBytes);
    at += entryBytes;
    pieces.push(bytes as Buffer);
    byteCount += bytes.length;
  }
  head.writeUInt32LE(byteCount, lengthOffset);
  let checksum = crc32(head.subarray(lengthOffset));
  for (const { bytes } of entries) checksum = crc32(bytes, checksum);
  head.writeUInt32LE(checksum, 0);
  return pieces;
}

export interface AheadContent {
  /** Of the first record; 0 without one. */
  readonly firstNumber: number;
  readonly records: readonly AheadRecord[];
  /** Bytes of the records. */
  readonly end: number;
  /** There may be more behind the end of these bytes. */
  readonly isCut: boolean;
}

/** The records from the beginning of `bytes` on (A1), the first with that number if one is given; the entries are parts of `bytes`. */
export function decodeAheadRecords(bytes: Buffer, first?: number): AheadContent {
  const records: AheadRecord[] = [];
  let next = first;
  let at = 0;
  const ended = (isCut: boolean): AheadContent => ({
    firstNumber: next === undefined ? 0 : next - records.length,
    ...{ records, end: at, isCut },
  });
  for (;;) {
    if (at + headBytes > bytes.length) return ended(true);
    const end = at + bytes.readUInt32LE(at + lengthOffset);
    const number = bytes.readDoubleLE(at + numberOffset);
    if ((next !== undefined && number !== next) || end < at + headBytes) return ended(false);
    if (end > bytes.length) return ended(true);
    const record = bytes.subarray(at, end);
    if (record.readUInt32LE(0) !== crc32(record.subarray(lengthOffset))) return ended(false);
    records.push(decodeRecord(record));
    next = number + 1;
    at = end;
  }
}

/** Its checksum is right. */
function decodeRecord(record: Buffer): AheadRecord {
  const conditionCount = record.readUInt16LE(countsOffset);
  const entryCount = record.readUInt16LE(countsOffset + 2);
  const conditions = Array.from({ length: conditionCount }, (_, index): Condition => {
    const at = headBytes + index * conditionBytes;
    return { key: record.readUInt16LE(at), version: record.readDoubleLE(at + 2) };
  });
  const entriesAt = headBytes + conditionCount * conditionBytes;
  let start = entriesAt + entryCount * entryBytes;
  const entries = Array.from({ length: entryCount }, (_, index): AheadEntry => {
    const at = entriesAt + index * entryBytes;
    const end = start + record.readUInt32LE(at + 10 + entryHashBytes);
    const bytes = record.subarray(start, end);
    start = end;
    return {
      partition: record.readUInt16LE(at),
      position: record.readDoubleLE(at + 2),
      // A copy: whoever keeps the hash does not keep the whole file with it.
      hash: Buffer.from(record.subarray(at + 10, at + 10 + entryHashBytes)),
      bytes,
    };
  });
  return {
    sequence: record.readDoubleLE(sequenceOffset),
    sentAt: record.readDoubleLE(sentAtOffset),
    conditions,
    entries,
  };
}
