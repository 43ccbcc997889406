/**
 * The sending ends of the channels to partitions of other shards.
 *
 *     unknown ──opened──▸ catching up ──end of the log──▸ live ──too much unconsumed──▸ paused ──consumed──▸ catching up
 *                             ▲───────────────── opened (another epoch) ─────────────────┘
 *
 * R1  A destination gets a channel's messages in the order of the log: while a route reads from the log, nothing that
 *     becomes durable is sent past it; the reader meets it there.
 * R2  Every message says for which epoch of the destination it is meant. A destination that was reopened takes none
 *     before the sender knows of it and has begun again at the destination's place; otherwise a late message could be
 *     taken before the earlier ones that the reopening dropped.
 * R3  At most `channelPendingMax` messages of a channel are unconsumed in memory; the rest waits in the log.
 */
import { isStoreUnavailable } from '../actor/activation-loader.js';
import { readOutbox } from '../derive/outbox-reader.js';
import type { Domain } from '../domain.js';
import type { EntrySource } from '../entry-source.js';
import { beforeAll, isBefore, noteConsumed, type Partition, type Place } from '../partition.js';
import { itemRemote, type MessageItem, type OpenedItem, type RemoteItem } from './link-protocol.js';

/** Before a log that could not be read is read on. */
const storeDelayMs = 200;

interface Route {
  readonly source: Partition;
  readonly destination: number;
  epoch: number;
  phase: 'catching-up' | 'live' | 'paused';
  /** Rises when reading begins anew; an older reader stops. */
  reading: number;
  /** Newest place known consumed. */
  consumed: Place;
  /** Places sent and not consumed, from `unconsumedFrom` on. */
  unconsumed: Place[];
  unconsumedFrom: number;
}

export class OutboundRoutes {
  readonly #domain: Domain;
  readonly #entries: EntrySource;
  readonly #send: (destination: number, item: RemoteItem) => void;
  readonly #flush: () => void;
  readonly #onDamaged: (cause: unknown) => void;
  readonly #routes = new Map<number, Route>();

  constructor(options: {
    readonly domain: Domain;
    readonly entries: EntrySource;
    readonly send: (destination: number, item: RemoteItem) => void;
    readonly flush: () => void;
    /** The log could not be read. */
    readonly onDamaged: (cause: unknown) => void;
  }) {
    this.#domain = options.domain;
    this.#entries = options.entries;
    this.#send = options.send;
    this.#flush = options.flush;
    this.#onDamaged = options.onDamaged;
  }

  /** A destination (re)opened: every owned partition begins again at the place it has consumed. */
  opened([, destination, epoch, places]: OpenedItem): void {
    const consumed = new Map(places.map(([source, position, ordinal]) => [source, { position, ordinal }]));
    for (const source of this.#domain.owned()) {
      const place = consumed.get(source.number) ?? beforeAll;
      noteConsumed(source, destination, place);
      const key = this.#key(source.number, destination);
      const reading = (this.#routes.get(key)?.reading ?? 0) + 1;
      const route: Route = {
        source,
        destination,
        epoch,
        phase: 'catching-up',
        reading,
        consumed: place,
        unconsumed: [],
        unconsumedFrom: 0,
      };
      this.#routes.set(key, route);
      this.#catchUp(route, place);
    }
  }

  /** Sends a message that has just become durable, unless its route reads it from the log (R1). */
  sendDurable(destination: number, item: MessageItem): void {
    const route = this.#routes.get(this.#key(item[1], destination));
    if (route?.phase !== 'live') return;
    if (this.#pendingOf(route) >= this.#domain.limits.channelPendingMax) route.phase = 'paused';
    else this.#give(route, item);
  }

  consumed(source: number, destination: number, place: Place): void {
    const route = this.#routes.get(this.#key(source, destination));
    if (route === undefined || !isBefore(route.consumed, place)) return;
    route.consumed = place;
    while (route.unconsumedFrom < route.unconsumed.length) {
      if (isBefore(place, route.unconsumed[route.unconsumedFrom] as Place)) break;
      route.unconsumedFrom++;
    }
    if (route.unconsumedFrom > 1_024 || route.unconsumedFrom === route.unconsumed.length) {
      route.unconsumed.splice(0, route.unconsumedFrom);
      route.unconsumedFrom = 0;
    }
    const isRoomy = this.#pendingOf(route) <= this.#domain.limits.channelPendingMax / 2;
    if (route.phase === 'paused' && isRoomy) this.#catchUp(route, route.unconsumed.at(-1) ?? place);
  }

  /** The domain was reset: the partitions these routes know are gone. */
  clear(): void {
    for (const route of this.#routes.values()) route.reading++;
    this.#routes.clear();
  }

  #catchUp(route: Route, after: Place): void {
    route.phase = 'catching-up';
    const reading = ++route.reading;
    const isCurrent = () => route.reading === reading;
    readOutbox(
      this.#entries,
      route.source,
      this.#domain.partitionCount,
      new Map([[route.destination, after]]),
      {
        give: (item) => {
          if (!isCurrent()) return 'stop';
          // Heard of while this was read; nobody would say again that it is consumed, and it would count for ever.
          if (!isBefore(route.consumed, { position: item[2], ordinal: item[3] })) return 'on';
          if (this.#pendingOf(route) >= this.#domain.limits.channelPendingMax) {
            route.phase = 'paused';
            return 'stop';
          }
          this.#give(route, item);
          return 'on';
        },
        atEnd: () => {
          if (isCurrent()) route.phase = 'live';
        },
      },
    ).then(
      () => this.#flush(),
      (cause: unknown) => {
        if (!isCurrent()) return;
        if (!isStoreUnavailable(cause)) return this.#onDamaged(cause);
        this.#domain.clock.after(storeDelayMs, () => {
          // Not from `after`: what was given since and is consumed must not be counted as given again.
          if (isCurrent()) this.#catchUp(route, route.unconsumed.at(-1) ?? route.consumed);
        });
      },
    );
  }

  #give(route: Route, item: MessageItem): void {
    route.unconsumed.push({ position: item[2], ordinal: item[3] });
    this.#send(route.destination, [itemRemote, route.epoch, item]);
  }

  #pendingOf(route: Route): number {
    return route.unconsumed.length - route.unconsumedFrom;
  }

  #key(source: number, destination: number): number {
    return source * this.#domain.partitionCount + destination;
  }
}
