/**
 * Reads the feed of all partitions as one: the oldest event first, by time, then partition, then position.
 *
 * R1  Within a partition, and so within an actor, events come in the order of the log, each once and none left out.
 * R2  What is read between two positions depends on the log alone: the same events in the same order, for everybody.
 * R3  One reading opens at most about `scanBytesMax` of the log, and lets other work in between; its end is a position
 *     further on unless there was nothing to read, wanted events or not.
 */
import type { RecordedEvent } from '../../actors/model/call.js';
import type { Journal } from '../../persistence/journal.js';
import type { Clock } from '../clock.js';
import type { KindTable } from '../kind-table.js';
import type { ArchiveIndex } from './archive-index.js';
import type { EventFilter } from './event-filter.js';
import { FeedLane } from './feed-lane.js';
import { encodePosition, type FeedPlace, type FeedPosition } from './feed-position.js';
import type { FeedTail } from './feed-tail.js';

/** Work between two turns of the event loop. */
const stretchMs = 2;

/** An event with the token of the position behind it. */
export interface FeedEvent {
  readonly event: RecordedEvent;
  readonly token: string;
}

export interface FeedBatch {
  readonly events: readonly FeedEvent[];
  /** Where the next reading goes on. */
  readonly end: FeedPosition;
  /** Everything up to the heads that were given has been read. */
  readonly isAtEnd: boolean;
}

export interface FeedReaderParts {
  readonly journal: Journal;
  readonly tail: FeedTail;
  readonly kinds: KindTable;
  readonly clock: Clock;
  readonly scanBytesMax: number;
  readonly index?: ArchiveIndex | undefined;
}

export class FeedReader {
  readonly #parts: FeedReaderParts;

  constructor(parts: FeedReaderParts) {
    this.#parts = parts;
  }

  /**
   * Reads wanted events behind `from`, at most `eventsMax`, up to the `heads`. Rejects with `resync-required` where the
   * log was cut.
   */
  async read(
    from: FeedPosition,
    heads: readonly number[],
    filter: EventFilter,
    eventsMax: number,
  ): Promise<FeedBatch> {
    const { clock, kinds, scanBytesMax } = this.#parts;
    const position: FeedPlace[] = [...from];
    const lanes = this.#lanes(from, heads, filter);
    const events: FeedEvent[] = [];
    let bytesLeft = scanBytesMax;
    let stretchEnd = clock.monotonic() + stretchMs;
    while (events.length < eventsMax) {
      const lane = oldest(lanes);
      if (lane === undefined) break;
      const { match } = lane;
      if (match !== undefined) {
        const event = match.entry.event(kinds, match);
        position[lane.partition] = lane.pass();
        events.push({ event, token: encodePosition(position) });
      } else if (bytesLeft <= 0) {
        break;
      } else {
        bytesLeft -= await lane.read();
      }
      if (clock.monotonic() < stretchEnd) continue;
      await new Promise<void>((resolve) => clock.defer(resolve));
      stretchEnd = clock.monotonic() + stretchMs;
    }
    for (const lane of lanes) position[lane.partition] = lane.place;
    return { events, end: position, isAtEnd: lanes.every((lane) => lane.isAtEnd) };
  }

  #lanes(from: FeedPosition, heads: readonly number[], filter: EventFilter): FeedLane[] {
    const lanes: FeedLane[] = [];
    for (const [partition, place] of from.entries()) {
      const head = heads[partition] ?? 0;
      if (place.position > head || (filter.partition ?? partition) !== partition) continue;
      lanes.push(new FeedLane(this.#parts, filter, partition, place, head));
    }
    return lanes;
  }
}

/** The lane whose next event may be the oldest; undefined when all are at their end. */
function oldest(lanes: readonly FeedLane[]): FeedLane | undefined {
  let first: FeedLane | undefined;
  let frontier = Number.POSITIVE_INFINITY;
  for (const lane of lanes) {
    if (lane.frontier < frontier) {
      first = lane;
      frontier = lane.frontier;
    }
  }
  return first;
}
