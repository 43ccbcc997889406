/**
 * Somebody who follows the events of the system, from another process: it takes each event into a database of its own,
 * together with the position behind it, loses what it has not saved when it dies, and goes on from there at whatever node
 * serves.
 *
 *     I6    an event that it is given is durable
 *     I13   it is given every event once, in the order of its partition, and none is left out, whatever dies on either side
 */
import { partitionOf } from '../../actors/model/address.js';
import type { RecordedEvent } from '../../actors/model/call.js';
import { isOperatingError, OperatingError } from '../../actors/model/errors.js';
import type { FeedFrom } from '../../runtime/feed/event-feed.js';
import { encodePosition } from '../../runtime/feed/feed-position.js';
import { type EventLine, EventLines } from './event-lines.js';
import type { ClientAnswer, ClientRequest } from './http-requests.js';
import type { JournalAudit } from './journal-audit.js';
import type { SeededRandom } from './seeded-random.js';
import type { ConnectionEnds } from './simulated-network.js';
import type { SimulatedNode } from './simulated-node.js';
import { Violation } from './workload.js';

export interface SubscriberWorld {
  readonly draw: SeededRandom;
  readonly partitionCount: number;
  readonly audit: JournalAudit;
  sometimes(name: string): void;
  /** Follows a stream of the gateway; undefined when the node has none. The function closes the connection. */
  stream(node: SimulatedNode, request: ClientRequest, ends: ConnectionEnds): (() => void) | undefined;
}

/** `follow`: a subscription that is kept open; `pages`: one page after the other; `stream`: server-sent events over the network. */
export type SubscriberManner = 'follow' | 'pages' | 'stream';

/** What it has saved: where to go on, and how many events of each partition lie before that. */
interface Saved {
  readonly from: FeedFrom;
  readonly taken: readonly number[];
}

/** One run of it, from its last saved position to its death or that of the node. */
interface Life {
  readonly node: SimulatedNode;
  readonly taken: number[];
  isOver: boolean;
  /** A page or a subscription is asked for or open. */
  isAsking: boolean;
  close: () => void;
}

type GivenEvent = Pick<RecordedEvent, 'aggregateId' | 'aggregateType' | 'streamVersion' | 'type'>;

/** What a node may answer that cannot serve now, or is no longer there. */
const passing: ReadonlySet<string> = new Set([
  'partition-silent',
  'shutting-down',
  'storage-unavailable',
  'store-broken',
  'store-closed',
  'store-went-back',
]);

export class SimulatedSubscriber {
  readonly #world: () => SubscriberWorld;
  readonly #manner: SubscriberManner;
  /** The only kind it wants; undefined: all. */
  readonly #kind: string | undefined;
  #saved: Saved;
  #life: Life | undefined;
  #violation: Error | undefined;

  constructor(
    world: () => SubscriberWorld,
    wants: { readonly manner: SubscriberManner; readonly kind: string | undefined },
    partitionCount: number,
  ) {
    this.#world = world;
    this.#manner = wants.manner;
    this.#kind = wants.kind;
    this.#saved = { from: 'start', taken: new Array<number>(partitionCount).fill(0) };
  }

  /** Does what is to be done now, at this node. Throws what it has found. */
  drive(node: SimulatedNode): void {
    if (this.#violation !== undefined) throw this.#violation;
    const { draw, sometimes } = this.#world();
    if (this.#life !== undefined && draw.below(60) === 0) {
      sometimes('a subscriber died');
      this.die();
    }
    if (this.#life?.node !== node || this.#life.isOver) {
      this.die();
      const taken = [...this.#saved.taken];
      this.#life = { node, taken, isOver: false, isAsking: false, close: () => {} };
    }
    if (!this.#life.isAsking) void this.#ask(this.#life);
  }

  /** Forgets what it has not saved. */
  die(): void {
    const life = this.#life;
    this.#life = undefined;
    if (life === undefined) return;
    life.isOver = true;
    life.close();
  }

  /** True when it has taken and saved everything. */
  get isAtEnd(): boolean {
    const { taken } = this.#saved;
    return taken.every((count, partition) => this.#next(partition, count) === undefined);
  }

  async #ask(life: Life): Promise<void> {
    life.isAsking = true;
    try {
      await this.#by[this.#manner](life);
    } catch (cause) {
      if (life.isOver) return;
      life.isOver = true;
      if (!(isCoded(cause) && passing.has(cause.code))) this.#violation = cause as Error;
      else this.#world().sometimes('a subscriber was turned away');
    } finally {
      life.isAsking = false;
    }
  }

  readonly #by: Readonly<Record<SubscriberManner, (life: Life) => Promise<void>>> = {
    follow: (life) => this.#follow(life),
    pages: (life) => this.#page(life),
    stream: (life) => this.#stream(life),
  };

  async #follow(life: Life): Promise<void> {
    const subscription = await life.node.system.feed.subscribe(this.#selection, this.#saved.from);
    life.close = () => subscription.close();
    if (life.isOver) return subscription.close();
    for (;;) {
      const batch = await subscription.next();
      if (life.isOver) return;
      if (batch === undefined) break;
      for (const { event, token } of batch.events) this.#take(life, event, { token });
      this.#save(life, { token: encodePosition(batch.end) });
    }
    // The node closed it.
    life.isOver = true;
  }

  /** Resolves when the connection is gone. */
  async #stream(life: Life): Promise<void> {
    const { stream } = this.#world();
    const { from } = this.#saved;
    const lines = new EventLines();
    let failed: Error | undefined;
    await new Promise<void>((resolve) => {
      const take = (chunk: string): void => {
        if (life.isOver || failed !== undefined) return;
        try {
          for (const line of lines.take(chunk)) this.#takeLine(life, line);
        } catch (cause) {
          failed = cause as Error;
          resolve();
        }
      };
      const request: ClientRequest = {
        method: 'GET',
        path: '/api/v1/events/stream',
        query: `from=start${this.#kind === undefined ? '' : `&kind=${this.#kind}`}`,
        body: '',
        caller: { principal: 'follower', roles: ['admin'], internal: false },
        ...(typeof from === 'object' && 'token' in from ? { lastEventId: from.token } : {}),
      };
      const answered = ({ status, body }: ClientAnswer): void => {
        const { code } = JSON.parse(body) as { readonly code?: string };
        failed = new OperatingError('internal', `a stream is answered ${status}: ${body}`);
        if (code !== undefined && passing.has(code)) failed = new OperatingError('partition-silent', body);
        resolve();
      };
      const close = stream(life.node, request, { answered, chunk: take, lost: resolve });
      if (close === undefined) resolve();
      else
        life.close = () => {
          close();
          resolve();
        };
    });
    if (failed !== undefined) throw failed;
    life.isOver = true;
  }

  #takeLine(life: Life, { id, event, data }: EventLine): void {
    if (event === 'resync') throw new Violation('I13: a stream was cut that nobody had cut');
    if (event === 'end' || data === undefined || event === 'open') {
      // The id of a heartbeat stands behind everything that came before it.
      if (id !== '' && event === 'message') this.#save(life, { token: id });
      return;
    }
    // The stream's own form of an event, as `eventJson` makes it.
    const sent = data as Readonly<Record<string, string | number>>;
    this.#take(
      life,
      {
        aggregateId: String(sent.aggregate_id),
        aggregateType: String(sent.aggregate_type),
        streamVersion: Number(sent.stream_version),
        type: String(sent.event_type),
      },
      { token: id },
    );
  }

  async #page(life: Life): Promise<void> {
    const { draw } = this.#world();
    const limit = 1 + draw.below(9);
    const page = await life.node.system.feed.page({ ...this.#selection, from: this.#saved.from, limit });
    if (life.isOver) return;
    for (const { event, token } of page.events) this.#take(life, event, { token });
    this.#save(life, { token: page.next }, true);
  }

  get #selection(): { readonly kinds?: readonly string[] } {
    return this.#kind === undefined ? {} : { kinds: [this.#kind] };
  }

  #take(life: Life, event: GivenEvent, behind: FeedFrom): void {
    const { audit, partitionCount } = this.#world();
    audit.advance();
    const partition = partitionOf(event.aggregateId, partitionCount);
    const found = `${event.aggregateType}/${event.aggregateId} ${event.streamVersion} ${event.type}`;
    const next = this.#next(partition, life.taken[partition] as number);
    if (next === undefined) throw new Violation(`I6: a subscriber was given ${found}, which is not durable`);
    if (next.name !== found)
      throw new Violation(`I13: a subscriber was given ${found} instead of ${next.name}`);
    life.taken[partition] = next.place + 1;
    if (this.#manner !== 'pages') this.#save(life, behind);
  }

  /** Not always: what was taken since is taken again after its death. */
  #save(life: Life, from: FeedFrom, isCertain = false): void {
    if (isCertain || this.#world().draw.below(2) === 0) this.#saved = { from, taken: [...life.taken] };
  }

  /** The next event that it wants, from the given place of a partition on. */
  #next(partition: number, from: number): { readonly name: string; readonly place: number } | undefined {
    const events = this.#world().audit.eventsOf(partition);
    for (let place = from; place < events.length; place++) {
      const { kind, id, version, type } = events[place] as (typeof events)[number];
      if (this.#kind === undefined || kind === this.#kind)
        return { name: `${kind}/${id} ${version} ${type}`, place };
    }
    return undefined;
  }
}

function isCoded(cause: unknown): cause is { readonly code: string } {
  return isOperatingError(cause) || (cause instanceof Error && 'code' in cause);
}
