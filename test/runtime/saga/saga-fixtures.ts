/**
 * Small saga definitions for the tests of the machine.
 */
import type { MessageOrder } from '../../../actors/model/message.js';
import { defineSaga, type SagaDefinition } from '../../../actors/model/saga.js';
import type { CommandStep, SagaContext, SagaStep, TellStep } from '../../../actors/model/saga-step.js';
import { Type } from '../../../actors/model/typebox.js';

export const input = Type.Object({
  account_id: Type.String(),
  amount: Type.String(),
  note: Type.Optional(Type.String()),
});
type Input = { account_id: string; amount: string; note?: string };

export const payload: Input = { account_id: 'a-1', amount: '100' };

function order(command: string): () => MessageOrder {
  return () => ({ kind: 'account', id: 'a-1', command, payload: {} });
}

/** A step that can be taken back. */
export function undoable(
  name: string,
  more: Partial<CommandStep<SagaContext<Input>>> = {},
): CommandStep<SagaContext<Input>> {
  return { name, call: order(name), undo: order(`undo ${name}`), attemptsMax: 2, ...more };
}

/** A step without an undo. */
export function plain(
  name: string,
  more: Partial<CommandStep<SagaContext<Input>>> = {},
): CommandStep<SagaContext<Input>> {
  return { name, call: order(name), attemptsMax: 2, ...more };
}

/** A step whose answer nobody waits for. */
export function told(
  name: string,
  more: Partial<TellStep<SagaContext<Input>>> = {},
): TellStep<SagaContext<Input>> {
  return { name, tell: order(name), ...more };
}

export function sagaOf(steps: readonly SagaStep<Input>[], deadlineMs?: number): SagaDefinition {
  const definition = defineSaga({
    name: 'payment_test',
    version: 1,
    input,
    steps,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    events: {
      TestCompleted: { version: 1, schema: Type.Object({ amount: Type.String() }) },
      TestRejected: { version: 1, schema: Type.Object({ step: Type.String(), reason: Type.String() }) },
    },
    onCompleted: (saga) => [{ type: 'TestCompleted', data: { amount: saga.input.amount } }],
    onCompensating: (_saga, { step, code, detail }) => [
      { type: 'TestRejected', data: { step, reason: `${code}: ${detail}` } },
    ],
  });
  // Forgets the type of the input, as a module does.
  return definition as unknown as SagaDefinition;
}

/** The shape of a transfer: an undoable step, a check, the pivot, one that must follow, one that may fail. */
export const transfer = sagaOf([
  undoable('reserve'),
  plain('risk'),
  plain('credit', { pivot: true }),
  plain('capture'),
  plain('notify', { optional: true }),
]);
