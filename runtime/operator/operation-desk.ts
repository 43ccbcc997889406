/**
 * The shard's end of operations: runs each in a turn and gives its answer out when it is durable.
 */
import { isOperatingError, OperatingError } from '../../actors/model/errors.js';
import {
  answerFailure,
  answerOperation,
  type LinkAnswer,
  type OperationItem,
} from '../link/link-protocol.js';
import type { Partition } from '../partition.js';
import { listActors, listParked, showActor, unparkActor } from './actor-operations.js';
import { listAudit } from './audit.js';
import { backfillReaction } from './backfill.js';
import { listLetters, replayLetters, skipLetter } from './letter-operations.js';
import type { Answer, Ask, OperationName } from './operation.js';
import type { OperationGround, Operator } from './operation-ground.js';
import { countSagas } from './saga-census.js';
import { findSagas, listOpenSagas, listRecentSagas, lookAtSagas } from './saga-operations.js';
import { listTimers, moveTimer } from './timer-operations.js';

export interface OperationDeskHost {
  answer(answer: LinkAnswer): void;
  /** Number of the open group. */
  openGroup(): number;
  /** Runs one of the two, as a turn of the shard: `run` once the group is durable, `refuse` when it never will be. */
  whenDurable(group: number, run: () => void, refuse: () => void): void;
  turn(run: () => void): void;
}

type Handler<N extends OperationName> = (
  ground: OperationGround,
  partition: Partition,
  ask: Ask<N>,
  operator: Operator,
) => Answer<N> | Promise<Answer<N>>;

const handlers: { readonly [N in OperationName]: Handler<N> } = {
  'timers.list': listTimers,
  'timers.move': moveTimer,
  'actors.list': listActors,
  'actors.parked': listParked,
  'actors.show': showActor,
  'actors.unpark': unparkActor,
  'sagas.open': listOpenSagas,
  'sagas.recent': listRecentSagas,
  'sagas.count': countSagas,
  'audit.list': listAudit,
  'reactions.backfill': backfillReaction,
  'sagas.look': lookAtSagas,
  'sagas.find': findSagas,
  'letters.list': listLetters,
  'letters.replay': replayLetters,
  'letters.skip': skipLetter,
};

export class OperationDesk {
  readonly #ground: OperationGround;
  readonly #host: OperationDeskHost;
  #underWay = 0;

  constructor(ground: OperationGround, host: OperationDeskHost) {
    this.#ground = ground;
    this.#host = host;
  }

  /** True when no operation waits for a load or a read. */
  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** Called in a turn. */
  take([, requestId, number, name, ask, principal, commandId]: OperationItem): void {
    const partition = this.#ground.domain.partitions[number];
    if (partition === undefined) return this.#refuse(requestId, moved);
    const operator: Operator = { principal, commandId };
    // The client's types tie the name to what is asked; a name comes from the same program.
    const handler = handlers[name as OperationName] as Handler<OperationName>;
    let answer: unknown;
    try {
      answer = handler(this.#ground, partition, ask as Ask<OperationName>, operator);
    } catch (cause) {
      return this.#refuse(requestId, cause);
    }
    if (!(answer instanceof Promise)) return this.#give(requestId, answer);
    this.#underWay++;
    const end = (run: () => void) =>
      this.#host.turn(() => {
        this.#underWay--;
        run();
      });
    answer.then(
      (given: unknown) => end(() => this.#give(requestId, given)),
      (cause: unknown) => end(() => this.#refuse(requestId, cause)),
    );
  }

  /** Whatever the answer was computed from is in the open group at the latest. */
  #give(requestId: number, answer: unknown): void {
    this.#host.whenDurable(
      this.#host.openGroup(),
      () => this.#host.answer([requestId, answerOperation, answer]),
      () => this.#refuse(requestId, reset),
    );
  }

  #refuse(requestId: number, cause: unknown): void {
    if (isOperatingError(cause)) {
      return this.#host.answer([requestId, answerFailure, cause.code, cause.message, false]);
    }
    this.#ground.domain.report('error', 'operation-failed', {
      message: cause instanceof Error ? cause.message : 'not an Error',
      stack: cause instanceof Error ? cause.stack : undefined,
    });
    this.#host.answer([requestId, answerFailure, 'internal', 'The operation failed.', false]);
  }
}

const moved = new OperatingError('moved', 'The shard does not have this partition.');
const reset = new OperatingError('storage-unavailable', 'The store refused; nothing of it was done.');
