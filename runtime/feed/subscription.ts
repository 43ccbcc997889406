/**
 * A reader that follows the feed: it asks for more when it is ready for more.
 *
 * There is no switch from catching up to living on: `next` reads what lies between its own position and what is known
 * to be durable, from memory where that still holds it, else from the journal. So nothing can be lost or come twice at a
 * hand-over, a slow reader costs no memory, and a fast one never reads the disk.
 *
 * S1  An event is given only when it is durable, in the order of its partition's log, once; `position` lies behind it.
 * S2  A reader that finds nothing is woken by the next change of what is durable: it looks and begins to wait in one step.
 */
import type { EventFilter } from './event-filter.js';
import type { FeedPosition } from './feed-position.js';
import type { FeedBatch, FeedReader } from './feed-reader.js';
import type { FeedTail } from './feed-tail.js';

/** Events given at a time. */
const batchEventsMax = 256;

export class Subscription {
  readonly #tail: FeedTail;
  readonly #reader: FeedReader;
  readonly #filter: EventFilter;
  readonly #onClosed: () => void;
  readonly #unlisten: () => void;
  #position: FeedPosition;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: {
    readonly tail: FeedTail;
    readonly reader: FeedReader;
    readonly filter: EventFilter;
    readonly from: FeedPosition;
    readonly onClosed: () => void;
  }) {
    this.#tail = parts.tail;
    this.#reader = parts.reader;
    this.#filter = parts.filter;
    this.#position = parts.from;
    this.#onClosed = parts.onClosed;
    this.#unlisten = parts.tail.listen(() => this.#wake?.());
  }

  /** Behind everything that was given, and everything that was passed over because it is not wanted. */
  get position(): FeedPosition {
    return this.#position;
  }

  /**
   * The next events, at least one; undefined once it is closed. One call at a time. Rejects with `resync-required`
   * where the log was cut.
   */
  async next(): Promise<FeedBatch | undefined> {
    while (!this.#isClosed) {
      if (!this.#isBehind()) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        continue;
      }
      const heads = [...this.#tail.durable];
      const batch = await this.#reader.read(this.#position, heads, this.#filter, batchEventsMax);
      if (this.#isClosed) break;
      this.#position = batch.end;
      if (batch.events.length > 0) return batch;
    }
    return undefined;
  }

  /** Goes on from elsewhere: after a cut. Not while `next` is under way. */
  moveTo(position: FeedPosition): void {
    this.#position = position;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unlisten();
    this.#wake?.();
    this.#onClosed();
  }

  #isBehind(): boolean {
    const { durable } = this.#tail;
    const only = this.#filter.partition;
    if (only !== undefined) return (this.#position[only]?.position ?? 0) <= (durable[only] ?? 0);
    return this.#position.some((place, partition) => place.position <= (durable[partition] ?? 0));
  }
}
