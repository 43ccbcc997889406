/** Sagas whose told messages are refused, over the whole runtime: what they tell each other of their own accord arrives. */
import t from 'tap';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import { send } from '../../../actors/model/contract.js';
import { defineModule } from '../../../actors/model/module.js';
import { defineSaga, type SagaStatus, signalSaga, startSaga } from '../../../actors/model/saga.js';
import { Type } from '../../../actors/model/typebox.js';
import type { LetterView } from '../../../runtime/operator/letter-operations.js';
import { tellBytesMax } from '../../../runtime/saga/saga-bounds.js';
import { tellsMax } from '../../../runtime/saga/saga-plan.js';
import { stockAndPayment, stockContract } from '../../examples/stock-and-payment.js';
import { TestSystem } from '../../support/test-system.js';

const Nothing = Type.Object({});
const operator = { principal: 'olga', commandId: 'operator-1' };

const parentOf = (id: string) => id.replace('-child', '');

/** Tells its parent `first` and, unless it is empty, `second` a second later. */
const child = defineSaga({
  name: 'child',
  version: 1,
  input: Type.Object({ first: Type.String(), second: Type.String() }),
  steps: [
    { name: 'work', sleepMs: 10 },
    {
      name: 'report',
      tell: ({ sagaId, input }) => signalSaga({ name: 'parent' }, parentOf(sagaId), input.first, 1),
    },
    { name: 'rest', sleepMs: 1_000 },
    {
      name: 'reportAgain',
      when: ({ input }) => input.second !== '',
      tell: ({ sagaId, input }) => signalSaga({ name: 'parent' }, parentOf(sagaId), input.second, 2),
    },
  ],
  events: {},
});

/** Knows the signal `approved`, and waits for it for as long as its deadline allows. */
const parent = defineSaga({
  name: 'parent',
  version: 1,
  input: Type.Object({ first: Type.String(), second: Type.String(), isWaiting: Type.Boolean() }),
  deadlineMs: 60_000,
  steps: [
    {
      name: 'reserve',
      call: ({ sagaId }) => send(stockContract, 'pen', 'reserve', { order: sagaId, count: 3 }),
      undo: ({ sagaId }) => send(stockContract, 'pen', 'release', { order: sagaId }),
    },
    {
      name: 'child',
      saga: ({ sagaId, input }) =>
        startSaga(child, `${sagaId}-child`, { first: input.first, second: input.second }),
    },
    { name: 'approval', signal: 'approved', when: ({ input }) => input.isWaiting },
  ],
  events: {},
});

/** Holds something for as long as nobody cancels it. */
const holder = defineSaga({
  name: 'holder',
  version: 1,
  input: Nothing,
  deadlineMs: 600_000,
  steps: [
    {
      name: 'hold',
      call: ({ sagaId }) => send(stockContract, 'book', 'reserve', { order: sagaId, count: 3 }),
      undo: ({ sagaId }) => send(stockContract, 'book', 'release', { order: sagaId }),
    },
    { name: 'nap', sleepMs: 500_000 },
  ],
  events: {},
});
const impatient = defineSaga({
  name: 'impatient',
  version: 1,
  input: Nothing,
  deadlineMs: 300_000,
  steps: [
    {
      name: 'both',
      parallel: [
        { name: 'holder', saga: ({ sagaId }) => startSaga(holder, `${sagaId}-holder`, {}) },
        { name: 'hurry', tell: ({ sagaId }) => signalSaga(holder, `${sagaId}-holder`, 'hurry', 1) },
      ],
    },
  ],
  events: {},
});

/** Tells as much as it may. */
const bulky = defineSaga({
  name: 'bulky',
  version: 1,
  input: Nothing,
  steps: [
    { name: 'pay', pivot: true, call: () => send(stockContract, 'pen', 'supply', { count: 100 }) },
    ...Array.from({ length: tellsMax }, (_, index) => ({
      name: `t${index}`,
      // The payload's other bytes are fewer than 20.
      tell: () => send(stockContract, `s${index}`, 'release', { order: 'x'.repeat(tellBytesMax - 20) }),
    })),
  ],
  events: {},
});

const modules = [
  stockAndPayment,
  defineModule({ name: 'told', aggregates: [], sagas: [child, parent, holder, impatient, bulky] }),
];

async function open(shardCount: number): Promise<TestSystem> {
  const system = await TestSystem.start({ modules, shardCount });
  for (const product of ['pen', 'book']) {
    await system.reply(commandCall(stockContract, product, 'supply', { count: 10 }));
  }
  return system;
}

const say = (system: TestSystem, kind: string, id: string, command: string, payload: object = {}) =>
  system.ask({ type: 'command', kind, id, command, payload });

async function state(system: TestSystem, kind: string, id: string): Promise<string | undefined> {
  const answer = await system.ask({ type: 'query', kind, id, query: 'status', payload: {} });
  return answer.type === 'reply' ? (answer.reply as SagaStatus).state : undefined;
}

const free = async (system: TestSystem, product: string) =>
  (await system.reply(queryCall(stockContract, product, 'get', null))).free;

async function letters(system: TestSystem): Promise<readonly LetterView[]> {
  const found: LetterView[] = [];
  const all = { after: undefined, kind: undefined, id: undefined, limit: 100 };
  for (let partition = 0; partition < system.disk.partitionCount; partition++) {
    const list = system.system.operations.ask(partition, 'letters.list', all, operator);
    found.push(...(await system.clock.settled(list)).letters);
  }
  return found;
}

const toParent = (signal: string, code: string) => ({
  sender: { kind: 'child', id: 'p1-child' },
  target: { kind: 'parent', id: 'p1' },
  command: 'signal',
  payload: { signal },
  code,
});

for (const shardCount of [1, 2]) {
  t.test(`a child whose report is refused ends its parent all the same (${shardCount} shards)`, async (t) => {
    const system = await open(shardCount);
    await say(system, 'parent', 'p1', 'start', { first: 'unknown', second: '', isWaiting: false });
    await system.clock.advance(5_000);
    t.equal(await state(system, 'child', 'p1-child'), 'completed');
    t.equal(await state(system, 'parent', 'p1'), 'completed');
    t.equal(await free(system, 'pen'), 7);
    const found = await letters(system);
    t.equal(found.length, 1);
    t.match(found[0], toParent('unknown', 'signal-unknown'), 'the report waits for a person');
    await system.stop();
  });

  t.test(`a parent whose word to its child was refused can cancel it (${shardCount} shards)`, async (t) => {
    const system = await open(shardCount);
    await say(system, 'impatient', 'i1', 'start');
    await system.clock.advance(1_000);
    t.equal(await free(system, 'book'), 7);
    t.match(await letters(system), [{ command: 'signal', code: 'signal-unknown' }]);
    t.match(await say(system, 'impatient', 'i1', 'cancel'), { type: 'reply' });
    await system.clock.advance(1_000);
    t.equal(await state(system, 'holder', 'i1-holder'), 'compensated');
    t.equal(await state(system, 'impatient', 'i1'), 'compensated');
    t.equal(await free(system, 'book'), 10);
    t.equal((await letters(system)).length, 1);
    await system.stop();
  });

  t.test(
    `what a saga tells behind its dead letter waits, though its end does not (${shardCount})`,
    async (t) => {
      const system = await open(shardCount);
      await say(system, 'parent', 'p1', 'start', { first: 'unknown', second: 'approved', isWaiting: true });
      await system.clock.advance(5_000);
      t.equal(await state(system, 'child', 'p1-child'), 'completed');
      const found = await letters(system);
      t.equal(found.length, 2);
      t.match(found[0], toParent('unknown', 'signal-unknown'));
      t.match(found[1], toParent('approved', 'dead-letter-ahead'));
      t.equal(await state(system, 'parent', 'p1'), 'running', 'it has not heard the approval');
      await system.clock.advance(60_000);
      t.equal(await state(system, 'parent', 'p1'), 'compensated');
      t.equal(await free(system, 'pen'), 10);
      await system.stop();
    },
  );
}

t.test('a child ends its parent over a dead letter from before a crash', async (t) => {
  for (const isSwept of [false, true]) {
    let system = await open(1);
    await say(system, 'parent', 'p1', 'start', { first: 'unknown', second: '', isWaiting: false });
    await system.clock.advance(500);
    t.equal((await letters(system)).length, 1);
    if (isSwept) await system.swept();
    t.equal(await state(system, 'child', 'p1-child'), 'running');
    system = await system.crash();
    await system.clock.advance(5_000);
    t.equal(await state(system, 'parent', 'p1'), 'completed', `swept ${isSwept}`);
    t.equal((await letters(system)).length, 1);
    await system.stop();
  }
});

t.test('tellsMax told steps of tellBytesMax each fit the one decision that sends them', async (t) => {
  const system = await open(1);
  await say(system, 'bulky', 'b1', 'start');
  await system.clock.advance(1_000);
  t.equal(await state(system, 'bulky', 'b1'), 'completed');
  t.equal(await free(system, 'pen'), 110, 'paid once');
  t.same(await letters(system), []);
  await system.stop();
});
