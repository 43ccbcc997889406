/**
 * What a stream of events reads from: events with the id to go on behind each of them.
 */
import type { RecordedEvent } from '../../actors/model/call.js';
import { isOperatingError } from '../../actors/model/errors.js';
import type { EventFeed } from '../../runtime/feed/event-feed.js';
import { encodePosition } from '../../runtime/feed/feed-position.js';
import type { Subscription } from '../../runtime/feed/subscription.js';

export interface StreamedEvent {
  readonly id: string;
  readonly event: RecordedEvent;
}

export type SourceNews =
  | { readonly type: 'events'; readonly events: readonly StreamedEvent[] }
  /** What lay behind the reader's position is gone; it goes on at `id`. */
  | { readonly type: 'resync' };

export interface EventSource {
  /** The id behind everything that `next` has given. */
  readonly id: string;
  /** Undefined at the end. One call at a time. */
  next(): Promise<SourceNews | undefined>;
  close(): void;
}

/** A subscription to the feed; ids are position tokens. Where the log was cut it says so and goes on at the end. */
export function feedSource(feed: EventFeed, subscription: Subscription): EventSource {
  return {
    get id() {
      return encodePosition(subscription.position);
    },
    next: async () => {
      try {
        const batch = await subscription.next();
        if (batch === undefined) return undefined;
        return { type: 'events', events: batch.events.map(({ event, token }) => ({ id: token, event })) };
      } catch (cause) {
        if (!isOperatingError(cause) || cause.code !== 'resync-required') throw cause;
        subscription.moveTo(await feed.end());
        return { type: 'resync' };
      }
    },
    close: () => subscription.close(),
  };
}
