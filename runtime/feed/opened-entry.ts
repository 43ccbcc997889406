/**
 * An entry of the log as readers of the feed see it: its records unpacked once, its events made when somebody wants them,
 * and kept, because live readers want the same ones.
 *
 * Events of an entry are numbered from 0 in the order of its records, wanted or not: that number is what a position holds.
 */
import type { RecordedEvent } from '../../actors/model/call.js';
import { EntryReader } from '../../persistence/entry.js';
import { eventCount, type StoredRecord } from '../commit/record.js';
import { readRecords } from '../commit/record-reader.js';
import { recordedEvent } from '../history.js';
import type { KindTable } from '../kind-table.js';
import type { EventFilter } from './event-filter.js';

/** A wanted event in its entry. */
export interface EventMatch {
  readonly entry: OpenedEntry;
  readonly recordIndex: number;
  readonly eventIndex: number;
  readonly ordinal: number;
  /** Unix ms. */
  readonly at: number;
}

export class OpenedEntry {
  readonly partition: number;
  readonly position: number;
  readonly byteCount: number;
  readonly #reader: EntryReader;
  #records: readonly StoredRecord[] | undefined;
  /** By record and event; those that nobody has wanted yet are holes. */
  readonly #events: (RecordedEvent | undefined)[][] = [];

  constructor(bytes: Uint8Array) {
    this.#reader = new EntryReader(bytes);
    this.partition = this.#reader.partition;
    this.position = this.#reader.position;
    this.byteCount = bytes.length;
  }

  get records(): readonly StoredRecord[] {
    this.#records ??= readRecords(this.#reader);
    return this.#records;
  }

  /** Time of its first record, Unix ms. */
  get time(): number {
    return this.#reader.time;
  }

  /** Time of its last record; times never run back in a partition. */
  get lastTime(): number {
    return this.time + (this.records.at(-1)?.[4] ?? 0);
  }

  get eventCount(): number {
    return this.records.reduce((count, record) => count + eventCount(record), 0);
  }

  /** The wanted events from `ordinal` on. */
  matches(filter: EventFilter, ordinal: number): EventMatch[] {
    const found: EventMatch[] = [];
    let first = 0;
    for (let recordIndex = 0; recordIndex < this.records.length; recordIndex++) {
      const record = this.records[recordIndex] as StoredRecord;
      const count = eventCount(record);
      if (first + count > ordinal && filter.takesRecord(record)) {
        const stored = record[8] as readonly unknown[];
        const at = this.time + record[4];
        for (let eventIndex = Math.max(0, ordinal - first); eventIndex < count; eventIndex++) {
          if (!filter.takesEvent(stored[eventIndex * 2] as number)) continue;
          found.push({ entry: this, recordIndex, eventIndex, ordinal: first + eventIndex, at });
        }
      }
      first += count;
    }
    return found;
  }

  /** How many of its events are older than that time. */
  countBefore(time: number): number {
    let count = 0;
    for (const record of this.records) if (this.time + record[4] < time) count += eventCount(record);
    return count;
  }

  event(kinds: KindTable, { recordIndex, eventIndex }: EventMatch): RecordedEvent {
    this.#events[recordIndex] ??= [];
    const events = this.#events[recordIndex];
    const made = events[eventIndex];
    if (made !== undefined) return made;
    const record = this.records[recordIndex] as StoredRecord;
    // The filter takes only kinds that the table has.
    const kind = kinds.numbered(record[0]);
    if (kind === undefined) throw new Error('invariant: a wanted record is of a known kind');
    const at = this.time + record[4];
    const placed = { record, position: this.position, index: recordIndex, at };
    const actor = { kind, id: record[1], partition: this.partition };
    const event = recordedEvent(kinds, actor, placed, eventIndex);
    events[eventIndex] = event;
    return event;
  }
}
