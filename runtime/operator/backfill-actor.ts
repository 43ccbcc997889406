/**
 * How far a backfill of a reaction has come in one partition: an actor of its own there, so that what it sends and how far
 * it is stand in one record, and a crash or a second run sends nothing twice.
 */
import { defineAggregate } from '../../actors/model/aggregate.js';
import { defineContract } from '../../actors/model/contract.js';
import type { MessageOrder } from '../../actors/model/message.js';
import { defineModule } from '../../actors/model/module.js';
import { Type } from '../../actors/model/typebox.js';

/** An event by its entry, its record there and its index in it. */
const EventPlace = { position: Type.Number(), index: Type.Integer(), event: Type.Integer() };

const backfillContract = defineContract({
  kind: 'reaction-backfill',
  events: { EventReacted: { version: 1, schema: Type.Object(EventPlace) } },
  commands: {
    react: {
      version: 1,
      input: Type.Object({ ...EventPlace, order: Type.Unknown() }),
      reply: Type.Null(),
      internal: true,
    },
  },
  queries: {},
  rejections: {},
});

export interface BackfillState {
  /** Of the newest event reacted to; 0 before the first. */
  position: number;
  index: number;
  event: number;
}

const backfill = defineAggregate(backfillContract, {
  initial: (): BackfillState => ({ position: 0, index: 0, event: 0 }),
  decide: {
    react: (_state, { position, index, event, order }) => ({
      events: [{ type: 'EventReacted', data: { position, index, event } }],
      // Made by the reaction itself, in this process.
      messages: [order as MessageOrder],
      reply: null,
    }),
  },
  evolve: {
    EventReacted: (state, { position, index, event }) => Object.assign(state, { position, index, event }),
  },
  read: {},
  snapshot: { version: 1 },
});

/** Kinds that every system has beside those of its modules. */
export const runtimeModule = defineModule({ name: 'runtime', aggregates: [backfill] });

export const backfillKind: string = backfillContract.kind;

/** The id of a backfill, placed in its partition. */
export function backfillId(reaction: string, partition: number): string {
  return `${reaction}~${partition.toString(16).padStart(8, '0')}`;
}
