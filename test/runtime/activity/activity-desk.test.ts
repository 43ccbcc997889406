/** Activities as a running shard does them: when, how often, and what is recorded (K1 to K5). */

import t from 'tap';
import { type ActivityOutcome, definePort, perform } from '../../../actors/model/activity.js';
import { placementHash } from '../../../actors/model/address.js';
import { defineModule, type Module } from '../../../actors/model/module.js';
import { defineSaga, type SagaStatus } from '../../../actors/model/saga.js';
import { Type } from '../../../actors/model/typebox.js';
import { actorHash } from '../../../persistence/entry.js';
import type { Activities, ActivityRequest } from '../../../runtime/activity/activities.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import { TestSystem, type TestSystemOptions } from '../../support/test-system.js';

const bankPort = definePort({
  name: 'bank',
  activities: {
    pay: {
      input: Type.Object({ amount: Type.Integer() }),
      result: Type.Object({ payment: Type.String() }),
      rejections: ['declined'],
    },
    repay: {
      input: Type.Object({ payment: Type.String() }),
      result: Type.Null(),
      rejections: [],
    },
    pack: { input: Type.Object({}), result: Type.Null(), rejections: ['fragile'] },
  },
});

const errand = defineSaga({
  name: 'errand',
  version: 1,
  input: Type.Object({ amount: Type.Integer() }),
  steps: [
    {
      name: 'pay',
      activity: ({ input }) => perform(bankPort, 'pay', { amount: input.amount }),
      undo: ({ results }) =>
        perform(bankPort, 'repay', {
          payment: (results.pay as { payment: string } | undefined)?.payment ?? '',
        }),
    },
    { name: 'pack', activity: () => perform(bankPort, 'pack', {}) },
  ],
  events: {},
});

const modules = [defineModule({ name: 'errands', aggregates: [], sagas: [errand], ports: [bankPort] })];

/** Everything asked for; each is answered by hand. */
class Desk implements Activities {
  readonly asked: {
    readonly request: ActivityRequest;
    readonly answer: (outcome: ActivityOutcome) => void;
  }[] = [];

  run(request: ActivityRequest): Promise<ActivityOutcome> {
    return new Promise((answer) => this.asked.push({ request, answer }));
  }

  get keys(): string[] {
    return this.asked.map(({ request }) => request.idempotencyKey);
  }

  result(index: number, value: unknown = null): void {
    this.asked[index]?.answer({ type: 'result', value });
  }
}

const start = (id: string, amount = 5) =>
  ({ type: 'command', kind: 'errand', id, command: 'start', payload: { amount } }) as const;

async function open(desk: Desk, options: TestSystemOptions = {}): Promise<TestSystem> {
  return TestSystem.start({ modules, activities: desk, ...options });
}

async function status(system: TestSystem, id: string): Promise<SagaStatus> {
  const answer = await system.ask({ type: 'query', kind: 'errand', id, query: 'status', payload: {} });
  if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
  return answer.reply as SagaStatus;
}

t.test(
  'K1: an activity begins once its order is durable, with a key, a deadline and its input',
  async (t) => {
    const desk = new Desk();
    const system = await open(desk);
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    system.script.onNextAppend({ type: 'delay', at: 'flush', until });
    system.submit(start('e1'));
    await system.clock.advance(100);
    t.equal(desk.asked.length, 0);
    release();
    await system.clock.advance(10);
    t.match(desk.asked[0]?.request, {
      port: 'bank',
      activity: 'pay',
      input: { amount: 5 },
      idempotencyKey: 'errand/e1/pay/do',
    });
    t.ok((desk.asked[0]?.request.deadlineAt ?? 0) > system.clock.now());
    desk.result(0, { payment: 'p1' });
    await system.clock.advance(10);
    desk.result(1);
    await system.clock.advance(10);
    t.match(await status(system, 'e1'), {
      state: 'completed',
      step_results: [{ step: 'pay', result: { payment: 'p1' } }, { step: 'pack' }],
    });
    await system.stop();
  },
);

t.test(
  'a refused activity turns the saga back, and what was done is undone by its own activity',
  async (t) => {
    const desk = new Desk();
    const system = await open(desk);
    await system.ask(start('e1'));
    await system.clock.advance(10);
    desk.result(0, { payment: 'p1' });
    await system.clock.advance(10);
    desk.asked[1]?.answer({ type: 'rejected', code: 'fragile', detail: 'Too fragile to pack' });
    await system.clock.advance(10);
    t.same(desk.keys, ['errand/e1/pay/do', 'errand/e1/pack/do', 'errand/e1/pay/undo']);
    t.same(desk.asked[2]?.request.input, { payment: 'p1' });
    desk.result(2);
    await system.clock.advance(10);
    t.match(await status(system, 'e1'), { state: 'compensated', errors: ['fragile: Too fragile to pack'] });
    await system.stop();
  },
);

t.test('A2: only a failure that may have had its effect is undone', async (t) => {
  for (const [code, undone] of [
    ['outcome-unknown', true],
    ['overloaded', false],
  ] as const) {
    const desk = new Desk();
    const system = await open(desk);
    await system.ask(start('e1'));
    await system.clock.advance(10);
    desk.asked[0]?.answer({ type: 'failed', error: { code, detail: 'no answer' } });
    await system.clock.advance(10);
    t.equal(desk.keys.includes('errand/e1/pay/undo'), undone, code);
    if (undone) desk.result(1);
    await system.clock.advance(10);
    t.match(await status(system, 'e1'), {
      state: 'compensated',
      errors: [`Step pay failed after 1 attempts: ${code}: no answer`],
    });
    await system.stop();
  }
});

t.test('after a crash what was under way is begun again with the same key, and recorded once', async (t) => {
  for (const isSwept of [false, true]) {
    const desk = new Desk();
    let system = await open(desk);
    await system.ask(start('e1'));
    await system.clock.advance(10);
    if (isSwept) await system.swept();
    system = await system.crash();
    await system.clock.advance(10);
    t.same(desk.keys, ['errand/e1/pay/do', 'errand/e1/pay/do']);
    desk.result(1, { payment: 'second' });
    await system.clock.advance(10);
    desk.result(0, { payment: 'first' });
    await system.clock.advance(10);
    t.match(await status(system, 'e1'), { step_results: [{ result: { payment: 'second' } }] });
    t.same(desk.keys.slice(2), ['errand/e1/pack/do']);
    desk.result(2);
    await system.clock.advance(10);
    await system.swept();
    system = await system.crash();
    await system.clock.advance(100);
    t.equal(desk.asked.length, 3, 'nothing is begun again after its record');
    t.equal((await status(system, 'e1')).state, 'completed');
    await system.stop();
  }
});

t.test(
  'K5: what was begun before a crash is undone even where its repeat did certainly nothing',
  async (t) => {
    const desk = new Desk();
    let system = await open(desk);
    await system.ask(start('e1'));
    await system.clock.advance(10);
    system = await system.crash();
    await system.clock.advance(10);
    desk.asked[1]?.answer({ type: 'failed', error: { code: 'provider-unavailable', detail: 'it is down' } });
    await system.clock.advance(10);
    t.same(desk.keys.slice(2), ['errand/e1/pay/undo']);
    desk.result(2);
    await system.clock.advance(10);
    t.match(await status(system, 'e1'), {
      state: 'compensated',
      errors: [/outcome-unknown: begun again: provider-unavailable/],
    });
    await system.stop();
  },
);

t.test('an activity whose outcome found its saga parked is begun again once that was unparked', async (t) => {
  const desk = new Desk();
  let system = await open(desk);
  await system.ask(start('e1'));
  await system.clock.advance(10);
  const at = system.clock.now();
  system = await system.crash({
    struck: [{ placement: placementHash('e1'), hash: actorHash('errand', 'e1'), count: 3, at }],
  });
  await system.clock.advance(10);
  desk.result(1, { payment: 'unheard' });
  await system.clock.advance(10);
  await system.unpark('errand', 'e1');
  await system.clock.advance(10);
  t.same(desk.keys, ['errand/e1/pay/do', 'errand/e1/pay/do', 'errand/e1/pay/do']);
  desk.result(2, { payment: 'heard' });
  await system.clock.advance(10);
  t.match(await status(system, 'e1'), { step_results: [{ result: { payment: 'heard' } }] });
  await system.stop();
});

t.test('after a reset what is under way is listened to, and not begun beside itself', async (t) => {
  const desk = new Desk();
  const system = await open(desk);
  await system.ask(start('e1'));
  await system.clock.advance(10);
  system.script.onNextAppend({ type: 'refuse', detail: 'disk full' });
  system.submit(start('e2'));
  await system.clock.advance(1_000);
  t.same(desk.keys, ['errand/e1/pay/do']);
  desk.result(0, { payment: 'p1' });
  await system.clock.advance(10);
  t.match(await status(system, 'e1'), { step_results: [{ result: { payment: 'p1' } }] });
  await system.stop();
});

t.test('K3: no more than activitiesMax are under way; the others follow in their order', async (t) => {
  const desk = new Desk();
  const system = await open(desk, { limits: { activitiesMax: 2 }, partitionCount: 1 });
  for (const id of ['e1', 'e2', 'e3', 'e4']) await system.ask(start(id));
  await system.clock.advance(10);
  t.same(desk.keys, ['errand/e1/pay/do', 'errand/e2/pay/do']);
  desk.asked[1]?.answer({ type: 'rejected', code: 'declined', detail: 'No' });
  await system.clock.advance(10);
  t.same(desk.keys.slice(2), ['errand/e3/pay/do']);
  desk.asked[0]?.answer({ type: 'rejected', code: 'declined', detail: 'No' });
  await system.clock.advance(10);
  t.same(desk.keys.slice(3), ['errand/e4/pay/do']);
  await system.stop();
});

t.test('K4: a result that is too large is a definite failure, and is undone', async (t) => {
  const desk = new Desk();
  const system = await open(desk);
  await system.ask(start('e1'));
  await system.clock.advance(10);
  desk.result(0, { payment: 'x'.repeat(20_000) });
  await system.clock.advance(10);
  t.same(desk.keys, ['errand/e1/pay/do', 'errand/e1/pay/undo']);
  desk.result(1);
  await system.clock.advance(10);
  t.match(await status(system, 'e1'), {
    state: 'compensated',
    errors: ['Step pay failed after 1 attempts: event-too-large: An event is too large.'],
  });
  await system.stop();
});

t.test('a saga whose deadline passes waits for its activity before it undoes', async (t) => {
  const desk = new Desk();
  const system = await open(desk);
  await system.ask(start('e1'));
  await system.clock.advance(400_000);
  t.match(await status(system, 'e1'), { state: 'compensating', errors: ['Saga timeout'] });
  t.equal(desk.asked.length, 1);
  desk.result(0, { payment: 'late' });
  await system.clock.advance(10);
  t.same(desk.asked[1]?.request.input, { payment: 'late' }, 'the undo knows the late result');
  desk.result(1);
  await system.clock.advance(10);
  t.equal((await status(system, 'e1')).state, 'compensated');
  await system.stop();
});

const alarm = defineSaga({
  name: 'alarm',
  version: 1,
  input: Type.Object({}),
  deadlineMs: 5_000,
  steps: [
    { name: 'wake', activity: () => perform(bankPort, 'pack', {}) },
    { name: 'answered', signal: 'answered' },
  ],
  events: {},
});
const alarms = [defineModule({ name: 'alarms', aggregates: [], sagas: [alarm], ports: [bankPort] })];
const startAlarm = { type: 'command', kind: 'alarm', id: 'a1', command: 'start', payload: {} } as const;

async function alarmStatus(system: TestSystem): Promise<unknown> {
  const query = { type: 'query', kind: 'alarm', id: 'a1', query: 'status', payload: {} } as const;
  const answer = await system.ask(query);
  return answer.type === 'reply' ? answer.reply : answer;
}

t.test('an activity step that is called wake leaves its saga the timer', async (t) => {
  const desk = new Desk();
  const system = await open(desk, { modules: alarms });
  await system.ask(startAlarm);
  t.same(desk.keys, ['alarm/a1/wake/do']);
  desk.result(0);
  await system.clock.advance(10);
  t.match(await alarmStatus(system), { state: 'running', current_step: 'answered' });
  await system.clock.advance(10_000);
  t.match(await alarmStatus(system), { state: 'compensated', errors: ['Saga timeout'] });
  await system.stop();
});

t.test(
  'one whose order took the timer under an earlier program gives it back with its outcome',
  async (t) => {
    for (const isSwept of [false, true]) {
      const desk = new Desk();
      let system = await open(desk, { modules: earlierAlarms() });
      await system.ask(startAlarm);
      if (isSwept) await system.swept();
      system = await system.crash({ modules: alarms });
      t.same(desk.keys, ['alarm/a1/wake/do', 'alarm/a1/wake/do'], 'begun again');
      desk.result(1);
      await system.clock.advance(10);
      t.match(await alarmStatus(system), { state: 'running', current_step: 'answered' });
      await system.clock.advance(10_000);
      t.match(await alarmStatus(system), { state: 'compensated', errors: ['Saga timeout'] });
      await system.stop();
    }
  },
);

/** The same saga as programs ran it that ordered its activity under the timer's name. */
function earlierAlarms(): Module[] {
  const saga = compileSaga(alarm);
  const decideStart = saga.decide.start as NonNullable<typeof saga.decide.start>;
  const earlier: typeof saga = {
    ...saga,
    decide: {
      ...saga.decide,
      start: (instance, input, ctx) => {
        const decision = decideStart(instance, input, ctx);
        if ('type' in decision) return decision;
        const timers = decision.timers?.map((timer) => ({ ...timer, name: 'wake' }));
        return { ...decision, ...(timers === undefined ? {} : { timers }) };
      },
    },
  };
  return [defineModule({ name: 'alarms', aggregates: [earlier], ports: [bankPort] })];
}

t.test('a system without adapters fails the step, and stays up', async (t) => {
  const system = await TestSystem.start({ modules });
  await system.ask(start('e1'));
  await system.clock.advance(100);
  t.match(await status(system, 'e1'), { state: 'compensated' });
  await system.stop();
});
