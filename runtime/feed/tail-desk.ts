/**
 * The shard's end of the feed: says how far each of its partitions is durable, and hands on what has just become so.
 *
 *     idle ──asked──▸ followed ──nobody asks any more──▸ idle
 *
 * D1  Only what is durable is said or handed on.
 * D2  What was handed on or kept is bounded: the follower asks once at a time, and entries that do not fit into
 *     `tailBytesMax` meanwhile are left to it to read from the journal. What it is told of heads is always the whole truth.
 * D3  While nobody follows, a commit pays one comparison.
 */
import type { CancelTimer } from '../clock.js';
import type { SealedEntry } from '../commit/group.js';
import type { Domain } from '../domain.js';
import { answerTail, type LinkAnswer, type TailEntry, type TailItem } from '../link/link-protocol.js';

export interface TailDeskHost {
  answer(answer: LinkAnswer): void;
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
}

export class TailDesk {
  readonly #domain: Domain;
  readonly #host: TailDeskHost;
  #isFollowed = false;
  #kept: TailEntry[] = [];
  #keptBytes = 0;
  #waiting: { readonly requestId: number; readonly cancelTimer: CancelTimer } | undefined;

  constructor(domain: Domain, host: TailDeskHost) {
    this.#domain = domain;
    this.#host = host;
  }

  /** Called in a turn, while the shard has its partitions. */
  take([, requestId, waitMs]: TailItem): void {
    if (waitMs < 0) return this.#host.answer([requestId, answerTail, this.#heads(), []]);
    // A follower that asks again has given up on its earlier question.
    this.#giveWaiting();
    const isNew = !this.#isFollowed;
    this.#isFollowed = true;
    if (isNew || this.#kept.length > 0) return this.#give(requestId);
    const cancelTimer = this.#domain.clock.after(waitMs, () => this.#host.turn(() => this.#giveWaiting()));
    this.#waiting = { requestId, cancelTimer };
  }

  /** A group has become durable. */
  durable(entries: readonly SealedEntry[]): void {
    if (!this.#isFollowed) return;
    for (const { partition, bytes } of entries) {
      this.#kept.push([partition, bytes]);
      this.#keptBytes += bytes.length;
    }
    if (this.#waiting !== undefined) return this.#giveWaiting();
    if (this.#keptBytes <= this.#domain.limits.tailBytesMax) return;
    this.#isFollowed = false;
    this.#drop();
  }

  /** The shard has lost its partitions for now: nothing is known, and the follower asks again. */
  reset(): void {
    this.#drop();
    this.#isFollowed = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.cancelTimer();
    if (waiting !== undefined) this.#host.answer([waiting.requestId, answerTail, [], []]);
  }

  #giveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.cancelTimer();
    if (waiting !== undefined) this.#give(waiting.requestId);
  }

  #give(requestId: number): void {
    this.#host.answer([requestId, answerTail, this.#heads(), this.#kept]);
    this.#drop();
  }

  #drop(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }

  #heads(): number[] {
    const heads: number[] = [];
    for (const partition of this.#domain.owned()) heads.push(partition.number, partition.durable);
    return heads;
  }
}
