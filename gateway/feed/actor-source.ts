/**
 * One actor's events as a stream, numbered by their versions: what was before comes from its history, which is found
 * without reading the log of others; what happens comes from the feed.
 *
 * V1  Versions are given one after the other. What the feed has next and does not follow is fetched from the history
 *     first, so neither the hand-over nor a log that was cut leaves a gap.
 * V2  The actor is asked as for any history: who may not read that gets the same answer here. It is asked again
 *     whenever the history is read.
 */
import type { HistoryCall, HistoryReply, RecordedEvent } from '../../actors/model/call.js';
import { isErrorCode, isOperatingError, OperatingError } from '../../actors/model/errors.js';
import type { Caller } from '../../actors/model/message.js';
import { reject } from '../../actors/model/message.js';
import type { ActorAnswer, ActorClient } from '../../runtime/actor-client.js';
import type { EventFeed } from '../../runtime/feed/event-feed.js';
import type { Subscription } from '../../runtime/feed/subscription.js';
import type { Refused } from '../own-route.js';
import type { EventSource, SourceNews } from './event-source.js';

const pageEvents = 256;

export interface ActorSourceParts {
  readonly client: ActorClient;
  readonly feed: EventFeed;
  /** The history that the caller may read, with its guard. */
  readonly call: HistoryCall;
  readonly caller: Caller;
  readonly nextCommandId: () => string;
}

/** Behind that version; undefined: behind the newest. */
export async function actorSource(
  parts: ActorSourceParts,
  afterVersion: number | undefined,
): Promise<EventSource | Refused> {
  const { kind, id } = parts.call;
  // Before the history is asked, so that nothing falls between the two.
  const subscription = await parts.feed.subscribe({ actor: { kind, id } }, 'now');
  try {
    const newest = await pageOf(parts, { direction: 'backward', limit: 1 });
    if ('type' in newest) {
      subscription.close();
      return newest;
    }
    const version = newest.events[0]?.streamVersion ?? 0;
    if (afterVersion !== undefined && afterVersion > version)
      throw new OperatingError('cursor-invalid', `The actor is at version ${version}.`);
    return new ActorSource(parts, subscription, afterVersion ?? version, version);
  } catch (cause) {
    subscription.close();
    throw cause;
  }
}

class ActorSource implements EventSource {
  readonly #parts: ActorSourceParts;
  readonly #subscription: Subscription;
  /** Version of the event that was given last. */
  #given: number;
  /** The history holds events up to here, at least. */
  #recorded: number;
  /** From the feed, not given yet. */
  #held: readonly RecordedEvent[] = [];
  #isClosed = false;

  constructor(parts: ActorSourceParts, subscription: Subscription, given: number, recorded: number) {
    this.#parts = parts;
    this.#subscription = subscription;
    this.#given = given;
    this.#recorded = recorded;
  }

  get id(): string {
    return String(this.#given);
  }

  async next(): Promise<SourceNews | undefined> {
    while (!this.#isClosed) {
      if (this.#given < this.#recorded) return this.#give(await this.#fromHistory());
      const held = this.#held.filter(({ streamVersion }) => streamVersion > this.#given);
      this.#held = held;
      const [first] = held;
      if (first !== undefined && first.streamVersion > this.#given + 1) {
        this.#recorded = first.streamVersion - 1;
        continue;
      }
      if (first !== undefined) return this.#give(held);
      if (!(await this.#listen())) return undefined;
    }
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.close();
  }

  #give(events: readonly RecordedEvent[]): SourceNews {
    this.#given = events.at(-1)?.streamVersion ?? this.#given;
    return {
      type: 'events',
      events: events.map((event) => ({ id: String(event.streamVersion), event })),
    };
  }

  /** False when there is nothing more to come. */
  async #listen(): Promise<boolean> {
    try {
      const batch = await this.#subscription.next();
      this.#held = batch?.events.map(({ event }) => event) ?? [];
      return batch !== undefined;
    } catch (cause) {
      if (!isOperatingError(cause) || cause.code !== 'resync-required') throw cause;
      // What the feed has lost the history may have: it is asked up to where it ends now.
      this.#subscription.moveTo(await this.#parts.feed.end());
      const newest = await this.#page({ direction: 'backward', limit: 1 });
      this.#recorded = newest.events[0]?.streamVersion ?? this.#given;
      return true;
    }
  }

  async #fromHistory(): Promise<readonly RecordedEvent[]> {
    const page = await this.#page({ direction: 'forward', fromVersion: this.#given, limit: pageEvents });
    return page.events;
  }

  async #page(range: HistoryRange): Promise<HistoryReply> {
    const page = await pageOf(this.#parts, range);
    if ('type' in page) throw new OperatingError('scope-missing', page.detail);
    return page;
  }
}

type HistoryRange = Pick<HistoryCall, 'direction' | 'limit' | 'fromVersion'>;

async function pageOf(
  { client, call, caller, nextCommandId }: ActorSourceParts,
  range: HistoryRange,
): Promise<HistoryReply | Refused> {
  const { fromVersion: _, ...asked } = call;
  const answer = await new Promise<ActorAnswer>((resolve) => {
    client.submit({ call: { ...asked, ...range }, caller, commandId: nextCommandId() }, resolve);
  });
  switch (answer.type) {
    case 'reply':
      // A history call is replied to with a history.
      return answer.reply as HistoryReply;
    case 'rejection':
      return { ...reject(answer.code, answer.detail), status: answer.status };
    case 'failure':
      throw new OperatingError(isErrorCode(answer.code) ? answer.code : 'internal', answer.detail);
  }
}
