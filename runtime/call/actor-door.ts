/**
 * The way of a call to its actor: past its guard, an actor that must consent, and past the actor's mailbox while it is
 * being loaded.
 *
 * D1  Calls for one actor that wait for it run in the order of their arrival; what comes later goes behind them.
 * D2  A mailbox holds at most `mailboxMax` calls; the next one is refused.
 */
import type { Activation } from '../actor/activation.js';
import { failureOutcome, outcomeReply, type StoredOutcome } from '../commit/outcome.js';
import type { Domain } from '../domain.js';
import type { Executor } from '../execution.js';
import type { Kind } from '../kind-table.js';
import type { CallItem, GuardItem } from '../link/link-protocol.js';
import { callerOf, parkedOutcome, resetOutcome, tooLateOutcome } from './call-answers.js';

export interface ActorDoorHost {
  /** The activation of an address, loading if it was not resident; undefined when another shard owns it. */
  obtain(kind: Kind, id: string): Activation | undefined;
  /** Runs what the open group has for its own actors. */
  runMail(): void;
  /** Ends a call that does not get in, once the group is durable whose work its refusal has seen. */
  refuse(item: CallItem, outcome: StoredOutcome, group: number): void;
}

export class ActorDoor {
  readonly #domain: Domain;
  readonly #executor: Executor;
  readonly #host: ActorDoorHost;

  constructor(domain: Domain, executor: Executor, host: ActorDoorHost) {
    this.#domain = domain;
    this.#executor = executor;
    this.#host = host;
  }

  /**
   * Runs `then` with the activation at rest and the guard's consent; `guardGroup` is the group that last touched what
   * the guard has seen. Activations are obtained when they are used: one kept over a wait may have been passivated.
   */
  enter(
    kind: Kind,
    item: CallItem,
    guard: GuardItem | 0,
    deadlineAt: number,
    then: (activation: Activation, guardGroup: number) => void,
  ): void {
    if (guard === 0) {
      return this.#atRest(kind, item[3], item, deadlineAt, (activation) => then(activation, 0));
    }
    const guardKind = this.#domain.kinds.kinds[guard[0]];
    const query = guardKind?.queries[guard[2]];
    if (guardKind === undefined || query === undefined) {
      return this.#host.refuse(item, failureOutcome('internal', 'The guard is not known.'), 0);
    }
    this.#atRest(guardKind, guard[1], item, deadlineAt, (neighbour) => {
      if (neighbour.phase === 'parked') return this.#host.refuse(item, parkedOutcome, 0);
      const { touchedGroup } = neighbour;
      const outcome = this.#executor.query(neighbour, query, guard[3], callerOf(item));
      if (outcome[0] !== outcomeReply) return this.#host.refuse(item, outcome, touchedGroup);
      this.#atRest(kind, item[3], item, deadlineAt, (activation) => then(activation, touchedGroup));
    });
  }

  /** Runs with the activation loaded; calls that arrive while it loads keep their order. */
  #atRest(
    kind: Kind,
    id: string,
    item: CallItem,
    deadlineAt: number,
    run: (activation: Activation) => void,
  ): void {
    const activation = this.#host.obtain(kind, id);
    if (activation === undefined) {
      return this.#host.refuse(item, failureOutcome('moved', 'The shard does not have this actor.'), 0);
    }
    if (activation.mailCount > 0) this.#host.runMail();
    // Work that waited for the load goes first.
    if (activation.phase !== 'loading' && activation.waiting.length === 0) return run(activation);
    const mailboxMax = kind.definition.mailboxMax ?? this.#domain.limits.mailboxMax;
    if (activation.waiting.length >= mailboxMax) {
      return this.#host.refuse(
        item,
        failureOutcome('mailbox-full', 'Too many commands wait for this actor.'),
        0,
      );
    }
    activation.enqueue({
      run: () => {
        if (this.#domain.clock.monotonic() > deadlineAt) this.#host.refuse(item, tooLateOutcome, 0);
        else run(activation);
      },
      refuse: () => this.#host.refuse(item, resetOutcome, 0),
    });
  }
}
