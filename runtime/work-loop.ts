/**
 * The work of one turn: what is queued, in the order in which it has its turn.
 *
 *     mail of the open group ─▸ messages, up to a number of hops ─▸ a few calls, in turn with work that waited for its actor
 *
 * V1  A turn ends when nothing is queued, when its time is over, or when no group takes more; the rest has a later one.
 * V2  Messages come before calls: what has begun is finished before more is, so that a transfer seldom spans two groups.
 *     Past the bound outside commands have their turn, however many messages follow from each other.
 * V3  The mail is empty before a message of a channel is taken, a group is sent or the turn ends (G1, G2 of `group-mail.ts`).
 */
import type { ActivationDesk } from './actor/activation-desk.js';
import type { CallDesk } from './call/call-desk.js';
import type { CallQueue } from './call/call-queue.js';
import type { OutputGate } from './commit/output-gate.js';
import type { Domain } from './domain.js';
import type { Lifecycle } from './lifecycle.js';
import type { ChannelHub } from './link/channel-hub.js';
import { type CallItem, itemCommand } from './link/link-protocol.js';
import type { MessageDesk } from './message-desk.js';
import type { OutsidePace } from './outside-pace.js';
import type { Turns } from './turns.js';

/** Commands between two looks at the clock. */
const stepsPerLook = 16;
/**
 * Calls that are begun before the mail of the first is run: the same step of so many transfers in a row finds its code in the
 * processor's caches. One at a time costs 7 % more (2 vCPU), 32 save little on top and make turns longer.
 */
const callsPerBatch = 16;
/** Messages that wait before no more calls are begun; two calls may send 128. */
const mailMax = 32;

export class WorkLoop {
  readonly #domain: Domain;
  readonly #life: Lifecycle;
  readonly #turns: Turns;
  readonly #gate: OutputGate;
  readonly #messages: MessageDesk;
  readonly #hub: ChannelHub;
  readonly #activations: ActivationDesk;
  readonly #calls: CallDesk;
  readonly #queued: CallQueue;
  readonly #pace: OutsidePace;

  constructor(parts: {
    readonly domain: Domain;
    readonly life: Lifecycle;
    readonly turns: Turns;
    readonly gate: OutputGate;
    readonly messages: MessageDesk;
    readonly hub: ChannelHub;
    readonly activations: ActivationDesk;
    readonly calls: CallDesk;
    readonly queued: CallQueue;
    readonly pace: OutsidePace;
  }) {
    this.#domain = parts.domain;
    this.#life = parts.life;
    this.#turns = parts.turns;
    this.#gate = parts.gate;
    this.#messages = parts.messages;
    this.#hub = parts.hub;
    this.#activations = parts.activations;
    this.#calls = parts.calls;
    this.#queued = parts.queued;
    this.#pace = parts.pace;
  }

  /** Runs until the turn ends (V1). */
  run(): void {
    let hops = 0;
    let steps = 0;
    const { internalHopsPerTurnMax, entryBytesMax, turnMs } = this.#domain.limits;
    const { clock } = this.#domain;
    const endAt = clock.monotonic() + turnMs;
    let begun = callsPerBatch;
    while (this.#life.isServing) {
      // V3: a channel's next message may have been sent after mail that is not run yet.
      const channel = hops < internalHopsPerTurnMax ? this.#hub.peek() : undefined;
      let isFull = this.#isFull(entryBytesMax);
      if (
        isFull ||
        channel !== undefined ||
        begun >= callsPerBatch ||
        this.#messages.mailPending >= mailMax
      ) {
        hops += this.#messages.runMail();
        begun = 0;
        isFull = this.#isFull(entryBytesMax);
      }
      if (isFull) {
        this.#gate.committer.send();
        // Two groups are in flight: the answer of the first continues the loop.
        if (this.#isFull(entryBytesMax)) return;
      }
      if (++steps % stepsPerLook === 0 && clock.monotonic() > endAt) return this.#endEarly();
      // Messages first (V2).
      if (channel !== undefined) {
        hops++;
        this.#messages.consume(channel);
        continue;
      }
      if (this.#begin(steps)) {
        begun++;
        continue;
      }
      const run = this.#messages.runMail();
      hops += run;
      begun = 0;
      if (run === 0) break;
    }
    this.#queued.compact();
    if (hops >= internalHopsPerTurnMax) this.#turns.runSoon();
  }

  /** Begins a call, or work that waited for its actor; false when there is neither. */
  #begin(step: number): boolean {
    // In turn: after a restart timers of thousands wait for their actors, and no call should for all of them.
    if (step % 2 === 0 && this.#activations.runWaiting()) return true;
    const next = this.#queued.peek();
    if (next === undefined || !this.#mayTake(next.item)) return this.#activations.runWaiting();
    this.#queued.advance();
    this.#calls.take(next.item, next.receivedAt);
    return true;
  }

  /** The turn's time is over: other work comes in between. */
  #endEarly(): void {
    this.#messages.runMail();
    this.#turns.runSoon();
  }

  #mayTake(item: CallItem): boolean {
    return item[0] !== itemCommand || this.#life.phase !== 'open' || this.#pace.admits();
  }

  /** No more may be added to the open group. */
  #isFull(bytesMax: number): boolean {
    if (this.#gate.committer.isFull) return true;
    for (const partition of this.#gate.committer.open.partitions)
      if (partition.writer.byteCount >= bytesMax) return true;
    return false;
  }
}
