/**
 * What the operator's tests serve: counters, which can be made to refuse, and a journey that books legs on two of them.
 */
import { send } from '../../../actors/model/contract.js';
import { defineModule } from '../../../actors/model/module.js';
import { defineSaga } from '../../../actors/model/saga.js';
import { forEach } from '../../../actors/model/saga-step.js';
import { Type } from '../../../actors/model/typebox.js';
import { counterContract, counterModule } from '../../support/counter-module.js';

/** A leg whose number is negative is refused; at a first leg of 0 its actor throws, and the saga waits to try again. */
export const journey = defineSaga({
  name: 'journey',
  version: 1,
  roles: ['customer'],
  input: Type.Object({ first: Type.Integer(), second: Type.Integer() }),
  events: {},
  steps: [
    {
      name: 'first',
      retryDelayMs: 600_000,
      call: ({ sagaId, input }) =>
        input.first === 0
          ? send(counterContract, 'leg-1', 'throwInDecide', {})
          : send(counterContract, 'leg-1', 'receive', { from: sagaId, sequence: input.first }),
      undo: ({ sagaId }) => send(counterContract, 'leg-1', 'receive', { from: sagaId, sequence: 0 }),
    },
    {
      name: 'second',
      call: ({ sagaId, input }) =>
        send(counterContract, 'leg-2', 'receive', { from: sagaId, sequence: input.second }),
      // As plain JavaScript may leave it: there is none.
      ...({ undo: undefined } as object),
    },
  ],
});

/** Its second leg is always refused; what it takes back then goes to `back`, which a test may have parked. */
export const detour = defineSaga({
  name: 'detour',
  version: 1,
  roles: ['customer'],
  input: Type.Object({ back: Type.String() }),
  events: {},
  steps: [
    {
      name: 'first',
      attemptsMax: 1,
      call: ({ sagaId }) => send(counterContract, 'leg-1', 'receive', { from: sagaId, sequence: 1 }),
      undo: ({ sagaId, input }) =>
        send(counterContract, input.back, 'receive', { from: sagaId, sequence: 2 }),
    },
    {
      name: 'second',
      call: ({ sagaId }) => send(counterContract, 'leg-2', 'receive', { from: sagaId, sequence: -1 }),
    },
  ],
});

const legs = Array.from({ length: 256 }, (_, index) => index);

/** A thousand legs and some: more events than one timeline reads. */
export const tour = defineSaga({
  name: 'tour',
  version: 1,
  roles: ['customer'],
  input: Type.Object({}),
  events: {},
  steps: ['spring', 'summer', 'autumn', 'winter'].map((name) =>
    forEach({
      name,
      each: () => legs,
      step: {
        call: ({ sagaId, item }) => send(counterContract, sagaId, 'receive', { from: name, sequence: item }),
      },
    }),
  ),
});

export default [
  counterModule(),
  defineModule({ name: 'journeys', aggregates: [], sagas: [journey, detour, tour] }),
];
