/**
 * All events of the system over HTTP, for admins:
 *
 *     GET /api/v1/events            pages, oldest first: by type, kind, correlation id; from a position or a time
 *     GET /api/v1/events/position   where the feed ends now
 *     GET /api/v1/events/stream     server-sent events from a position on, without an end
 */
import { reject } from '../../actors/model/message.js';
import { limitOf, pageRejections } from '../../actors/model/page-query.js';
import { eventJson } from '../../actors/model/recorded-event.js';
import type { Clock, Report } from '../../runtime/clock.js';
import type { EventFeed } from '../../runtime/feed/event-feed.js';
import { errorPlace } from '../error-place.js';
import type { OwnRoute, Refused, Serve } from '../own-route.js';
import { type EventSource, feedSource } from './event-source.js';
import { EventStream, type StreamTimes } from './event-stream.js';
import { fromOf, isRejection, placeOf, selectionOf, selectionParameters } from './feed-query.js';
import type { OpenStreams } from './open-streams.js';

const events = '/api/v1/events';
const admins: readonly string[] = ['admin'];

export interface FeedRouteParts {
  readonly feed: EventFeed;
  readonly streams: OpenStreams;
  readonly times: StreamTimes;
  readonly clock: Clock;
  readonly report: Report;
}

export function feedRoutes(parts: FeedRouteParts): readonly OwnRoute[] {
  const common = { method: 'GET', access: admins, rejections: pageRejections } as const;
  return [
    {
      ...common,
      path: events,
      query: [...selectionParameters, 'from', 'from_time', 'cursor', 'limit'],
      summary: 'Events of all actors, oldest first',
      serve: (request) => page(parts.feed, request),
    },
    {
      ...common,
      path: `${events}/position`,
      summary: 'Where the events end now',
      serve: async () => {
        const { token, sum, partitions } = await parts.feed.position();
        return { status: 200, body: { position: token, sum, partitions } };
      },
    },
    {
      ...common,
      path: `${events}/stream`,
      query: [...selectionParameters, 'from'],
      summary: 'Events of all actors as they happen (server-sent events)',
      serve: (request, sent) => subscribe(parts, request, sent),
    },
  ];
}

async function page(feed: EventFeed, { query }: Parameters<Serve>[0]): ReturnType<Serve> {
  const limit = limitOf(query.limit);
  if (typeof limit !== 'number') return limit;
  const selection = selectionOf(query);
  if (isRejection(selection)) return selection;
  const from = fromOf(query, ['from', 'from_time', 'cursor'], 'start');
  if (isRejection(from)) return from;
  const found = await feed.page({ ...selection, from, limit });
  return {
    status: 200,
    body: {
      items: found.events.map(({ event }) => eventJson(event)),
      next_cursor: found.isAtEnd ? null : found.next,
      position: found.next,
    },
  };
}

async function subscribe(
  parts: FeedRouteParts,
  { query, caller }: Parameters<Serve>[0],
  sent: Parameters<Serve>[1],
): ReturnType<Serve> {
  const selection = selectionOf(query);
  if (isRejection(selection)) return selection;
  const asked = fromOf(query, ['from'], 'now');
  if (isRejection(asked)) return asked;
  // A client that comes back repeats its URL: where it was is in the header.
  const from = sent.lastEventId === '' ? asked : placeOf(sent.lastEventId);
  return streamOf(parts, caller.principal, sent.expiresAtMs, async () =>
    feedSource(parts.feed, await parts.feed.subscribe(selection, from)),
  );
}

/** A stream over what `open` opens, if the principal may have one more. */
export async function streamOf(
  { streams, times, clock, report }: Omit<FeedRouteParts, 'feed'>,
  principal: string,
  expiresAtMs: number,
  open: () => Promise<EventSource | Refused>,
): ReturnType<Serve> {
  const leave = streams.reserve(principal);
  if (leave === undefined) return reject('connection-limit', 'Too many streams are open.');
  let source: EventSource | Refused;
  try {
    source = await open();
  } catch (cause) {
    leave();
    throw cause;
  }
  if ('type' in source) {
    leave();
    return source;
  }
  const opened = source;
  return {
    type: 'stream',
    contentType: 'text/event-stream; charset=utf-8',
    run: (stream) => {
      const failed = (cause: unknown): void => report('error', 'stream-failed', { place: errorPlace(cause) });
      const parts = { ...times, source: opened, stream, clock, expiresAtMs, failed };
      void streams.run(new EventStream(parts)).finally(leave);
    },
    abandon: () => {
      opened.close();
      leave();
    },
  };
}
