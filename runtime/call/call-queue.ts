/** Calls that wait for their turn, first come, first served. */
import type { CallItem } from '../link/link-protocol.js';

export interface QueuedCall {
  readonly item: CallItem;
  /** Monotonic ms. */
  readonly receivedAt: number;
}

export class CallQueue {
  #calls: QueuedCall[] = [];
  #next = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  push(call: QueuedCall): void {
    this.#calls.push(call);
  }

  peek(): QueuedCall | undefined {
    return this.#calls[this.#next];
  }

  /** Takes the one that `peek` shows. */
  advance(): void {
    this.#next++;
  }

  /** Lets go of what was taken. To be called now and then, when a turn ends. */
  compact(): void {
    if (this.#next < this.#calls.length) return;
    this.#calls = [];
    this.#next = 0;
  }

  /** Takes all of them. */
  drain(): readonly QueuedCall[] {
    const left = this.#calls.slice(this.#next);
    this.#calls = [];
    this.#next = 0;
    return left;
  }
}
