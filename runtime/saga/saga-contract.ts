/**
 * What every saga instance understands and says. Events are stored without what their place already tells (the saga's
 * id is the actor's, its definition's name the kind); `presentSagaEvent` adds it when a history is shown (row 31).
 *
 * Nothing an event does to the state depends on attempts or times of the definition: the event itself says what
 * follows (`next`), so a later tuning of timeouts changes no replay.
 */
import { type Static, type TObject, Type } from 'typebox';
import {
  type Contract,
  defineContract,
  type EventOf,
  type EventSpecs,
  type Upcasters,
} from '../../actors/model/contract.js';
import type { SagaDefinition } from '../../actors/model/saga.js';

const nothing = Type.Object({});
const ofStep = Type.Object({ step: Type.String() });
/** `attempt` failed attempts so far, this one included. */
const failedAttempt = Type.Object({
  step: Type.String(),
  attempt: Type.Integer(),
  code: Type.String(),
  detail: Type.String(),
  next: Type.String(),
});
const ofStepWithReason = Type.Object({ step: Type.String(), reason: Type.String() });

const sagaStatus = Type.Object({
  saga_id: Type.String(),
  definition_name: Type.String(),
  state: Type.String(),
  current_step: Type.String(),
  step_results: Type.Array(
    Type.Object({ step: Type.String(), result: Type.Unknown(), timestamp: Type.Number() }),
  ),
  errors: Type.Array(Type.String()),
  started_at: Type.Number(),
  completed_at: Type.Union([Type.Number(), Type.Null()]),
});

/**
 * What a failed attempt leads to.
 * `retry`       answered, had no effect: sent again after the delay
 * `await`       not answered in time: nothing is sent, its answer is awaited another timeout
 * `overdue`     not answered in time for the last time, at or after the pivot: its answer is awaited without a limit
 * `refused`     the actor said no: the step is over and had no effect
 * `exhausted`   answered for the last time: the step is over and had no effect
 * `unanswered`  not answered in time for the last time: the step is over and may have had, or still have, its effect
 */
export type AfterFailure = 'retry' | 'await' | 'overdue' | 'refused' | 'exhausted' | 'unanswered';

/** The part of the contract that is the same for every saga. */
export const sagaContract = defineContract({
  kind: 'saga',
  events: {
    SagaStarted: {
      version: 1,
      schema: Type.Object({ definition_version: Type.Integer(), principal: Type.String() }),
    },
    StepCompleted: { version: 1, schema: Type.Object({ step: Type.String(), result: Type.Unknown() }) },
    StepFailed: { version: 1, schema: failedAttempt },
    StepRetried: { version: 1, schema: ofStep },
    SagaCompensating: { version: 1, schema: ofStepWithReason },
    StepCompensated: { version: 1, schema: ofStep },
    UndoFailed: { version: 1, schema: failedAttempt },
    UndoRetried: { version: 1, schema: ofStep },
    CompensationFailed: {
      version: 1,
      schema: Type.Object({ step: Type.String(), code: Type.String(), detail: Type.String() }),
    },
    SagaCompleted: { version: 1, schema: ofStep },
    SagaCompensated: { version: 1, schema: ofStep },
    SagaFailed: { version: 1, schema: ofStepWithReason },
  },
  commands: {
    start: { version: 1, input: nothing, reply: sagaStatus },
    wake: { version: 1, input: nothing, reply: Type.Null(), internal: true },
  },
  queries: {
    status: { input: nothing, reply: sagaStatus },
    context: { input: nothing, reply: Type.Record(Type.String(), Type.Unknown()) },
    authorise: { input: nothing, reply: Type.Null() },
  },
  rejections: { 'not-found': 404, 'saga-exists': 409 },
});

export type SagaContract = typeof sagaContract;
export type SagaEvent = EventOf<SagaContract>;
/** `SagaStatus` of the model, as the schema's type has it. */
export type StatusReply = Static<typeof sagaStatus>;
export type FailedAttempt = Static<typeof failedAttempt>;

/** Field names that the first event has besides the input's. */
const startedNames: readonly string[] = ['definition_version', 'principal'];

/** The contract of a definition's instances: kind, input, roles and the definition's own events filled in. */
export function contractOf(definition: SagaDefinition): Contract {
  const { name, version, input, roles, events, upcast } = definition;
  for (const field of Object.keys(input.properties)) {
    if (startedNames.includes(field))
      throw new Error(`saga ${name}: input field ${field} is the runtime's own`);
  }
  for (const event of Object.keys(events)) {
    if (event in sagaContract.events) throw new Error(`saga ${name}: event ${event} is the runtime's own`);
  }
  const { start, wake } = sagaContract.commands;
  return {
    ...sagaContract,
    kind: name,
    events: { ...sagaContract.events, SagaStarted: startedSpec(version, input, upcast), ...events },
    commands: {
      start: {
        ...start,
        version,
        input,
        ...(upcast === undefined ? {} : { upcast }),
        ...(roles === undefined ? {} : { roles }),
      },
      wake,
    },
  };
}

/** The first event holds the input's fields beside its own; its version is the definition's, which rises with the input. */
function startedSpec(
  version: number,
  input: TObject,
  upcast: Upcasters<unknown> | undefined,
): EventSpecs[string] {
  const { properties } = sagaContract.events.SagaStarted.schema;
  const schema = Type.Object({ ...properties, ...input.properties });
  if (upcast === undefined) return { version, schema };
  const older = Object.entries(upcast).map(
    ([from, up]) =>
      [
        from,
        (fields: readonly unknown[]) => ({
          definition_version: fields[0],
          principal: fields[1],
          // An upcaster of the input returns today's input: an object.
          ...(up(fields.slice(startedNames.length)) as object),
        }),
      ] as const,
  );
  return { version, schema, upcast: Object.fromEntries(older) };
}
