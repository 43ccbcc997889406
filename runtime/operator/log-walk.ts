/**
 * A partition's log read backwards, newest record first, for what no index answers: the latest sagas, who did what.
 *
 * Bounded per walk by records and entries; where it stopped is where the next one goes on. Reads durable entries only,
 * and lets other work in between two chunks.
 */
import { isOperatingError } from '../../actors/model/errors.js';
import { EntryReader } from '../../persistence/entry.js';
import type { StoredEntry } from '../../persistence/journal.js';
import { recordKind, type StoredRecord } from '../commit/record.js';
import { readRecord } from '../commit/record-reader.js';
import type { Domain } from '../domain.js';
import type { Partition } from '../partition.js';

/** A record by its entry and its index there; a walk goes on before it. */
export interface LogPlace {
  readonly position: number;
  readonly index: number;
}

export interface WalkedRecord extends LogPlace {
  readonly record: StoredRecord;
  /** Unix ms. */
  readonly at: number;
}

export interface WalkEnd {
  /** Where to go on; null when the log has no more. */
  readonly next: LogPlace | null;
  /** Unix ms: everything later has been given. */
  readonly reachedAt: number;
}

export const walkRecordsMax = 20_000;
export const walkEntriesMax = 4_096;
const entriesPerChunk = 32;
const bytesPerRead = 1_048_576;

export async function walkLog(
  domain: Domain,
  partition: Partition,
  from: LogPlace | undefined,
  visitor: {
    /** By catalogue number of the kind: records of other kinds are not even decoded. */
    readonly admits: (kindSchemaId: number) => boolean;
    /** `stop`: this record was not taken, the next walk begins with it. `end`: nothing older is wanted. */
    readonly visit: (record: WalkedRecord) => 'on' | 'stop' | 'end';
  },
): Promise<WalkEnd> {
  let place: LogPlace = from ?? { position: partition.durable, index: Number.MAX_SAFE_INTEGER };
  let reachedAt = Number.POSITIVE_INFINITY;
  let records = 0;
  let entries = 0;
  while (place.position > 0) {
    if (records >= walkRecordsMax || entries >= walkEntriesMax) return { next: place, reachedAt };
    const first = Math.max(1, place.position - entriesPerChunk + 1);
    const chunk = await readChunk(domain, partition.number, first, place.position);
    if (chunk.length === 0) break;
    for (const { bytes, position } of chunk.toReversed()) {
      const reader = new EntryReader(bytes);
      reachedAt = reader.time;
      const below =
        position === place.position ? Math.min(place.index, reader.recordCount) : reader.recordCount;
      for (let index = below - 1; index >= 0; index--) {
        records++;
        if (!visitor.admits(recordKind(reader.record(index)))) continue;
        const record = readRecord(reader, index);
        const walked = { record, position, index, at: reader.time + record[4] };
        const said = visitor.visit(walked);
        if (said === 'end') return { next: null, reachedAt: 0 };
        if (said === 'stop') return { next: { position, index: index + 1 }, reachedAt: walked.at };
      }
    }
    entries += chunk.length;
    place = { position: (chunk[0] as StoredEntry).position - 1, index: Number.MAX_SAFE_INTEGER };
    await new Promise<void>((resolve) => domain.clock.defer(resolve));
  }
  return { next: null, reachedAt: 0 };
}

/** The entries from `first` to `last`; fewer, or none, where the log was trimmed. */
async function readChunk(
  { store }: Domain,
  partition: number,
  first: number,
  last: number,
): Promise<readonly StoredEntry[]> {
  const chunk: StoredEntry[] = [];
  try {
    for (let from = first; from <= last; ) {
      const limits = { entriesMax: last - from + 1, bytesMax: bytesPerRead };
      const read = await store.journal.read(partition, from, limits);
      const newest = read.at(-1);
      if (newest === undefined) break;
      for (const entry of read) if (entry.position <= last) chunk.push(entry);
      from = newest.position + 1;
    }
  } catch (cause) {
    // What lies before the first entry kept is gone for a walk: it ends there.
    if (!isOperatingError(cause) || cause.code !== 'journal-gap') throw cause;
  }
  return chunk;
}

/** Where a walk that wants nothing later than `at` (Unix ms) begins: looks at some twenty entries. */
export async function placeAt(domain: Domain, partition: Partition, at: number): Promise<LogPlace> {
  let low = 0;
  let high = partition.durable;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [entry] = await readChunk(domain, partition.number, middle, middle);
    // What was trimmed is older than anything that is asked for.
    if (entry === undefined || new EntryReader(entry.bytes).time <= at) low = middle;
    else high = middle - 1;
  }
  return { position: low, index: Number.MAX_SAFE_INTEGER };
}
