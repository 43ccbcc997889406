/**
 * What every saga instance understands and says. Events are stored without what their place already tells (the saga's
 * id is the actor's, its definition's name the kind); `presentSagaEvent` adds it when a history is shown (row 31).
 *
 * Nothing an event does to the state depends on attempts or times of the definition: the event itself says what
 * follows (`next`), so a later tuning of timeouts changes no replay.
 */
import {
  type Contract,
  defineContract,
  type EventOf,
  type EventSpecs,
  type Upcasters,
} from '../../actors/model/contract.js';
import { compileForm } from '../../actors/model/form.js';
import type { SagaDefinition } from '../../actors/model/saga.js';
import { type Static, type TObject, Type } from '../../actors/model/typebox.js';

const nothing = Type.Object({});
const ofStep = Type.Object({ step: Type.String() });
/** `attempt` failed attempts so far, this one included; the next one at `until` (Unix ms), if there is one. */
const failedAttempt = Type.Object({
  step: Type.String(),
  attempt: Type.Integer(),
  code: Type.String(),
  detail: Type.String(),
  next: Type.String(),
  until: Type.Number(),
});
const byOperator = Type.Object({ principal: Type.String(), reason: Type.String() });
const resumed = Type.Object({ verb: Type.String(), ...byOperator.properties, in_turns: Type.Boolean() });
const reasonGiven = Type.Object({ reason: Type.Optional(Type.String({ maxLength: 500 })) });
const ofStepWithReason = Type.Object({ step: Type.String(), reason: Type.String() });

const statusFields = {
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
};
const startedStatus = Type.Object(statusFields);
const sagaStatus = Type.Object({ ...statusFields, parked_at: Type.Union([Type.Number(), Type.Null()]) });

/**
 * What a failed attempt leads to.
 * `retry`       answered, had no effect: sent again after the delay
 * `await`       not answered in time: nothing is sent, its answer is awaited another timeout
 * `overdue`     not answered in time for the last time, at or after the pivot: its answer is awaited without a limit
 * `refused`     the actor said no: the step is over and had no effect
 * `stuck`       answered for the last time past the pivot, while others of its group are under way
 * `exhausted`   answered for the last time: the step is over and had no effect
 * `unanswered`  not answered in time for the last time: the step is over and may have had, or still have, its effect
 */
export type AfterFailure = 'retry' | 'await' | 'overdue' | 'refused' | 'stuck' | 'exhausted' | 'unanswered';

const failedAttemptSpec = {
  version: 2,
  schema: failedAttempt,
  upcast: {
    1: ([step, attempt, code, detail, next]: readonly unknown[]) =>
      ({ step, attempt, code, detail, next, until: 0 }) as Static<typeof failedAttempt>,
  },
};

/** What sagas send each other of their own accord, untagged: it never waits behind dead letters of what they were defined to tell. */
export const linkCommands: readonly string[] = ['childEnded', 'cancelChild'];

/** The part of the contract that is the same for every saga. */
export const sagaContract = defineContract({
  kind: 'saga',
  events: {
    SagaStarted: {
      version: 1,
      schema: Type.Object({ definition_version: Type.Integer(), principal: Type.String() }),
    },
    StepCompleted: { version: 1, schema: Type.Object({ step: Type.String(), result: Type.Unknown() }) },
    StepFailed: failedAttemptSpec,
    StepRetried: { version: 1, schema: ofStep },
    SagaCompensating: { version: 1, schema: ofStepWithReason },
    StepCompensated: { version: 1, schema: ofStep },
    UndoFailed: failedAttemptSpec,
    UndoRetried: { version: 1, schema: ofStep },
    CompensationFailed: {
      version: 1,
      schema: Type.Object({ step: Type.String(), code: Type.String(), detail: Type.String() }),
    },
    SagaCompleted: { version: 1, schema: ofStep },
    SagaCompensated: { version: 1, schema: ofStep },
    SagaFailed: { version: 1, schema: ofStepWithReason },
    /** A step whose turn came: with its items and how many of them are under way at a time, or until when it sleeps. */
    StepBegun: {
      version: 1,
      schema: Type.Object({
        step: Type.String(),
        items: Type.Union([Type.Array(Type.Unknown()), Type.Null()]),
        concurrency: Type.Integer(),
        until: Type.Number(),
      }),
    },
    StepSkipped: { version: 1, schema: ofStep },
    SignalReceived: { version: 1, schema: Type.Object({ signal: Type.String(), payload: Type.Unknown() }) },
    /** Another saga waits for the end of this one, as the step `tag`. */
    SagaLinked: {
      version: 1,
      schema: Type.Object({
        parent_kind: Type.String(),
        parent_id: Type.String(),
        tag: Type.String(),
        deadline_at: Type.Number(),
      }),
    },
    /** `in_turns`: items are tried again so many at a time, as they were at first. */
    SagaResumed: {
      version: 2,
      schema: resumed,
      upcast: {
        1: ([verb, principal, reason]: readonly unknown[]) =>
          ({ verb, principal, reason, in_turns: false }) as Static<typeof resumed>,
      },
    },
    SagaAborted: { version: 1, schema: byOperator },
  },
  commands: {
    start: { version: 1, input: nothing, reply: startedStatus },
    /** `definition_version` tells, without a look at the instance, what a live timer needs. */
    wake: {
      version: 2,
      input: Type.Object({ definition_version: Type.Integer() }),
      upcast: { 1: () => ({ definition_version: 1 }) },
      reply: Type.Null(),
      internal: true,
    },
    startChild: {
      version: 1,
      input: Type.Object({
        parent_kind: Type.String(),
        parent_id: Type.String(),
        tag: Type.String(),
        deadline_at: Type.Number(),
        input: nothing,
      }),
      reply: Type.Null(),
      internal: true,
    },
    childEnded: {
      version: 1,
      input: Type.Object({
        tag: Type.String(),
        state: Type.String(),
        detail: Type.String(),
        results: Type.Unknown(),
      }),
      reply: Type.Null(),
      internal: true,
    },
    /** From the saga that started it. The first version did not say from which: `''`. */
    cancelChild: {
      version: 2,
      input: Type.Object({ parent_kind: Type.String(), parent_id: Type.String() }),
      upcast: { 1: () => ({ parent_kind: '', parent_id: '' }) },
      reply: Type.Null(),
      internal: true,
    },
    performed: {
      version: 1,
      input: Type.Object({
        tag: Type.String(),
        type: Type.String(),
        value: Type.Unknown(),
        code: Type.String(),
        detail: Type.String(),
      }),
      reply: Type.Null(),
      internal: true,
    },
    signal: {
      version: 1,
      input: Type.Object({ signal: Type.String({ maxLength: 64 }), payload: Type.Unknown() }),
      reply: Type.Null(),
    },
    cancel: { version: 1, input: reasonGiven, reply: sagaStatus },
    retry: { version: 1, input: reasonGiven, reply: sagaStatus, roles: ['admin'] },
    skip: { version: 1, input: reasonGiven, reply: sagaStatus, roles: ['admin'] },
    abort: { version: 1, input: reasonGiven, reply: sagaStatus, roles: ['admin'] },
  },
  queries: {
    status: { input: nothing, reply: sagaStatus },
    context: { input: nothing, reply: Type.Record(Type.String(), Type.Unknown()) },
    authorise: { input: nothing, reply: Type.Null() },
  },
  rejections: {
    'not-found': 404,
    'saga-exists': 409,
    /** Retry, skip and abort are for a saga that waits for a person. */
    'not-parked': 409,
    /** The saga has ended, or its pivot is under way or done. */
    'too-late': 409,
    'signal-unknown': 422,
    /** This program lacks the version of the definition that the instance runs under. */
    'version-unknown': 409,
  },
});

export type SagaContract = typeof sagaContract;
export type SagaEvent = EventOf<SagaContract>;
/** `SagaStatus` of the model, as the schemas' types have it. */
export type StartedReply = Static<typeof startedStatus>;
export type StatusReply = Static<typeof sagaStatus>;
export type OperatorVerb = 'retry' | 'skip' | 'abort';
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
  const { start, startChild } = sagaContract.commands;
  const childInput = Type.Object({ ...startChild.input.properties, input });
  return {
    ...sagaContract,
    kind: name,
    events: { ...sagaContract.events, SagaStarted: startedSpec(definition), ...events },
    commands: {
      ...sagaContract.commands,
      start: {
        ...start,
        version,
        input,
        ...(upcast === undefined ? {} : { upcast }),
        ...(roles === undefined ? {} : { roles }),
      },
      startChild: {
        ...startChild,
        version,
        input: childInput,
        ...(upcast === undefined ? {} : { upcast: nestedUpcasters(childInput, upcast) }),
      },
    },
  };
}

/**
 * The first event holds the input's fields beside its own; its version is the definition's, which rises with the input.
 * One of an earlier version comes back in that version's input where its definition is registered: the instance goes on
 * under it. Where it is not, only ended instances are left of it, and their input is brought up to date.
 */
function startedSpec({ version, versions, input, upcast }: SagaDefinition): EventSpecs[string] {
  const { properties } = sagaContract.events.SagaStarted.schema;
  const older: Record<number, (fields: readonly unknown[]) => object> = {};
  for (const [from, up] of Object.entries(upcast ?? {})) {
    older[Number(from)] = (fields) => ({
      definition_version: fields[0],
      principal: fields[1],
      // An upcaster of the input returns today's input: an object.
      ...(up(fields.slice(startedNames.length)) as object),
    });
  }
  for (const earlier of versions ?? []) {
    const form = compileForm(Type.Object({ ...properties, ...earlier.input.properties }));
    older[earlier.version] = (fields) => form.fromFields(fields) as object;
  }
  const schema = Type.Object({ ...properties, ...input.properties });
  return Object.keys(older).length === 0 ? { version, schema } : { version, schema, upcast: older };
}

/** A stored start of a child holds the input's fields as its last one. */
function nestedUpcasters(input: TObject, upcast: Upcasters<unknown>): Upcasters<unknown> {
  const names = Object.keys(input.properties);
  const nested = Object.entries(upcast).map(
    ([from, up]) =>
      [
        from,
        (fields: readonly unknown[]) => ({
          ...Object.fromEntries(names.map((name, index) => [name, fields[index]])),
          input: up(fields.at(-1) as readonly unknown[]),
        }),
      ] as const,
  );
  return Object.fromEntries(nested);
}
