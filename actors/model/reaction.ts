/**
 * A reaction (choreography): a pure function evaluated when its event is produced. The command it returns is a message
 * in the same journal entry, so it starts with its deployment and never fires again on replay.
 */
import type { Contract, EventData, EventName } from './contract.js';
import type { MessageOrder, Trail } from './message.js';

export interface ReactionContext {
  /** Id of the actor that produced the event. */
  readonly id: string;
  readonly now: number;
  readonly trail: Trail;
}

export interface Reaction {
  readonly name: string;
  readonly kind: string;
  readonly event: string;
  readonly react: (data: never, ctx: ReactionContext) => MessageOrder | undefined;
}

/** Declares a reaction to one event of a contract. */
export function defineReaction<K extends Contract, N extends EventName<K>>(
  contract: K,
  event: N,
  name: string,
  react: (data: EventData<K, N>, ctx: ReactionContext) => MessageOrder | undefined,
): Reaction {
  return { name, kind: contract.kind, event, react: react as Reaction['react'] };
}
