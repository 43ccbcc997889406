/**
 * Operations under way: each sent to the shard that owns its partition, each settled once.
 *
 * Their request ids are negative, so that on the way back nothing has to ask whose answer it is.
 */
import { isErrorCode, OperatingError } from '../../actors/model/errors.js';
import type { CancelTimer, Clock } from '../clock.js';
import type { Link } from '../link/link.js';
import { answerOperation, itemOperation, type LinkAnswer, type ShardItem } from '../link/link-protocol.js';
import { shardOf } from '../shard-thread.js';
import {
  type Answer,
  type Ask,
  changingOperations,
  type OperationClient,
  type OperationName,
} from './operation.js';
import type { Operator } from './operation-ground.js';

/** Operations unanswered at a time; the next is refused with `overloaded`. A page over all partitions is one for each. */
export const operationsMax = 1_024;
/** A look at all partitions is held up by the slowest; a change has the deadline of every command (D22). */
const lookDeadlineMs = 2_000;
const changeDeadlineMs = 10_000;

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: OperatingError) => void;
  readonly cancelTimer: CancelTimer;
}

export class OperationCalls implements OperationClient {
  readonly partitionCount: number;
  readonly #links: readonly Link<ShardItem, LinkAnswer>[];
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #nextRequestId = -1;
  #isStopped = false;

  constructor(parts: {
    readonly partitionCount: number;
    /** By shard. */
    readonly links: readonly Link<ShardItem, LinkAnswer>[];
    readonly clock: Clock;
  }) {
    this.partitionCount = parts.partitionCount;
    this.#links = parts.links;
    this.#clock = parts.clock;
  }

  ask<N extends OperationName>(
    partition: number,
    name: N,
    ask: Ask<N>,
    { principal, commandId }: Operator,
  ): Promise<Answer<N>> {
    const link = this.#links[shardOf(partition, this.#links.length)];
    if (link === undefined || partition >= this.partitionCount)
      return Promise.reject(new OperatingError('not-found', 'No such partition.'));
    if (this.#isStopped) return Promise.reject(new OperatingError('shutting-down', 'The node is stopping.'));
    if (this.#pending.size >= operationsMax)
      return Promise.reject(new OperatingError('overloaded', 'Too many operations are waiting.'));
    const requestId = this.#nextRequestId--;
    link.send([itemOperation, requestId, partition, name, ask, principal, commandId]);
    this.#clock.defer(() => link.flush());
    return new Promise((resolve, reject) => {
      const isChange = changingOperations.has(name);
      const late = () => this.#take(requestId)?.reject(silent(isChange, partition));
      const cancelTimer = this.#clock.after(isChange ? changeDeadlineMs : lookDeadlineMs, late);
      // The shard answers an operation by its name's type.
      this.#pending.set(requestId, { resolve: resolve as Pending['resolve'], reject, cancelTimer });
    });
  }

  receive(answer: LinkAnswer): void {
    const pending = this.#take(answer[0]);
    if (answer[1] === answerOperation) pending?.resolve(answer[2]);
    else
      pending?.reject(new OperatingError(isErrorCode(answer[2]) ? answer[2] : 'internal', String(answer[3])));
  }

  /** No more operations; what became of those under way is not known. */
  stop(): void {
    this.#isStopped = true;
    for (const requestId of [...this.#pending.keys()])
      this.#take(requestId)?.reject(unknown('The node stopped.'));
  }

  #take(requestId: number): Pending | undefined {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    pending?.cancelTimer();
    return pending;
  }
}

function silent(isChange: boolean, partition: number): OperatingError {
  const detail = `Partition ${partition} did not answer.`;
  return isChange ? unknown(detail) : new OperatingError('partition-silent', detail);
}

function unknown(detail: string): OperatingError {
  return new OperatingError('outcome-unknown', detail);
}
