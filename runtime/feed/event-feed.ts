/**
 * All events of a system as one feed: where it ends, pages of it, and subscriptions to it. Reads the journal and what
 * the shards have just made durable; keeps no data of its own.
 */
import { isOperatingError, OperatingError } from '../../actors/model/errors.js';
import type { Archive } from '../../persistence/archive/archive.js';
import type { Journal } from '../../persistence/journal.js';
import type { Clock } from '../clock.js';
import type { KindTable } from '../kind-table.js';
import type { Limits } from '../limits.js';
import type { TailAnswer } from '../link/link-protocol.js';
import { ArchiveIndex } from './archive-index.js';
import { EventFilter, type EventSelection } from './event-filter.js';
import { refuseCut } from './feed-lane.js';
import {
  decodePosition,
  encodePosition,
  type FeedPlace,
  type FeedPosition,
  feedEnd,
  feedStart,
  sumOf,
} from './feed-position.js';
import { type FeedEvent, FeedReader } from './feed-reader.js';
import { FeedTail, type TailLink } from './feed-tail.js';
import { OpenedEntry } from './opened-entry.js';
import { Subscription } from './subscription.js';

/** Where to begin: behind a token, at the first event of that time or later (Unix ms), or behind the newest one. */
export type FeedFrom = { readonly token: string } | { readonly time: number } | 'start' | 'now';

export interface FeedQuery extends EventSelection {
  readonly from: FeedFrom;
  readonly limit: number;
}

export interface FeedPage {
  readonly events: readonly FeedEvent[];
  /** Token to go on from. */
  readonly next: string;
  /** Everything that was durable when the page was asked for has been read. */
  readonly isAtEnd: boolean;
}

export interface GlobalPosition {
  readonly token: string;
  /** Entries in all logs: a counter that only grows. */
  readonly sum: number;
  /** By partition: position of the newest entry. */
  readonly partitions: readonly number[];
}

export interface EventFeedOptions {
  readonly journal: Journal;
  readonly kinds: KindTable;
  readonly links: readonly TailLink[];
  readonly partitionCount: number;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Of older entries, with an index of what is in them. */
  readonly archive?: Archive | undefined;
}

export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #tail: FeedTail;
  readonly #reader: FeedReader;
  readonly #subscriptions = new Set<Subscription>();
  #opening = 0;

  constructor(options: EventFeedOptions) {
    const { limits, archive } = options;
    this.#options = options;
    this.#tail = new FeedTail({ ...options, recentBytesMax: limits.recentBytesMax });
    this.#reader = new FeedReader({
      ...options,
      tail: this.#tail,
      scanBytesMax: limits.scanBytesMax,
      index: archive === undefined ? undefined : new ArchiveIndex(archive, options.journal),
    });
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size + this.#opening;
  }

  async position(): Promise<GlobalPosition> {
    const partitions = await this.#tail.heads();
    const end = feedEnd(partitions);
    return { token: encodePosition(end), sum: sumOf(end), partitions };
  }

  /** Events behind `from`, oldest first. A page may be short or empty although more follows: see `isAtEnd`. */
  async page({ from, limit, ...selection }: FeedQuery): Promise<FeedPage> {
    const filter = this.#filter(selection);
    const heads = await this.#tail.heads();
    const start = await this.#resolve(from, heads);
    const { events, end, isAtEnd } = await this.#reader.read(start, heads, filter, limit);
    return { events, next: encodePosition(end), isAtEnd };
  }

  /** Rejects with `subscription-limit` past `subscriptionsMax`. The caller closes what it gets. */
  async subscribe(selection: EventSelection, from: FeedFrom): Promise<Subscription> {
    const filter = this.#filter(selection);
    const { subscriptionsMax } = this.#options.limits;
    if (this.subscriptionCount >= subscriptionsMax) {
      throw new OperatingError('subscription-limit', `At most ${subscriptionsMax} subscriptions at a time.`);
    }
    this.#opening++;
    // Before the heads are asked for, so that none is missed between them and the first change.
    const unfollow = this.#tail.follow();
    try {
      const start = await this.#resolve(from, await this.#tail.heads());
      const subscription: Subscription = new Subscription({
        tail: this.#tail,
        reader: this.#reader,
        filter,
        from: start,
        onClosed: () => {
          unfollow();
          this.#subscriptions.delete(subscription);
        },
      });
      this.#subscriptions.add(subscription);
      return subscription;
    } catch (cause) {
      unfollow();
      throw cause;
    } finally {
      this.#opening--;
    }
  }

  /** The end of the feed now, for a subscription whose log was cut. */
  async end(): Promise<FeedPosition> {
    return feedEnd(await this.#tail.heads());
  }

  receive(answer: TailAnswer): void {
    this.#tail.receive(answer);
  }

  /** Closes every subscription. */
  stop(): void {
    this.#tail.stop();
    for (const subscription of [...this.#subscriptions]) subscription.close();
  }

  #filter(selection: EventSelection): EventFilter {
    return new EventFilter(this.#options.kinds, this.#options.partitionCount, selection);
  }

  async #resolve(from: FeedFrom, heads: readonly number[]): Promise<FeedPosition> {
    if (from === 'start') return feedStart(heads.length);
    if (from === 'now') return feedEnd(heads);
    if ('time' in from) {
      return Promise.all(heads.map((head, partition) => this.#placeAt(partition, head, from.time)));
    }
    const position = decodePosition(from.token, heads.length);
    const isBeyond = position?.some((place, partition) => !isBehindHead(place, heads[partition]));
    if (isBeyond === true && position !== undefined && (await this.#isStored(position))) {
      throw new OperatingError(
        'partition-silent',
        'Another node has gone on from here; this one does not know yet.',
      );
    }
    if (position === undefined || isBeyond === true) {
      throw new OperatingError('cursor-invalid', 'The position is not one that this store gave out.');
    }
    return position;
  }

  /** Whether the store's logs reach as far, whatever the shards of this node have heard of. */
  async #isStored(position: FeedPosition): Promise<boolean> {
    const { journal } = this.#options;
    const heads = await Promise.all(position.map((_, partition) => journal.head(partition)));
    return position.every((place, partition) => isBehindHead(place, heads[partition]?.position));
  }

  /** The place of the first event that is not older: halving the log, because times never run back in a partition. */
  async #placeAt(partition: number, head: number, time: number): Promise<FeedPlace> {
    let from = 1;
    let to = head + 1;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const entry = await this.#entry(partition, middle, head);
      if (entry.time >= time) to = middle;
      else from = middle + 1;
    }
    if (from === 1) return { position: 1, taken: 0 };
    // The entry before begins earlier and may end later.
    const before = await this.#entry(partition, from - 1, head);
    const taken = before.countBefore(time);
    return taken === before.eventCount ? { position: from, taken: 0 } : { position: from - 1, taken };
  }

  async #entry(partition: number, position: number, durableTo: number): Promise<OpenedEntry> {
    const { journal } = this.#options;
    try {
      const [stored] = await journal.read(partition, position, { entriesMax: 1, bytesMax: 1, durableTo });
      if (stored !== undefined) return new OpenedEntry(stored.bytes);
    } catch (cause) {
      if (!isOperatingError(cause) || cause.code !== 'journal-gap') throw cause;
      await refuseCut(journal, partition, position);
      throw cause;
    }
    throw new OperatingError('journal-gap', `Partition ${partition} has no entry at position ${position}.`);
  }
}

function isBehindHead({ position }: FeedPlace, head = 0): boolean {
  return position <= head + 1;
}
