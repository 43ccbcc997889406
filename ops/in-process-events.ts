/**
 * All events of a system for code in the same process: a subscription with a handler, pages, and where the feed ends.
 *
 * E1  A handler is given one event at a time, in the order of every actor, each durable. What comes after it waits for it.
 * E2  At least once: `position` lies behind the last event whose handler has returned, so whoever begins again there gets
 *     the event that was under way once more, and misses none.
 * E3  A handler that throws ends its subscription: to go on past what could not be handled is its own decision.
 */
import type { RecordedEvent } from '../actors/model/call.js';
import type { Contract } from '../actors/model/contract.js';
import type { Report } from '../runtime/clock.js';
import type { EventFeed, FeedFrom, FeedPage, GlobalPosition } from '../runtime/feed/event-feed.js';
import type { EventSelection } from '../runtime/feed/event-filter.js';
import { encodePosition } from '../runtime/feed/feed-position.js';
import type { Subscription } from '../runtime/feed/subscription.js';

export interface EventsOptions {
  /** `MoneyDeposited`, of whatever kind, or `account/MoneyDeposited`. Default: all. */
  readonly types?: readonly string[];
  /** Default: all. */
  readonly kinds?: readonly (Contract | string)[];
  readonly correlationId?: string;
  /** One actor. */
  readonly actor?: { readonly kind: Contract | string; readonly id: string };
  /** `'start'`, `'now'`, a position that was given out, or the first event of that moment or later. */
  readonly from?: 'start' | 'now' | (string & {}) | Date;
}

export type EventHandler = (event: RecordedEvent, position: string) => void | Promise<void>;

export interface EventSubscription extends AsyncDisposable {
  /** Behind everything that has been handled (E2). */
  readonly position: string;
  /**
   * Resolves when the subscription was stopped. Rejects with what the handler threw, or with an operating error:
   * `resync-required` when the log was cut before its events were given.
   */
  readonly done: Promise<void>;
  /** Resolves when no handler is under way any more, and none will be called. Not to be awaited by the handler itself. */
  stop(): Promise<void>;
}

export interface InProcessEvents {
  /** From `from` on (default: now). Rejects with `cursor-invalid`, `query-invalid` or `subscription-limit`. */
  subscribe(options: EventsOptions, handler: EventHandler): Promise<EventSubscription>;
  /** Events from `from` on (default: the start), oldest first, at most `limit` (default 100). */
  events(options?: EventsOptions & { readonly limit?: number }): Promise<FeedPage>;
  position(): Promise<GlobalPosition>;
}

const limitDefault = 100;

export function createInProcessEvents(feed: EventFeed, report: Report): InProcessEvents {
  return {
    subscribe: async (options, handler) => {
      const subscription = await feed.subscribe(selectionOf(options), fromOf(options.from ?? 'now'));
      return new HandledSubscription(subscription, handler, report);
    },
    events: ({ limit = limitDefault, ...options } = {}) =>
      feed.page({ ...selectionOf(options), from: fromOf(options.from ?? 'start'), limit }),
    position: () => feed.position(),
  };
}

class HandledSubscription implements EventSubscription {
  readonly done: Promise<void>;
  readonly #subscription: Subscription;
  #position: string;
  #isStopped = false;

  constructor(subscription: Subscription, handler: EventHandler, report: Report) {
    this.#subscription = subscription;
    this.#position = encodePosition(subscription.position);
    this.done = this.#run(handler);
    // Whoever does not look at `done` finds out from the log.
    this.done.catch((cause: unknown) => {
      const message = cause instanceof Error ? cause.message : 'not an Error';
      report('error', 'subscription-failed', { message });
    });
  }

  get position(): string {
    return this.#position;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#subscription.close();
    await this.done.catch(() => {
      // Said where it happened.
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(handler: EventHandler): Promise<void> {
    try {
      for (;;) {
        const batch = await this.#subscription.next();
        if (batch === undefined) return;
        for (const { event, token } of batch.events) {
          if (this.#isStopped) return;
          await handler(event, token);
          this.#position = token;
        }
        this.#position = encodePosition(batch.end);
      }
    } finally {
      this.#subscription.close();
    }
  }
}

function selectionOf({ types, kinds, correlationId, actor }: EventsOptions): EventSelection {
  return {
    ...(types === undefined ? {} : { types }),
    ...(kinds === undefined ? {} : { kinds: kinds.map(kindOf) }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(actor === undefined ? {} : { actor: { kind: kindOf(actor.kind), id: actor.id } }),
  };
}

function kindOf(kind: Contract | string): string {
  return typeof kind === 'string' ? kind : kind.kind;
}

function fromOf(from: string | Date): FeedFrom {
  if (typeof from !== 'string') return { time: from.getTime() };
  return from === 'start' || from === 'now' ? from : { token: from };
}
