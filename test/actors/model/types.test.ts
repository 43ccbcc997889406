/**
 * What must not compile. The compiler checks each `@ts-expect-error` in the build: a line that compiles after all is an
 * error there. The tests below only show that the correct twin of each works.
 */
import t from 'tap';
import {
  type CommandInput,
  type CommandReply,
  commandCall,
  defineAggregate,
  defineContract,
  definePort,
  defineReaction,
  defineRoute,
  defineSaga,
  type EventOf,
  perform,
  queryCall,
  type RejectionCode,
  reject,
  send,
  stepsOf,
} from '../../../actors/model/index.js';
import { Type } from '../../../actors/model/typebox.js';

const counter = defineContract({
  kind: 'counter',
  events: {
    Added: { version: 1, schema: Type.Object({ by: Type.Integer() }) },
    Cleared: { version: 1, schema: Type.Object({}) },
  },
  commands: {
    add: {
      version: 1,
      input: Type.Object({ by: Type.Integer() }),
      reply: Type.Object({ total: Type.Integer() }),
    },
    clear: { version: 1, input: Type.Null(), reply: Type.Undefined() },
  },
  queries: { total: { input: Type.Null(), reply: Type.Integer() } },
  rejections: { 'too-much': 409 },
});

const initial = () => ({ total: 0 });
const evolve = {
  Added: (state: { total: number }, data: { by: number }) => ({ total: state.total + data.by }),
  Cleared: () => ({ total: 0 }),
};
const decide = {
  add: (_: { total: number }, { by }: { by: number }) => ({
    events: [{ type: 'Added' as const, data: { by } }],
    reply: (after: { total: number }) => ({ total: after.total }),
  }),
  clear: () => ({ events: [{ type: 'Cleared' as const, data: {} }], reply: undefined }),
};
const read = { total: (state: { total: number }) => state.total };
const snapshot = { version: 1 };

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(value: T): T => value;

t.test('types are inferred from the contract and from initial', async (t) => {
  const aggregate = defineAggregate(counter, { initial, decide, evolve, read, snapshot });
  holds<Equal<ReturnType<typeof aggregate.initial>, { total: number }>>(true);
  holds<Equal<CommandInput<typeof counter, 'add'>, { by: number }>>(true);
  holds<Equal<CommandReply<typeof counter, 'add'>, { total: number }>>(true);
  holds<Equal<RejectionCode<typeof counter>, 'too-much'>>(true);
  holds<Equal<EventOf<typeof counter>['type'], 'Added' | 'Cleared'>>(true);
  holds<Equal<typeof counter.kind, 'counter'>>(true);
  t.strictSame(aggregate.initial(), { total: 0 });
});

t.test('the state is inferred from initial alone', async (t) => {
  const aggregate = defineAggregate(counter, {
    initial: () => ({ total: 0, last: undefined as number | undefined }),
    decide: {
      add: (state, { by }, ctx) => {
        holds<Equal<typeof state, { total: number; last: number | undefined }>>(true);
        holds<Equal<typeof by, number>>(true);
        holds<Equal<typeof ctx.now, number>>(true);
        if (state.total + by > 100) return reject('too-much', 'Too much');
        return { events: [{ type: 'Added', data: { by } }], reply: (after) => ({ total: after.total }) };
      },
      clear: () => ({ events: [{ type: 'Cleared', data: {} }], reply: undefined }),
    },
    evolve: {
      Added: (state, { by }) => ({ total: state.total + by, last: by }),
      Cleared: () => ({ total: 0, last: undefined }),
    },
    read: { total: (state) => state.total },
    snapshot,
    isOpen: (state) => state.last !== undefined,
  });
  t.equal(aggregate.type, 'aggregate');
});

t.test('a wrong decision does not compile', async (t) => {
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    // @ts-expect-error a decide case is missing
    decide: { add: decide.add },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error the code is not declared
      add: () => reject('not-declared', 'x'),
    },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error the reply is another type
      add: () => ({ reply: { total: 'x' } }),
    },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error the reply is missing
      add: () => ({ events: [] }),
    },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error the payload of the event is another type
      add: () => ({ events: [{ type: 'Added', data: { by: 'x' } }], reply: { total: 1 } }),
    },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error the event is not declared
      add: () => ({ events: [{ type: 'Removed', data: { by: 1 } }], reply: { total: 1 } }),
    },
  });
  defineAggregate(counter, {
    initial,
    evolve,
    read,
    snapshot,
    decide: {
      ...decide,
      // @ts-expect-error a decision is synchronous
      add: async () => ({ reply: { total: 1 } }),
    },
  });
  t.pass();
});

t.test('a wrong evolve or read does not compile', async (t) => {
  defineAggregate(counter, {
    initial,
    decide,
    read,
    snapshot,
    // @ts-expect-error an evolve case is missing
    evolve: { Added: evolve.Added },
  });
  defineAggregate(counter, {
    initial,
    decide,
    read,
    snapshot,
    evolve: {
      ...evolve,
      // @ts-expect-error the state is another type
      Added: () => ({ total: 'x' }),
    },
  });
  defineAggregate(counter, {
    initial,
    decide,
    evolve,
    snapshot,
    // @ts-expect-error the query is not answered
    read: {},
  });
  defineAggregate(counter, {
    initial,
    decide,
    evolve,
    snapshot,
    // @ts-expect-error the reply of the query is another type
    read: { total: () => 'x' },
  });
  t.pass();
});

t.test('what evolve or decode returns does not change what the state is', async (t) => {
  const rest = { read, snapshot, decide: { ...decide, add: () => ({ reply: { total: 0 } }) } };
  defineAggregate(counter, {
    ...rest,
    initial: () => ({ total: 0, last: 0 }),
    evolve: {
      Added: (state, { by }) => ({ ...state, last: by }),
      // @ts-expect-error a part of the state is missing
      Cleared: () => ({ total: 0 }),
    },
  });
  defineAggregate(counter, {
    ...rest,
    initial: () => ({ total: 0, last: 0 }),
    evolve: { Added: (state, { by }) => ({ ...state, last: by }), Cleared: (state) => state },
    // @ts-expect-error a part of the state is missing
    snapshot: { version: 1, decode: () => ({ total: 0 }) },
  });
  t.pass();
});

t.test('a wrong message does not compile', async (t) => {
  // @ts-expect-error the payload is another type
  send(counter, 'c1', 'add', { by: 'x' });
  // @ts-expect-error a part of the payload is missing
  send(counter, 'c1', 'add', {});
  // @ts-expect-error the command is not declared
  send(counter, 'c1', 'subtract', { by: 1 });
  t.strictSame(send(counter, 'c1', 'add', { by: 1 }), {
    kind: 'counter',
    id: 'c1',
    command: 'add',
    payload: { by: 1 },
  });
});

t.test('a wrong contract does not compile', async (t) => {
  defineContract({
    kind: 'x',
    // @ts-expect-error an event has a version
    events: { Added: { schema: Type.Object({}) } },
    commands: {},
    queries: {},
    rejections: {},
  });
  defineContract({
    kind: 'x',
    events: {},
    // @ts-expect-error a command has a reply
    commands: { add: { version: 1, input: Type.Null() } },
    queries: {},
    rejections: {},
  });
  t.pass();
});

t.test('a wrong upcaster does not compile', async (t) => {
  const added = Type.Object({ by: Type.Integer(), why: Type.String() });
  const old = defineContract({
    kind: 'x',
    events: {
      Added: { version: 2, schema: added, upcast: { 1: ([by]) => ({ by: Number(by), why: 'unknown' }) } },
    },
    commands: {},
    queries: {},
    rejections: {},
  });
  defineContract({
    kind: 'x',
    events: {
      // @ts-expect-error a part of today's data is missing
      Added: { version: 2, schema: added, upcast: { 1: ([by]) => ({ by: Number(by) }) } },
    },
    commands: {},
    queries: {},
    rejections: {},
  });
  t.strictSame(old.events.Added.upcast?.[1]?.([3]), { by: 3, why: 'unknown' });
});

t.test('a wrong saga does not compile', async (t) => {
  const base = { name: 'twice', version: 1, input: Type.Object({ counter: Type.String() }) };
  const done = { version: 1, schema: Type.Object({ counter: Type.String() }) };
  const saga = defineSaga({
    ...base,
    events: { Done: done },
    steps: [{ name: 'add', call: ({ input }) => send(counter, input.counter, 'add', { by: 2 }) }],
    onCompleted: ({ input }) => [{ type: 'Done', data: { counter: input.counter } }],
  });
  defineSaga({
    ...base,
    events: {},
    steps: [
      {
        name: 'add',
        // @ts-expect-error the input has no such part
        call: ({ input }) => send(counter, input.other, 'add', { by: 2 }),
      },
    ],
  });
  defineSaga({
    ...base,
    events: { Done: done },
    steps: [],
    // @ts-expect-error the event is not declared
    onCompleted: () => [{ type: 'Gone', data: {} }],
  });
  defineSaga({
    ...base,
    events: { Done: done },
    steps: [],
    // @ts-expect-error the data of the event is another type
    onCompensating: () => [{ type: 'Done', data: { counter: 1 } }],
  });
  t.equal(saga.steps.length, 1);
});

t.test('a step sees the results of the steps before it, and no others', async (t) => {
  const Input = Type.Object({ counter: Type.String(), amounts: Type.Array(Type.Integer()) });
  const port = definePort({
    name: 'bank',
    activities: {
      pay: {
        input: Type.Object({ by: Type.Integer() }),
        result: Type.Object({ id: Type.String() }),
        rejections: [],
      },
    },
  });
  const { steps } = stepsOf(Input)
    .step('add', {
      call: ({ input, results }) => {
        holds<Equal<typeof input, { counter: string; amounts: number[] }>>(true);
        holds<Equal<typeof results, unknown>>(true);
        return send(counter, input.counter, 'add', { by: 1 });
      },
      undo: ({ results, input }) => {
        holds<Equal<typeof results.add, { total: number } | undefined>>(true);
        return send(counter, input.counter, 'clear', null);
      },
    })
    .each('list', ({ input, results }) => input.amounts.map((amount) => amount + results.add.total), {
      call: ({ item, index, input }) => {
        holds<Equal<typeof item, number>>(true);
        return send(counter, input.counter, 'add', { by: item + index });
      },
    })
    .optional('pay', {
      when: ({ results }) => results.list.length > 0,
      activity: ({ results }) => perform(port, 'pay', { by: results.list[0]?.total ?? results.add.total }),
    })
    .parallel('both', (group) =>
      group
        .step('left', { call: ({ results }) => send(counter, results.pay?.id ?? '', 'add', { by: 1 }) })
        .step('right', {
          // @ts-expect-error steps of one group do not see each other
          call: ({ results }) => send(counter, 'c', 'add', { by: results.left.total }),
        }),
    )
    .signal('approval', 'approved', { timeoutMs: 5 })
    .tell('note', ({ input, results }) => send(counter, input.counter, 'add', { by: results.left.total }), {
      when: ({ results }) => results.right.total > 0,
    })
    .sleep('nap', ({ results }) => results.left.total + results.right.total)
    .step('last', {
      // @ts-expect-error an optional step may have no result
      call: ({ results }) => send(counter, results.pay.id, 'add', { by: 1 }),
    })
    .step('untold', {
      // @ts-expect-error a told step has no result
      call: ({ results }) => send(counter, 'c', 'add', { by: results.note }),
    })
    .tell('cleared', ({ input }) => send(counter, input.counter, 'clear', null), {
      // @ts-expect-error nobody waits for it, so it cannot fail
      optional: true,
    })
    .step('none', {
      // @ts-expect-error there is no such step before
      call: ({ results }) => send(counter, 'c', 'add', { by: results.after.total }),
    });
  t.same(
    steps.map(({ name }) => name),
    ['add', 'list', 'pay', 'both', 'approval', 'note', 'nap', 'last', 'untold', 'cleared', 'none'],
  );
  const saga = defineSaga({ name: 'sum', version: 1, input: Input, steps, events: {} });
  t.equal(saga.steps, steps);
});

t.test('a reaction sees the data of its event', async (t) => {
  const reaction = defineReaction(counter, 'Added', 'double', ({ by }) => {
    holds<Equal<typeof by, number>>(true);
    return send(counter, 'other', 'add', { by });
  });
  // @ts-expect-error the event is not declared
  defineReaction(counter, 'Removed', 'x', () => undefined);
  t.equal(reaction.event, 'Added');
});

t.test('a route sees the body of its schema and the reply of its call', async (t) => {
  const common = {
    method: 'POST',
    path: '/api/v1/counters/{counter_id}/additions',
    access: [],
    summary: 'Add',
  } as const;
  const Body = Type.Object({ by: Type.Integer() });
  const route = defineRoute({
    ...common,
    body: Body,
    plan: ({ params, body }) => {
      holds<Equal<typeof body, { by: number }>>(true);
      if (body.by === 0) return reject('nothing', 'Nothing to add');
      return commandCall(counter, params.counter_id ?? '', 'add', body);
    },
    answer: (reply, request) => {
      holds<Equal<typeof reply, { total: number }>>(true);
      return { status: 200, body: { total: reply.total, added: request.body.by } };
    },
  });
  const reading = defineRoute({
    ...common,
    method: 'GET',
    plan: ({ params }) => queryCall(counter, params.counter_id ?? '', 'total', null),
    answer: (reply) => {
      holds<Equal<typeof reply, number>>(true);
      return { status: 200, body: { total: reply } };
    },
  });
  defineRoute<{ by: number }, { total: number }>({
    ...common,
    body: Body,
    plan: ({ body }) => ({
      type: 'command',
      kind: 'counter',
      id: 'c',
      command: 'add',
      payload: { by: body.by },
    }),
    answer: (reply) => ({ status: 200, body: reply.total }),
  });
  defineRoute({
    ...common,
    body: Body,
    plan: ({ body }) => ({ type: 'command', kind: 'counter', id: 'c', command: 'add', payload: body }),
    answer: (reply: { total: number }) => ({ status: 200, body: reply.total }),
  });
  defineRoute({
    ...common,
    body: Body,
    // @ts-expect-error the body has no such part
    plan: ({ body }) => commandCall(counter, 'c', 'add', { by: body.amount }),
    answer: () => ({ status: 200, body: null }),
  });
  // @ts-expect-error the payload of the call is another type
  commandCall(counter, 'c', 'add', { by: 'x' });
  // @ts-expect-error the query is not declared
  queryCall(counter, 'c', 'average', null);
  t.equal(route.method, 'POST');
  t.equal(reading.method, 'GET');
});
