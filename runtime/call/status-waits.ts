/**
 * Calls that are held until their actor comes to rest, a saga until it ends: then, when their time is over, or when the
 * node is about to stop, they are answered with the actor's `status` as it is.
 *
 * W1  One timer stands for all of them, at the end of the wait that ends first or before it: one for each is a timer, and
 *     six closures, for every transfer.
 */
import type { Caller } from '../../actors/model/message.js';
import type { Activation, Watcher } from '../actor/activation.js';
import type { CancelTimer } from '../clock.js';
import { outcomeReply } from '../commit/outcome.js';
import type { Domain } from '../domain.js';
import type { Executor } from '../execution.js';
import { answerStatus, type LinkAnswer } from '../link/link-protocol.js';
import { parkedOutcome, refusal, toAnswer } from './call-answers.js';

export interface StatusWaitsHost {
  /** Gives an answer out once that group is durable. */
  answer(answer: LinkAnswer, group: number): void;
  /** Runs as a turn of the shard. */
  turn(run: () => void): void;
  /** Whoever waited for the actor is told that it has come to rest, once that group is durable. */
  atRest(activation: Activation, group: number): void;
}

/** Answered waits that may stand among as many held ones, and this many more. */
const answeredMax = 64;

export class StatusWaits {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #host: StatusWaitsHost;
  #holds = true;
  /** Held, and some that are answered. */
  #watchers: Watcher[] = [];
  #heldCount = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: CancelTimer | undefined;

  constructor(domain: Domain, executor: Executor, host: StatusWaitsHost) {
    this.#domain = domain;
    this.#executor = executor;
    this.#host = host;
  }

  /** Holds a call until the actor is at rest or the wait is over. */
  hold(activation: Activation, requestId: number, waitMs: number, isReplay: boolean): void {
    if (!this.#holds || waitMs === 0 || !this.isOpen(activation))
      return this.#answer(activation, requestId, isReplay);
    const endsAt = this.#domain.clock.monotonic() + waitMs;
    const watcher: Watcher = { requestId, isReplay, endsAt, activation };
    if (activation.watchers === undefined) activation.watchers = [watcher];
    else activation.watchers.push(watcher);
    if (this.#watchers.length > 2 * this.#heldCount + answeredMax) this.#forgetAnswered();
    this.#watchers.push(watcher);
    this.#heldCount++;
    if (endsAt < this.#timerAt) this.#arm(endsAt);
  }

  #forgetAnswered(): void {
    this.#watchers = this.#watchers.filter(({ activation }) => activation !== undefined);
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(endsAt: number): void {
    this.#disarm();
    this.#timerAt = endsAt;
    const delayMs = Math.max(0, endsAt - this.#domain.clock.monotonic());
    this.#cancelTimer = this.#domain.clock.after(delayMs, () => this.#host.turn(() => this.#endLate()));
  }

  /** Answers those whose time is over. */
  #endLate(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const now = this.#domain.clock.monotonic();
    this.#forgetAnswered();
    let next = Number.POSITIVE_INFINITY;
    for (const watcher of this.#watchers) {
      const { activation, endsAt } = watcher;
      if (endsAt > now) {
        next = Math.min(next, endsAt);
      } else if (activation !== undefined) {
        const left = activation.watchers?.filter((other) => other !== watcher) ?? [];
        activation.watchers = left.length === 0 ? undefined : left;
        this.#release(watcher, activation);
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }

  #release(watcher: Watcher, activation: Activation): void {
    watcher.activation = undefined;
    this.#heldCount--;
    this.#answer(activation, watcher.requestId, watcher.isReplay);
  }

  /** The activation's state changed: whoever waits for it to come to rest may be answered. */
  changed(activation: Activation): void {
    if (activation.watchers === undefined) return;
    // Half changed by an `evolve` that threw: its waits go on once it was folded again.
    if (activation.phase === 'loading') return;
    if (activation.phase === 'ready' && this.isOpen(activation)) return;
    this.#end(activation);
    this.#host.atRest(activation, activation.touchedGroup);
  }

  /** No call is held from here on. */
  endAll(): void {
    this.#holds = false;
    this.#disarm();
    for (const { activation } of this.#watchers) if (activation !== undefined) this.#end(activation);
  }

  /** The domain was reset: how the actors stand is not known any more. */
  reset(): void {
    for (const { requestId, activation } of this.#watchers) {
      if (activation === undefined) continue;
      activation.watchers = undefined;
      const detail = 'The shard was reset while the call waited.';
      this.#host.answer(refusal(requestId, 'outcome-unknown', detail), 0);
    }
    this.#watchers = [];
    this.#heldCount = 0;
    this.#disarm();
  }

  isOpen(activation: Activation): boolean {
    try {
      return activation.kind.definition.isOpen?.(activation.state) ?? false;
    } catch (cause) {
      this.#domain.report('error', 'actor-threw', {
        kind: activation.kind.name,
        command: 'isOpen',
        message: cause instanceof Error ? cause.message : 'not an Error',
      });
      return false;
    }
  }

  #end(activation: Activation): void {
    const watchers = activation.watchers ?? [];
    activation.watchers = undefined;
    for (const watcher of watchers) this.#release(watcher, activation);
  }

  #answer(activation: Activation, requestId: number, isReplay: boolean): void {
    const refuse = (code: string, detail: string) => this.#host.answer(refusal(requestId, code, detail), 0);
    if (activation.phase === 'loading') return refuse('outcome-unknown', 'The actor is being loaded again.');
    if (activation.phase === 'parked')
      return this.#host.answer(toAnswer(requestId, parkedOutcome, 0, false), 0);
    const status = activation.kind.queryByName.get('status');
    if (status === undefined) return refuse('internal', 'The kind has no status to wait for.');
    const outcome = this.#executor.query(activation, status, [], internalCaller);
    const answer: LinkAnswer =
      outcome[0] === outcomeReply
        ? [requestId, answerStatus, outcome[2], activation.version, isReplay]
        : toAnswer(requestId, outcome, activation.version, isReplay);
    this.#host.answer(answer, activation.touchedGroup);
  }
}

const internalCaller: Caller = { principal: '', roles: [], internal: true };
