/**
 * What the run about timers serves: sagas that only sleep, and bells that are rung meanwhile.
 */

// As a module does that has TypeBox from elsewhere: a schema is plain data.
import { Type } from 'typebox';
import { defineAggregate, defineContract, defineModule, defineSaga } from '../actors/model/index.js';

export const sleeper = defineSaga({
  name: 'sleeper',
  version: 1,
  roles: ['bench'],
  /** Unix ms. */
  input: Type.Object({ until: Type.Integer() }),
  events: {},
  deadlineMs: 86_400_000,
  steps: [{ name: 'sleep', sleepMs: ({ input, now }) => input.until - now }],
});

const bell = defineContract({
  kind: 'bell',
  events: { Rung: { version: 1, schema: Type.Object({}) } },
  commands: { ring: { version: 1, input: Type.Object({}), reply: Type.Object({ times: Type.Integer() }) } },
  queries: {},
  rejections: {},
});

const bells = defineAggregate(bell, {
  initial: () => ({ times: 0 }),
  decide: { ring: () => ({ events: [{ type: 'Rung', data: {} }], reply: ({ times }) => ({ times }) }) },
  evolve: { Rung: ({ times }) => ({ times: times + 1 }) },
  read: {},
  snapshot: { version: 1 },
});

export default defineModule({ name: 'timers', aggregates: [bells], sagas: [sleeper] });
