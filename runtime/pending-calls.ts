/**
 * The calls that were taken and are not answered yet, with what each shard holds of them.
 *
 * G1  Every call is settled exactly once: by an answer, or at its deadline with `outcome-unknown`.
 * G2  A shard holds at most `callsPerShardMax` calls and `callBytesPerShardMax` bytes of them. Calls that do not say how
 *     large they are count `callBytesDefault` each, so that they meet both bounds at the same moment.
 */
import type { ActorAnswer } from './actor-client.js';
import type { CancelTimer, Clock } from './clock.js';
import type { Limits } from './limits.js';

export interface PendingCall {
  readonly shard: number;
  readonly bytes: number;
  /** Monotonic ms. */
  readonly deadlineAt: number;
  readonly answered: (answer: ActorAnswer) => void;
}

/** 16,384 calls of 1,024 bytes are 16 MB. */
export const callBytesDefault = 1_024;
const deadlineCheckMs = 100;

interface Load {
  calls: number;
  bytes: number;
}

export class PendingCalls<Call extends PendingCall> {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #calls = new Map<number, Call>();
  readonly #loads: Load[];
  #cancelCheck: CancelTimer | undefined;

  constructor(clock: Clock, limits: Limits, shardCount: number) {
    this.#clock = clock;
    this.#limits = limits;
    this.#loads = Array.from({ length: shardCount }, () => ({ calls: 0, bytes: 0 }));
  }

  get count(): number {
    return this.#calls.size;
  }

  /** True while the shard can take a call more (G2). The last one may go past the bound of bytes. */
  hasRoom(shard: number): boolean {
    const load = this.#loads[shard];
    if (load === undefined) return false;
    return load.calls < this.#limits.callsPerShardMax && load.bytes < this.#limits.callBytesPerShardMax;
  }

  add(requestId: number, call: Call): void {
    this.#calls.set(requestId, call);
    const load = this.#loads[call.shard];
    if (load !== undefined) {
      load.calls++;
      load.bytes += call.bytes;
    }
    this.#cancelCheck ??= this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }

  get(requestId: number): Call | undefined {
    return this.#calls.get(requestId);
  }

  /** A no-op when the call is settled already (G1). */
  settle(requestId: number, answer: ActorAnswer): void {
    const call = this.#calls.get(requestId);
    if (call === undefined) return;
    this.#calls.delete(requestId);
    const load = this.#loads[call.shard];
    if (load !== undefined) {
      load.calls--;
      load.bytes -= call.bytes;
    }
    call.answered(answer);
  }

  /** Whether these took effect cannot be known any more. Without a shard: all of them. */
  leaveOpen(detail: string, shard?: number): void {
    for (const [requestId, call] of [...this.#calls])
      if (shard === undefined || call.shard === shard) this.settle(requestId, unknown(detail));
  }

  /** No deadline is looked at from here on. */
  stop(): void {
    this.#cancelCheck?.();
  }

  #checkDeadlines(): void {
    this.#cancelCheck = undefined;
    const now = this.#clock.monotonic();
    for (const [requestId, { deadlineAt }] of this.#calls) {
      if (deadlineAt <= now) this.settle(requestId, unknown('The deadline passed.'));
    }
    if (this.#calls.size > 0)
      this.#cancelCheck = this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }
}

function unknown(detail: string): ActorAnswer {
  return { type: 'failure', code: 'outcome-unknown', detail, retryAfterSeconds: 1 };
}
