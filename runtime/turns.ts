/**
 * The turns of a shard, one at a time.
 *
 * Z1  Everything happens in turns: an input, then queued work (messages before calls), then one send of the open group
 *     and one flush of each link. Nothing else touches the state.
 * Z2  A turn that throws is the last: half of it is in the state. To the watchdog it does not end, so that the actor whose
 *     code ran stays noted until the thread is gone (H3 of `ops/thread-shards.ts`).
 * Z3  While another turn is due, a turn takes its input in and begins nothing. What became readable together comes in one after
 *     another; were the whole time of a turn spent on each, the store's answers would come in last. Measured, 2 vCPU, in turn:
 *     12.1k to 12.8k transfers a second without this rule, 13.2k to 13.7k with it.
 */
import type { Domain } from './domain.js';

export interface TurnHost {
  /** At the beginning and at the end of each turn. */
  onTurn?(isBusy: boolean): void;
}

/** What follows an input in every turn. */
export interface TurnSteps {
  /** Runs what is queued. */
  work(): void;
  /** Runs of it what the open group is not sent without (G1 of `group-mail.ts`). */
  emptyMail(): void;
  /** Sends what the turn has made: to the store, and to whoever waits for it. */
  send(): void;
}

export class Turns {
  readonly #domain: Domain;
  readonly #host: TurnHost;
  readonly #steps: TurnSteps;
  #isUnderWay = false;
  #hasThrown = false;
  #isAnotherDue = false;
  /** Called after the next turn. */
  readonly #waiters: (() => void)[] = [];

  constructor(domain: Domain, host: TurnHost, steps: TurnSteps) {
    this.#domain = domain;
    this.#host = host;
    this.#steps = steps;
  }

  /** Runs an input and everything that follows from it (Z1). Nested inputs join the turn under way. */
  run(input: () => void): void {
    if (this.#isUnderWay) return input();
    if (this.#hasThrown) return;
    this.#isUnderWay = true;
    this.#host.onTurn?.(true);
    this.#domain.now = this.#domain.clock.now();
    try {
      input();
      if (this.#isAnotherDue) this.#steps.emptyMail();
      else this.#steps.work();
      this.#steps.send();
    } catch (cause) {
      this.#hasThrown = true;
      throw cause;
    } finally {
      this.#isUnderWay = false;
    }
    this.#host.onTurn?.(false);
    this.endWaits();
  }

  /** One more turn, after I/O was let in. */
  runSoon(): void {
    if (this.#isAnotherDue) return;
    this.#isAnotherDue = true;
    this.#domain.clock.defer(() => {
      this.#isAnotherDue = false;
      this.run(() => undefined);
    });
  }

  /** Resolves after the next turn, or at `endWaits`. To look by a timer instead would not keep a process alive. */
  next(): Promise<void> {
    return new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Whoever waits for a turn looks again now. */
  endWaits(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
