/** What a decision may know beside its state: who asks, when, and what ties the answer to that. */
import type { DecideContext } from '../actors/model/aggregate.js';
import type { Contract, EventOf } from '../actors/model/contract.js';
import type { Caller, MessageOrder, Trail } from '../actors/model/message.js';
import type { Activation } from './actor/activation.js';
import type { EventEntry } from './kind-table.js';
import { type Origin, trailOf } from './origin.js';
import { synchronous } from './synchronous.js';

/** The context of one decision; ids and trail are made only when looked at. */
export class DecisionContext implements DecideContext {
  readonly id: string;
  readonly now: number;
  readonly version: number;
  readonly #origin: Origin;

  constructor(activation: Activation, now: number, origin: Origin) {
    this.id = activation.id;
    this.now = now;
    this.version = activation.version;
    this.#origin = origin;
  }

  get caller(): Caller {
    return this.#origin.caller;
  }
  get commandId(): string {
    return this.#origin.commandId;
  }
  get trail(): Trail {
    return trailOf(this.#origin);
  }
}

/** The context of a query, which nothing follows from. `now`: the clock of the turn, Unix ms. */
export function queryContext(activation: Activation, caller: Caller, now: number): DecideContext {
  return {
    id: activation.id,
    now: Math.max(now, activation.partition.lastTime),
    version: activation.version,
    caller,
    trail: noTrail,
    commandId: '',
  };
}

/** What the reactions to an event order. */
export function reactionsTo(
  entry: EventEntry,
  event: EventOf<Contract>,
  activation: Activation,
  now: number,
  origin: Origin,
): MessageOrder[] {
  const ctx = { id: activation.id, now, trail: trailOf(origin) };
  return entry.reactions.flatMap((reaction) => synchronous(reaction.react(event.data as never, ctx)) ?? []);
}

const noTrail: Trail = { correlationId: '', causationId: '', principal: '', traceparent: '' };
