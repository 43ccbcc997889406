/**
 * Links between simulated threads: what is sent in one turn travels as one batch, for as long as the seed draws, and
 * arrives on the other thread's event loop.
 *
 * S1  Batches of one direction arrive in their order, as those of a MessagePort do; between links there is no order.
 * S2  What is under way to a killed thread is gone; what is under way to a paused one waits for it.
 */
import { packCopy, unpack } from '../../actors/model/codec.js';
import type { Link } from '../../runtime/link/link.js';
import type { ThreadClock } from './thread-clock.js';
import type { VirtualClock } from './virtual-clock.js';

export interface LinkEnds<Near, Far> {
  /** Sends `Near`, receives `Far`. */
  readonly near: Link<Near, Far>;
  readonly far: Link<Far, Near>;
}

/** `delayMs` is drawn for each batch. */
export function simulatedLink<Near, Far>(
  world: VirtualClock,
  near: ThreadClock,
  far: ThreadClock,
  delayMs: () => number,
): LinkEnds<Near, Far> {
  const there = new Direction<Near>(world, far, delayMs);
  const back = new Direction<Far>(world, near, delayMs);
  return { near: new LinkEnd(there, back), far: new LinkEnd(back, there) };
}

class Direction<Item> {
  readonly #world: VirtualClock;
  readonly #receiver: ThreadClock;
  readonly #delayMs: () => number;
  readonly #underWay: Uint8Array[] = [];
  onBatch: ((items: readonly Item[]) => void) | undefined;

  constructor(world: VirtualClock, receiver: ThreadClock, delayMs: () => number) {
    this.#world = world;
    this.#receiver = receiver;
    this.#delayMs = delayMs;
  }

  send(batch: readonly Item[]): void {
    // Copied, as between real threads: whoever changes what it has sent changes nothing here.
    this.#underWay.push(packCopy(batch));
    this.#world.after(this.#delayMs(), () => this.#receiver.defer(() => this.#arrive()));
  }

  /** The oldest batch under way: the first to arrive is the first that was sent (S1). */
  #arrive(): void {
    const batch = this.#underWay.shift();
    if (batch !== undefined) this.onBatch?.(unpack(batch) as Item[]);
  }
}

class LinkEnd<Out, In> implements Link<Out, In> {
  readonly #out: Direction<Out>;
  readonly #in: Direction<In>;
  #queued: Out[] = [];

  constructor(out: Direction<Out>, incoming: Direction<In>) {
    this.#out = out;
    this.#in = incoming;
  }

  send(item: Out): void {
    this.#queued.push(item);
  }

  flush(): void {
    if (this.#queued.length === 0) return;
    this.#out.send(this.#queued);
    this.#queued = [];
  }

  receive(onBatch: (items: readonly In[]) => void): void {
    this.#in.onBatch = onBatch;
  }

  close(): void {
    this.#in.onBatch = undefined;
  }
}
