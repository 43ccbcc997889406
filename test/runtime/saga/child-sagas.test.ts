/** Sagas that wait for other sagas, and for events, over the whole runtime and through crashes. */
import assert from 'node:assert/strict';
import t from 'tap';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import { send } from '../../../actors/model/contract.js';
import type { Caller } from '../../../actors/model/message.js';
import { defineModule } from '../../../actors/model/module.js';
import { defineReaction } from '../../../actors/model/reaction.js';
import { defineSaga, type SagaStatus, signalSaga, startSaga } from '../../../actors/model/saga.js';
import { forEach } from '../../../actors/model/saga-step.js';
import { Type } from '../../../actors/model/typebox.js';
import { defaultLimits } from '../../../runtime/limits.js';
import {
  purseContract,
  shipmentContract,
  stockAndPayment,
  stockContract,
} from '../../examples/stock-and-payment.js';
import { somebody, TestSystem, type TestSystemOptions } from '../../support/test-system.js';

/** Reserves and takes one product: the branch of a parcel. */
const pick = defineSaga({
  name: 'pick',
  version: 1,
  input: Type.Object({ product: Type.String(), count: Type.Integer() }),
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId, input }) =>
        send(stockContract, input.product, 'reserve', { order: sagaId, count: input.count }),
      undo: ({ sagaId, input }) => send(stockContract, input.product, 'release', { order: sagaId }),
    },
    { name: 'weigh', sleepMs: 500 },
  ],
  events: {},
});

/** Picks every product by a saga of its own, and waits until the purse is filled before it charges. */
const parcel = defineSaga({
  name: 'parcel',
  version: 1,
  input: Type.Object({
    buyer: Type.String(),
    amount: Type.Integer(),
    products: Type.Array(Type.String()),
    count: Type.Integer(),
  }),
  steps: [
    forEach({
      name: 'pick',
      each: ({
        input,
      }: {
        readonly input: { readonly products: readonly string[]; readonly count: number };
      }) => input.products.map((product) => ({ product, count: input.count })),
      step: {
        saga: ({ sagaId, item, index }) => startSaga(pick, `${sagaId}-${index}`, item),
        undo: ({ sagaId, item, index }) =>
          send(stockContract, item.product, 'release', { order: `${sagaId}-${index}` }),
      },
    }),
    { name: 'funds', signal: 'filled', timeoutMs: 60_000 },
    {
      name: 'charge',
      pivot: true,
      call: ({ sagaId, input }) =>
        send(purseContract, input.buyer, 'charge', { order: sagaId, amount: input.amount }),
    },
    {
      name: 'ship',
      call: ({ sagaId }) => send(shipmentContract, sagaId, 'ship', { address: 'x', receipt: 'r' }),
    },
  ],
  events: {},
});

/** Two at once, under ids that its input names. */
const pair = defineSaga({
  name: 'pair',
  version: 1,
  input: Type.Object({ number: Type.String(), products: Type.Array(Type.String()) }),
  steps: [
    {
      name: 'both',
      parallel: [0, 1].map((index) => ({
        name: `pick${index}`,
        saga: ({
          input,
        }: {
          readonly input: { readonly number: string; readonly products: readonly string[] };
        }) => startSaga(pick, `${input.number}-${index}`, { product: input.products[index] ?? '', count: 1 }),
      })),
    },
  ],
  events: {},
});

/** Charges first, then only goes forward: what cannot be picked waits for a person. */
const prepaid = defineSaga({
  name: 'prepaid',
  version: 1,
  input: Type.Object({ buyer: Type.String(), product: Type.String(), count: Type.Integer() }),
  steps: [
    {
      name: 'charge',
      pivot: true,
      call: ({ sagaId, input }) => send(purseContract, input.buyer, 'charge', { order: sagaId, amount: 5 }),
    },
    {
      name: 'pick',
      saga: ({ sagaId, input }) =>
        startSaga(pick, `${sagaId}-pick`, { product: input.product, count: input.count }),
    },
  ],
  events: {},
});

/** Results that fit an event one by one, and not together. */
const heavy = defineSaga({
  name: 'heavy',
  version: 1,
  input: Type.Object({}),
  steps: [
    { name: 'a', signal: 'a' },
    { name: 'b', signal: 'b' },
  ],
  events: {},
});
const carrier = defineSaga({
  name: 'carrier',
  version: 1,
  input: Type.Object({}),
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId }) => send(stockContract, 'pen', 'reserve', { order: sagaId, count: 3 }),
      undo: ({ sagaId }) => send(stockContract, 'pen', 'release', { order: sagaId }),
    },
    { name: 'load', saga: ({ sagaId }) => startSaga(heavy, `${sagaId}-load`, {}) },
  ],
  events: {},
});

/** What its timer leads to is past a bound: an order after its pivot, its closing event before it. */
const sleeper = defineSaga({
  name: 'sleeper',
  version: 1,
  input: Type.Object({ isLate: Type.Boolean() }),
  deadlineMs: 60_000,
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId }) => send(stockContract, 'pen', 'reserve', { order: sagaId, count: 3 }),
      undo: ({ sagaId }) => send(stockContract, 'pen', 'release', { order: sagaId }),
    },
    { name: 'approval', signal: 'approved', when: ({ input }) => input.isLate },
    {
      name: 'pivot',
      pivot: true,
      call: () => send(stockContract, 'lamp', 'reserve', { order: 'x', count: 1 }),
    },
    { name: 'nap', sleepMs: 1_000 },
    {
      name: 'large',
      call: () =>
        send(stockContract, 'book', 'reserve', { order: 'x'.repeat(defaultLimits.entryBytesMax), count: 1 }),
    },
  ],
  events: { Note: { version: 1, schema: Type.Object({ text: Type.String() }) } },
  onCompensating: () => [{ type: 'Note', data: { text: 'x'.repeat(defaultLimits.eventBytesMax) } }],
});

/** Waits for a signal that does not come, or for an answer that is a refusal; its closing event does not fit. */
const impatient = defineSaga({
  name: 'impatient',
  version: 1,
  input: Type.Object({ for: Type.String() }),
  deadlineMs: 86_400_000,
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId }) => send(stockContract, 'pen', 'reserve', { order: sagaId, count: 3 }),
      undo: ({ sagaId }) => send(stockContract, 'pen', 'release', { order: sagaId }),
    },
    { name: 'go', signal: 'go', timeoutMs: 10_000, when: ({ input }) => input.for === 'signal' },
    {
      name: 'answer',
      call: ({ sagaId }) => send(stockContract, 'lamp', 'reserve', { order: sagaId, count: 1_000 }),
      when: ({ input }) => input.for === 'answer',
    },
    { name: 'last', signal: 'last' },
  ],
  events: { Note: { version: 1, schema: Type.Object({ text: Type.String() }) } },
  onCompensating: () => [{ type: 'Note', data: { text: 'x'.repeat(defaultLimits.eventBytesMax) } }],
});

/** An event is what the saga waits for: its purse is named like it. */
const whenFilled = defineReaction(purseContract, 'Filled', 'tell-parcel', ({ amount }, { id }) =>
  signalSaga(parcel, id, 'filled', { amount }),
);

const modules = [
  stockAndPayment,
  defineModule({
    name: 'parcels',
    aggregates: [],
    sagas: [pick, parcel, pair, prepaid, heavy, carrier, sleeper, impatient],
    reactions: [whenFilled],
  }),
];

async function open(options: TestSystemOptions = {}): Promise<TestSystem> {
  const system = await TestSystem.start({ modules, shardCount: 2, ...options });
  for (const product of ['pen', 'book', 'lamp']) {
    await system.reply(commandCall(stockContract, product, 'supply', { count: 10 }));
  }
  return system;
}

function start(system: TestSystem, count: number, id = 'p1'): void {
  const payload = { buyer: id, amount: 5, products: ['pen', 'book', 'lamp'], count };
  system.submit({ type: 'command', kind: 'parcel', id, command: 'start', payload }, { fingerprint: 'f' });
}

const fill = (system: TestSystem, id = 'p1') =>
  system.reply(commandCall(purseContract, id, 'fill', { amount: 9 }));

async function status(system: TestSystem, kind: string, id: string): Promise<SagaStatus | undefined> {
  const answer = await system.ask({ type: 'query', kind, id, query: 'status', payload: {} });
  return answer.type === 'reply' ? (answer.reply as SagaStatus) : undefined;
}

async function free(system: TestSystem): Promise<number[]> {
  const counts: number[] = [];
  for (const product of ['pen', 'book', 'lamp']) {
    counts.push((await system.reply(queryCall(stockContract, product, 'get', null))).free);
  }
  return counts;
}

t.test('a saga waits for its children and for an event, and keeps what both gave', async (t) => {
  const system = await open();
  start(system, 2);
  await system.clock.advance(1_000);
  t.match(await status(system, 'parcel', 'p1'), { state: 'running', current_step: 'funds' });
  t.match(await status(system, 'pick', 'p1-2'), { state: 'completed' });
  await fill(system);
  await system.clock.advance(1_000);
  t.match(await status(system, 'parcel', 'p1'), {
    state: 'completed',
    step_results: [
      { step: 'pick[0]', result: { reserve: { left: 8 }, weigh: null } },
      { step: 'pick[1]' },
      { step: 'pick[2]' },
      { step: 'funds', result: { amount: 9 } },
      { step: 'charge' },
      { step: 'ship' },
    ],
  });
  await system.stop();
});

t.test('an event that came before its saga asks for it is there already', async (t) => {
  const system = await open();
  start(system, 2);
  await system.clock.advance(50);
  await fill(system);
  await system.clock.advance(2_000);
  t.equal((await status(system, 'parcel', 'p1'))?.state, 'completed');
  await system.stop();
});

t.test('a child that is refused turns its parent back, and the others with it', async (t) => {
  const system = await open();
  await system.reply(commandCall(stockContract, 'pen', 'supply', { count: 10 }));
  await system.reply(commandCall(stockContract, 'book', 'supply', { count: 10 }));
  start(system, 15);
  await system.clock.advance(5_000);
  t.match(await status(system, 'parcel', 'p1'), {
    state: 'compensated',
    errors: ['child-compensated: sold-out: Only 10 left'],
  });
  for (const id of ['p1-0', 'p1-1', 'p1-2'])
    t.equal((await status(system, 'pick', id))?.state, 'compensated', id);
  t.same(await free(system), [20, 20, 10]);
  await system.stop();
});

t.test('a saga that wanted ids of somebody else turns back, and theirs go on', async (t) => {
  const system = await open();
  const tell = (id: string, products: readonly string[], caller: Caller) =>
    system.ask(
      { type: 'command', kind: 'pair', id, command: 'start', payload: { number: '7', products } },
      { caller },
    );
  const [ann, eve] = ['ann', 'eve'].map((principal) => ({ ...somebody, principal })) as [Caller, Caller];
  await tell('ann-1', ['pen', 'book'], ann);
  await tell('eve-1', ['lamp', 'lamp'], eve);
  await system.clock.advance(5_000);
  t.match(await status(system, 'pair', 'eve-1'), { state: 'compensated' });
  t.match(await status(system, 'pair', 'ann-1'), { state: 'completed' });
  t.same(await free(system), [9, 9, 10]);
  await system.stop();
});

t.test('the end of a child that does not fit its parent fails its step, and is no dead letter', async (t) => {
  const system = await open();
  await system.ask({ type: 'command', kind: 'carrier', id: 'c1', command: 'start', payload: {} });
  await system.clock.advance(1_000);
  t.same(await free(system), [7, 10, 10]);
  const text = 'x'.repeat(9_000);
  for (const signal of ['a', 'b']) {
    const payload = { signal, payload: text };
    await system.ask({ type: 'command', kind: 'heavy', id: 'c1-load', command: 'signal', payload });
  }
  await system.clock.advance(1_000);
  t.match(await status(system, 'heavy', 'c1-load'), { state: 'completed' });
  t.match(await status(system, 'carrier', 'c1'), { state: 'compensated', errors: [/event-too-large/] });
  t.same(await free(system), [10, 10, 10]);
  t.equal(
    (await system.metrics()).reduce((sum, { counters }) => sum + counters.lettersQueued, 0),
    0,
  );
  await system.stop();
});

t.test('what a timer leads to that is past a bound parks the saga, or turns it back', async (t) => {
  const system = await open();
  for (const isLate of [false, true]) {
    const payload = { isLate };
    await system.ask({ type: 'command', kind: 'sleeper', id: `s-${isLate}`, command: 'start', payload });
  }
  await system.clock.advance(10_000);
  t.match(await status(system, 'sleeper', 's-false'), { state: 'failed', parked_at: Number });
  t.match(await status(system, 'sleeper', 's-true'), { state: 'running', current_step: 'approval' });
  await system.clock.advance(60_000);
  t.match(await status(system, 'sleeper', 's-true'), { state: 'compensated', errors: ['Saga timeout'] });
  t.same(await free(system), [7, 10, 9]);
  await system.stop();
});

t.test('closing events that do not fit hold up no saga that a signal or an answer fails', async (t) => {
  const system = await open();
  for (const what of ['signal', 'answer']) {
    const payload = { for: what };
    await system.ask({ type: 'command', kind: 'impatient', id: `i-${what}`, command: 'start', payload });
    await system.clock.advance(120_000);
    t.match(await status(system, 'impatient', `i-${what}`), { state: 'compensated' }, what);
    t.same(await free(system), [10, 10, 10], what);
  }
  await system.stop();
});

t.test('a child that was compensated runs again as another saga once a person says so', async (t) => {
  let system = await open();
  await fill(system);
  const tell = (command: string, payload: unknown) =>
    system.ask({ type: 'command', kind: 'prepaid', id: 'p1', command, payload });
  await tell('start', { buyer: 'p1', product: 'pen', count: 12 });
  await system.clock.advance(2_000);
  t.match(await status(system, 'prepaid', 'p1'), { state: 'failed', current_step: 'pick' });
  await system.reply(commandCall(stockContract, 'pen', 'supply', { count: 10 }));
  system = await system.crash();
  t.match(await tell('retry', {}), { type: 'reply' });
  await system.clock.advance(2_000);
  t.match(await status(system, 'prepaid', 'p1'), { state: 'completed' });
  t.match(await status(system, 'pick', 'p1-pick'), { state: 'compensated' });
  t.match(await status(system, 'pick', 'p1-pick.2'), { state: 'completed' });
  t.same(await free(system), [8, 10, 10]);
  await system.stop();
});

t.test(
  'I10: what a person says to a parked saga is done once, whichever commit the crash falls between',
  async (t) => {
    for (const at of ['request', 'reply'] as const) {
      let commits = 0;
      while (await crashDuringRetry(commits, at)) commits++;
      t.ok(commits > 4, `${commits} commits`);
    }
  },
);

/** False when the saga was over before the crash. */
async function crashDuringRetry(commits: number, at: 'request' | 'reply'): Promise<boolean> {
  let system = await open({ limits: { groupCommandsMax: 1 } });
  await fill(system);
  const payload = { buyer: 'p1', product: 'pen', count: 12 };
  await system.ask({ type: 'command', kind: 'prepaid', id: 'p1', command: 'start', payload });
  await system.clock.advance(2_000);
  await system.reply(commandCall(stockContract, 'pen', 'supply', { count: 10 }));
  const { script } = system;
  for (let count = 0; count < commits; count++) script.onNextAppend(undefined);
  script.onNextAppend({ type: 'delay', at, until: new Promise(() => undefined) });
  const retry = () =>
    system.submitKeyed(
      { type: 'command', kind: 'prepaid', id: 'p1', command: 'retry', payload: {} },
      'retry',
    );
  retry();
  await system.clock.advance(3_000);
  const isCrashed = script.isSpent;
  if (isCrashed) system = await system.crash();
  // Whoever heard nothing says it again.
  assert.equal((await system.answered(retry())).type, 'reply');
  await system.clock.advance(60_000);
  const place = `crash after ${commits} commits, at the ${at}`;
  assert.equal((await status(system, 'prepaid', 'p1'))?.state, 'completed', place);
  assert.equal((await status(system, 'pick', 'p1-pick.2'))?.state, 'completed', place);
  assert.equal(await status(system, 'pick', 'p1-pick.3'), undefined, place);
  assert.deepEqual(await free(system), [8, 10, 10], place);
  await system.stop();
  return isCrashed;
}

t.test('an event that never comes ends the wait, and completed children are undone', async (t) => {
  const system = await open();
  start(system, 2);
  await system.clock.advance(70_000);
  t.match(await status(system, 'parcel', 'p1'), { state: 'compensated' });
  t.same(await free(system), [10, 10, 10]);
  await system.stop();
});

t.test('I10: parents and children go on after a crash between any two commits', async (t) => {
  for (const isFilled of [true, false]) {
    let commits = 0;
    while (await crashAfter(commits, isFilled)) commits++;
    t.ok(commits > 15, `${commits} commits`);
  }
});

/** False when everything was over before the crash. */
async function crashAfter(commits: number, isFilled: boolean): Promise<boolean> {
  let system = await open({ shardCount: 1 + (commits % 2), limits: { groupCommandsMax: 1 } });
  const { script } = system;
  if (isFilled) await fill(system);
  for (let count = 0; count < commits; count++) script.onNextAppend(undefined);
  const at = commits % 3 === 0 ? 'reply' : 'request';
  script.onNextAppend({ type: 'delay', at, until: new Promise(() => undefined) });
  start(system, 2);
  // The append of the signal is among those held back.
  if (isFilled) {
    const payload = { signal: 'filled', payload: 1 };
    system.submit(
      { type: 'command', kind: 'parcel', id: 'p1', command: 'signal', payload },
      { fingerprint: 'f' },
    );
  }
  await system.clock.advance(3_000);
  const isCrashed = script.isSpent;
  if (isCrashed) system = await system.crash();
  await system.clock.advance(600_000);
  const found = await status(system, 'parcel', 'p1');
  const place = `crash after ${commits} commits`;
  assert(found !== undefined || commits === 0, place);
  if (found?.state === 'completed') assert.deepEqual(await free(system), [8, 8, 8], place);
  else {
    assert.equal(found?.state ?? 'compensated', 'compensated', place);
    assert.deepEqual(await free(system), [10, 10, 10], place);
  }
  await system.stop();
  return isCrashed;
}
