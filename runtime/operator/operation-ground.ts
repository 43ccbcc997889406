/**
 * What operations of the operator stand on: the shard they run in, and how they come to an actor.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { Activation } from '../actor/activation.js';
import { outcomeReply } from '../commit/outcome.js';
import { causeCommand, type StoredTimer } from '../commit/record.js';
import type { Domain } from '../domain.js';
import type { Executor } from '../execution.js';
import type { Kind, OperationVerb } from '../kind-table.js';
import type { Origin } from '../origin.js';
import type { TimerDesk } from '../timer/timer-desk.js';

/** Who asks, and under which id the change is recorded. */
export interface Operator {
  readonly principal: string;
  readonly commandId: string;
}

export interface OperationGround {
  readonly domain: Domain;
  readonly executor: Executor;
  readonly timers: TimerDesk;
  /** Actors that failed too often; those of other partitions too. */
  parked(): ReadonlySet<Activation>;
  /** Tries a parked actor again; it is loading afterwards. */
  unpark(activation: Activation): void;
  /** Resident activations of a kind. */
  residents(kind: Kind): Iterable<Activation>;
  /** The activation of an address, loading if it was not resident. */
  obtain(kind: Kind, id: string): Activation | undefined;
}

/** Runs in a turn in which the actor is ready or parked. Rejects when the domain was reset meanwhile. */
export function withActor<Result>(
  { obtain }: Pick<OperationGround, 'obtain'>,
  kind: Kind,
  id: string,
  run: (activation: Activation) => Result,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const activation = obtain(kind, id);
    if (activation === undefined)
      return reject(new OperatingError('moved', 'The shard does not have this actor.'));
    const settle = () => {
      try {
        resolve(run(activation));
      } catch (cause) {
        reject(cause);
      }
    };
    if (activation.phase !== 'loading' && activation.waiting.length === 0) return settle();
    const refuse = () =>
      reject(new OperatingError('storage-unavailable', 'The store refused; nothing was done.'));
    activation.enqueue({ run: settle, refuse });
  });
}

export interface Change {
  readonly operator: Operator;
  readonly verb: OperationVerb;
  /** Of what the change is about, so that its story goes on under one id. Default: the change begins a story. */
  readonly correlationId?: string | 0;
}

/** Records a change that an operator makes beside an actor's own commands, with who made it. */
export function recordChange(
  { domain, executor }: OperationGround,
  activation: Activation,
  { operator, verb, correlationId }: Change,
  timers: readonly StoredTimer[],
): void {
  const outcome = [outcomeReply, domain.kinds.operationSchema(verb), []] as const;
  executor.record(activation, originOf(operator, correlationId), outcome, timers);
}

export function originOf({ principal, commandId }: Operator, correlationId: string | 0 = 0): Origin {
  return {
    cause: [causeCommand, commandId, 0],
    time: 0,
    caller: { principal, roles: [], internal: true },
    trail: [correlationId, 0, principal, 0],
    commandId,
    mustRecord: true,
  };
}
