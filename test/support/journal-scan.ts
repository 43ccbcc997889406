/**
 * Reads a whole journal as an auditor would, from position 1, and proves what must hold of every log (I3, I4): contiguous
 * positions, each entry behind the hash of the one before, epochs that never fall, and each actor's versions without a gap.
 */
import { EntryReader, hashEntry, noHash, sameHash } from '../../persistence/entry.js';
import type { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import {
  causeCommand,
  causeGroupMail,
  causeMessage,
  eventCount,
  type StoredRecord,
} from '../../runtime/commit/record.js';
import { readRecord } from '../../runtime/commit/record-reader.js';

export interface ScannedRecord {
  readonly partition: number;
  readonly position: number;
  readonly record: StoredRecord;
  readonly at: number;
}

/** Every record of the log, by partition and position. Throws at the first thing that must not be. */
export function scanJournal(disk: MemoryDisk): ScannedRecord[] {
  const scanned: ScannedRecord[] = [];
  for (let partition = 0; partition < disk.partitionCount; partition++)
    scanned.push(...scanPartition(disk, partition));
  return scanned;
}

function scanPartition(disk: MemoryDisk, partition: number): ScannedRecord[] {
  const scanned: ScannedRecord[] = [];
  const versions = new Map<string, number>();
  const newest = new Map<string, number>();
  const consumed = new Map<number, string>();
  let previousHash = noHash;
  let epoch = 0;
  for (let position = 1; position <= disk.flushedPosition(partition); position++) {
    const where = `partition ${partition}, position ${position}`;
    const entry = disk.entry(partition, position);
    if (entry === undefined) throw new Error(`${where}: nothing there`);
    const reader = new EntryReader(entry.bytes);
    if (reader.position !== position || reader.partition !== partition)
      throw new Error(`${where}: another entry`);
    if (!sameHash(reader.previousHash, previousHash)) throw new Error(`${where}: does not follow`);
    if (reader.epoch < epoch) throw new Error(`${where}: epoch ${reader.epoch} after ${epoch}`);
    epoch = reader.epoch;
    previousHash = hashEntry(entry.bytes);
    for (let index = 0; index < reader.recordCount; index++) {
      const record = readRecord(reader, index);
      const actor = `${record[0]}/${record[1]}`;
      if (record[2] !== (versions.get(actor) ?? 0)) {
        throw new Error(`${where}: ${actor} at version ${record[2]} after ${versions.get(actor) ?? 0}`);
      }
      if (record[3] !== (newest.get(actor) ?? 0))
        throw new Error(`${where}: ${actor} points back to ${record[3]}`);
      if (eventCount(record) > 0) {
        versions.set(actor, record[2] + eventCount(record));
        newest.set(actor, position);
      }
      const cause = record[5];
      if (cause[0] === causeMessage || cause[0] === causeGroupMail) {
        const place = `${String(cause[2]).padStart(12, '0')}.${String(cause[3]).padStart(6, '0')}`;
        const before = consumed.get(cause[1]);
        if (before !== undefined && before >= place)
          throw new Error(`${where}: message ${place} after ${before}`);
        consumed.set(cause[1], place);
      }
      scanned.push({ partition, position, record, at: reader.time + record[4] });
    }
  }
  return scanned;
}

/** How often each command id was executed, over the whole log. */
export function executionsByCommand(records: readonly ScannedRecord[]): Map<string, number> {
  const executions = new Map<string, number>();
  for (const { record } of records) {
    const cause = record[5];
    if (cause[0] !== causeCommand) continue;
    executions.set(cause[1], (executions.get(cause[1]) ?? 0) + 1);
  }
  return executions;
}
