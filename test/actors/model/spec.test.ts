import t from 'tap';
import { defineAggregate } from '../../../actors/model/aggregate.js';
import { defineContract, send } from '../../../actors/model/contract.js';
import { reject } from '../../../actors/model/message.js';
import { given } from '../../../actors/model/spec.js';
import { Type } from '../../../actors/model/typebox.js';

const door = defineContract({
  kind: 'door',
  events: {
    Opened: { version: 1, schema: Type.Object({ by: Type.String(), note: Type.Optional(Type.String()) }) },
    Closed: { version: 1, schema: Type.Object({}) },
  },
  commands: {
    open: {
      version: 1,
      input: Type.Object({ by: Type.String(), note: Type.Optional(Type.String()) }),
      reply: Type.Object({ times: Type.Integer(), at: Type.Number() }),
    },
    close: { version: 1, input: Type.Null(), reply: Type.Undefined() },
  },
  queries: { times: { input: Type.Null(), reply: Type.Integer() } },
  rejections: { 'already-open': 409, 'not-open': 409, stranger: 403 },
});

interface DoorState {
  open: boolean;
  openedBy: string[];
}

const behaviour = {
  initial: (): DoorState => ({ open: false, openedBy: [] }),
  read: { times: (state: DoorState) => state.openedBy.length },
  snapshot: { version: 1 },
};

const aggregate = defineAggregate(door, {
  ...behaviour,
  decide: {
    open: (state, { by, note }, ctx) => {
      if (state.open) return reject('already-open', `Opened by ${state.openedBy.at(-1)}`);
      if (ctx.caller.principal === 'stranger') return reject('stranger', 'Who are you?');
      return {
        events: [{ type: 'Opened', data: note === undefined ? { by } : { by, note } }],
        reply: (after) => ({ times: after.openedBy.length, at: ctx.now }),
        messages: [{ ...send(door, 'next-door', 'close', null), tag: 'neighbour' }],
        timers: [{ type: 'set', name: 'close', dueAt: ctx.now + 1_000, command: 'close', payload: null }],
      };
    },
    close: (state) =>
      state.open
        ? { events: [{ type: 'Closed', data: {} }], reply: undefined }
        : reject('not-open', 'It is not open'),
  },
  evolve: {
    Opened: (state, { by }) => {
      state.open = true;
      state.openedBy.push(by);
      return state;
    },
    Closed: (state) => ({ ...state, open: false }),
  },
  onReply: (_, { tag, outcome }) => ({
    events: tag === 'neighbour' && outcome.type === 'rejection' ? [{ type: 'Closed', data: {} }] : [],
    reply: undefined,
  }),
});

const opened = { type: 'Opened', data: { by: 'ann' } } as const;
const closed = { type: 'Closed', data: {} } as const;

t.test('events, reply, messages and timers are compared, and the scenario goes on', async (t) => {
  const scenario = given(aggregate)
    .when('open', { by: 'ann' }, { now: 5_000 })
    .then({
      events: [opened],
      reply: { times: 1, at: 5_000 },
      messages: [{ kind: 'door', id: 'next-door', command: 'close', payload: null, tag: 'neighbour' }],
      timers: [{ type: 'set', name: 'close', dueAt: 6_000, command: 'close', payload: null }],
    })
    .when('open', { by: 'bob' })
    .then({ rejection: 'already-open', events: [] })
    .when('close', null)
    .then({ events: [closed], reply: undefined });
  t.strictSame(scenario.state, { open: false, openedBy: ['ann'] });
  t.equal(scenario.version, 2);
  t.equal(scenario.read('times', null), 1);
});

t.test('a scenario starts from events, and branches', async (t) => {
  const start = given(aggregate, [opened, closed]);
  t.equal(start.version, 2);
  start.when('close', null).then({ rejection: { code: 'not-open', detail: 'It is not open' } });
  const one = start.when('open', { by: 'bob', note: 'x' }).then({});
  t.strictSame(one.state.openedBy, ['ann', 'bob']);
  t.strictSame(start.state.openedBy, ['ann'], 'the start is as it was');
});

t.test('the context can be given', async (t) => {
  const stranger = { principal: 'stranger', roles: [], internal: false };
  given(aggregate).when('open', { by: 'x' }, { caller: stranger }).then({ rejection: 'stranger' });
  t.pass();
});

t.test('the answer to a tagged message can be delivered', async (t) => {
  const refusal = { tag: 'neighbour', outcome: reject('not-open', 'x') };
  given(aggregate, [opened])
    .whenReply(refusal)
    .then({ events: [closed] });
  t.pass();
});

t.test('what differs is an AssertionError that shows both', async (t) => {
  const asked = given(aggregate, [opened]).when('close', null);
  t.throws(() => asked.then({ events: [] }), { name: 'AssertionError', actual: [closed], expected: [] });
  t.throws(() => asked.then({ rejection: 'not-open' }), { name: 'AssertionError' });
  t.throws(() => asked.then({ messages: [send(door, 'd', 'close', null)] }), { name: 'AssertionError' });
  const refused = given(aggregate).when('close', null);
  t.throws(() => refused.then({}), { name: 'AssertionError', message: /refused/ });
  t.throws(() => refused.then({ rejection: 'stranger' }), { name: 'AssertionError' });
  t.throws(() => refused.then({ rejection: { code: 'not-open', detail: 'other words' } }), {
    name: 'AssertionError',
  });
  t.throws(() => refused.then({ rejection: 'not-open', events: [closed] }), { name: 'AssertionError' });
  t.throws(() => refused.then({ rejection: 'not-open', reply: undefined }), { name: 'AssertionError' });
});

t.test('awaiting a scenario is refused with a message instead of hanging', async (t) => {
  const settled: unknown = given(aggregate).when('open', { by: 'a' });
  await t.rejects(Promise.resolve(settled), /not awaited/);
});

const tolerant = { ...aggregate.decide, close: () => ({ reply: undefined }) };

t.test('an event whose schema forgets a property fails in the test, not after a restart', async (t) => {
  const forgetful = defineAggregate(door, {
    ...aggregate,
    decide: {
      ...tolerant,
      open: () => {
        const data = { by: 'ann', colour: 'red' };
        return { events: [{ type: 'Opened', data }], reply: { times: 1, at: 0 } };
      },
    },
  });
  t.throws(() => given(forgetful).when('open', { by: 'ann' }), { message: /event Opened does not survive/ });
});

t.test('a property that is undefined counts as absent', async (t) => {
  const loose = defineAggregate(door, {
    ...aggregate,
    decide: {
      ...tolerant,
      open: () => {
        // As written by a program that does not compile with exactOptionalPropertyTypes.
        const data = { by: 'ann', note: undefined } as unknown as { by: string };
        return { events: [{ type: 'Opened', data }], reply: { times: 1, at: 0 } };
      },
    },
  });
  given(loose)
    .when('open', { by: 'ann' })
    .then({ events: [opened] });
  t.pass();
});

t.test('a state with a part that initial does not show fails', async (t) => {
  const growing = defineAggregate(door, {
    ...aggregate,
    evolve: { ...aggregate.evolve, Closed: (state) => Object.assign(state, { closedAt: 1 }) },
  });
  t.throws(() => given(growing, [closed]), {
    message: /state after event Closed does not survive its snapshot/,
  });
});

t.test('a reply that its schema does not show fails', async (t) => {
  const chatty = defineAggregate(door, {
    ...aggregate,
    decide: {
      ...tolerant,
      open: () => {
        const reply = { times: 1, at: 0, secret: 'x' };
        return { reply };
      },
    },
  });
  t.throws(() => given(chatty).when('open', { by: 'ann' }), {
    message: /reply to command open does not survive/,
  });
});

t.test('a value without a stored form fails', async (t) => {
  const dated = defineAggregate(door, {
    ...aggregate,
    decide: {
      ...tolerant,
      open: () => ({
        reply: { times: 1, at: 0 },
        messages: [{ kind: 'door', id: 'd', command: 'close', payload: new Date(0) }],
      }),
    },
  });
  t.throws(() => given(dated).when('open', { by: 'ann' }), { code: 'not-storable' });
});

t.test('a decision that changes the state fails', async (t) => {
  const impatient = defineAggregate(door, {
    ...aggregate,
    decide: {
      ...tolerant,
      open: (state) => {
        state.open = true;
        return reject('already-open', 'x');
      },
    },
  });
  t.throws(() => given(impatient).when('open', { by: 'ann' }), { message: /changed the state/ });
});

t.test('an evolve that remembers between folds fails', async (t) => {
  let calls = 0;
  const counting = defineAggregate(door, {
    ...aggregate,
    evolve: {
      ...aggregate.evolve,
      Opened: (state) => {
        calls += 1;
        return { ...state, open: true, openedBy: [`call ${calls}`] };
      },
    },
  });
  t.throws(() => given(counting).when('open', { by: 'ann' }), { message: /folding the history again/ });
});
