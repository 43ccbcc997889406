/**
 * One partition's log under a reader of the feed: entries in order, opened as they are needed, and the next wanted event.
 */
import { isOperatingError, OperatingError } from '../../actors/model/errors.js';
import { firstPosition } from '../../persistence/first-position.js';
import type { Journal } from '../../persistence/journal.js';
import type { ArchiveIndex } from './archive-index.js';
import type { EventFilter } from './event-filter.js';
import type { FeedPlace } from './feed-position.js';
import type { FeedTail } from './feed-tail.js';
import { type EventMatch, OpenedEntry } from './opened-entry.js';

/** Read at a time: one or two milliseconds of opening. */
const readLimits = { entriesMax: 64, bytesMax: 262_144 };
/** What a look into the index counts for in the bounds of a reading. */
const bytesPerLook = 65_536;

export interface LaneSource {
  readonly journal: Journal;
  readonly tail: FeedTail;
  /** Absent: everything is read. */
  readonly index?: ArchiveIndex | undefined;
}

export class FeedLane {
  readonly partition: number;
  readonly #source: LaneSource;
  readonly #filter: EventFilter;
  /** Position of the last entry to read. */
  readonly #head: number;
  /** Entries from here on are not opened yet. */
  #unread: number;
  /** Events to skip in the entry at `#unread`. */
  #taken: number;
  #entries: readonly OpenedEntry[] = [];
  #nextEntry = 0;
  #matches: readonly EventMatch[] = [];
  #nextMatch = 0;
  /** Whether the index may know anything from `#unread` on. */
  #isIndexed: boolean;
  /** Everything older than this has been looked at, Unix ms. */
  #seenUntil = Number.NEGATIVE_INFINITY;

  constructor(source: LaneSource, filter: EventFilter, partition: number, from: FeedPlace, head: number) {
    this.#source = source;
    this.#filter = filter;
    this.partition = partition;
    this.#unread = from.position;
    this.#taken = from.taken;
    this.#head = head;
    this.#isIndexed = filter.isSelective;
  }

  /** The next wanted event, if it is known. */
  get match(): EventMatch | undefined {
    return this.#matches[this.#nextMatch];
  }

  get isAtEnd(): boolean {
    return this.match === undefined && this.#unread > this.#head;
  }

  /** No event that is still to come from here is older, Unix ms. */
  get frontier(): number {
    if (this.isAtEnd) return Number.POSITIVE_INFINITY;
    return this.match?.at ?? this.#seenUntil;
  }

  /** Where reading goes on: everything before has been given or was not wanted. */
  get place(): FeedPlace {
    const { match } = this;
    if (match !== undefined) return { position: match.entry.position, taken: match.ordinal };
    // Without a match every opened entry has been looked through.
    return { position: this.#unread, taken: this.#taken };
  }

  /** Steps behind the match, and on to the next one as far as entries are at hand. */
  pass(): FeedPlace {
    const match = this.match as EventMatch;
    this.#nextMatch++;
    if (this.match === undefined) this.#search();
    const { entry, ordinal } = match;
    return ordinal + 1 === entry.eventCount
      ? { position: entry.position + 1, taken: 0 }
      : { position: entry.position, taken: ordinal + 1 };
  }

  /** Opens the next entries and looks for a match in them. Only without a match, and not at the end. Returns the bytes that it cost. */
  async read(): Promise<number> {
    const looks = await this.#passOver();
    if (looks > 0) return looks * bytesPerLook;
    this.#entries = await this.#load();
    this.#nextEntry = 0;
    this.#unread += this.#entries.length;
    this.#search();
    return this.#entries.reduce((bytes, entry) => bytes + entry.byteCount, 0);
  }

  #search(): void {
    while (this.match === undefined && this.#nextEntry < this.#entries.length) {
      const entry = this.#entries[this.#nextEntry++] as OpenedEntry;
      this.#matches = entry.matches(this.#filter, this.#taken);
      this.#nextMatch = 0;
      this.#taken = 0;
      this.#seenUntil = entry.lastTime;
    }
  }

  /** Skips what the index knows to hold nothing that is wanted; 0 when it skipped nothing. */
  async #passOver(): Promise<number> {
    const { index, tail } = this.#source;
    if (index === undefined || !this.#isIndexed || tail.recent(this.partition, this.#unread)) return 0;
    const { position, looks, isKnown } = await index.pass(this.partition, this.#unread, this.#filter);
    this.#isIndexed = isKnown;
    if (position === this.#unread) return 0;
    this.#unread = Math.min(this.#head + 1, position);
    this.#taken = 0;
    return looks;
  }

  async #load(): Promise<readonly OpenedEntry[]> {
    const { tail, journal } = this.#source;
    const recent: OpenedEntry[] = [];
    while (recent.length < readLimits.entriesMax && this.#unread + recent.length <= this.#head) {
      const entry = tail.recent(this.partition, this.#unread + recent.length);
      if (entry === undefined) break;
      recent.push(entry);
    }
    if (recent.length > 0) return recent;
    const entriesMax = Math.min(readLimits.entriesMax, this.#head - this.#unread + 1);
    try {
      const limits = { ...readLimits, entriesMax, durableTo: this.#head };
      const stored = await journal.read(this.partition, this.#unread, limits);
      return stored.map(({ bytes }) => new OpenedEntry(bytes));
    } catch (cause) {
      if (isOperatingError(cause) && cause.code === 'journal-gap')
        await refuseCut(journal, this.partition, this.#unread);
      throw cause;
    }
  }
}

/** Rejects with `resync-required` when the log was trimmed up to that position, and nobody kept what was there. */
export async function refuseCut(journal: Journal, partition: number, position: number): Promise<void> {
  if (position >= (await firstPosition(journal, partition))) return;
  throw new OperatingError(
    'resync-required',
    `Partition ${partition} no longer holds its log from position ${position} on.`,
  );
}
