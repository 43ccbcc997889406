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
/** A power of two; doubled when half of them are taken. */
const slotsAtFirst = 1_024;

interface Numbered<Call> {
  readonly requestId: number;
  readonly call: Call;
}

interface Load {
  calls: number;
  bytes: number;
}

export class PendingCalls<Call extends PendingCall> {
  readonly #clock: Clock;
  readonly #limits: Limits;
  #slots: (Numbered<Call> | undefined)[] = new Array<Numbered<Call> | undefined>(slotsAtFirst).fill(
    undefined,
  );
  #count = 0;
  #nextRequestId = 1;
  readonly #loads: Load[];
  #cancelCheck: CancelTimer | undefined;

  constructor(clock: Clock, limits: Limits, shardCount: number) {
    this.#clock = clock;
    this.#limits = limits;
    this.#loads = Array.from({ length: shardCount }, () => ({ calls: 0, bytes: 0 }));
  }

  get count(): number {
    return this.#count;
  }

  /** True while the shard can take a call more (G2). The last one may go past the bound of bytes. */
  hasRoom(shard: number): boolean {
    const load = this.#loads[shard];
    if (load === undefined) return false;
    return load.calls < this.#limits.callsPerShardMax && load.bytes < this.#limits.callBytesPerShardMax;
  }

  /** The number for the next call that is added; no other call has or had it. */
  get nextRequestId(): number {
    while (this.#slots[this.#slotOf(this.#nextRequestId)] !== undefined) this.#nextRequestId++;
    return this.#nextRequestId;
  }

  /** Takes a call under `nextRequestId`. */
  add(call: Call): void {
    const requestId = this.nextRequestId;
    this.#nextRequestId++;
    this.#slots[this.#slotOf(requestId)] = { requestId, call };
    if (++this.#count * 2 > this.#slots.length) this.#grow();
    const load = this.#loads[call.shard];
    if (load !== undefined) {
      load.calls++;
      load.bytes += call.bytes;
    }
    this.#cancelCheck ??= this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }

  get(requestId: number): Call | undefined {
    const held = this.#slots[this.#slotOf(requestId)];
    return held?.requestId === requestId ? held.call : undefined;
  }

  /** A no-op when the call is settled already (G1). */
  settle(requestId: number, answer: ActorAnswer): void {
    const call = this.get(requestId);
    if (call === undefined) return;
    this.#slots[this.#slotOf(requestId)] = undefined;
    this.#count--;
    const load = this.#loads[call.shard];
    if (load !== undefined) {
      load.calls--;
      load.bytes -= call.bytes;
    }
    call.answered(answer);
  }

  /** Whether these took effect cannot be known any more. Without a shard: all of them. */
  leaveOpen(detail: string, shard?: number): void {
    for (const { requestId, call } of this.#held())
      if (shard === undefined || call.shard === shard) this.settle(requestId, unknown(detail));
  }

  /** No deadline is looked at from here on. */
  stop(): void {
    this.#cancelCheck?.();
  }

  #checkDeadlines(): void {
    this.#cancelCheck = undefined;
    const now = this.#clock.monotonic();
    for (const { requestId, call } of this.#held()) {
      if (call.deadlineAt <= now) this.settle(requestId, unknown('The deadline passed.'));
    }
    if (this.#count > 0) this.#cancelCheck = this.#clock.after(deadlineCheckMs, () => this.#checkDeadlines());
  }

  /** A copy: who is settled may submit again at once. */
  #held(): Numbered<Call>[] {
    return this.#slots.filter((held) => held !== undefined);
  }

  #slotOf(requestId: number): number {
    return requestId % this.#slots.length;
  }

  /** Numbers that differ in half as many slots differ in these. */
  #grow(): void {
    const held = this.#held();
    this.#slots = new Array<Numbered<Call> | undefined>(this.#slots.length * 2).fill(undefined);
    for (const one of held) this.#slots[this.#slotOf(one.requestId)] = one;
  }
}

function unknown(detail: string): ActorAnswer {
  return { type: 'failure', code: 'outcome-unknown', detail, retryAfterSeconds: 1 };
}
