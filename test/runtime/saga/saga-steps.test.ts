/**
 * Groups, items, conditions, sleeps, signals, activities and other sagas as steps. Each test plays one course by hand.
 */
import t from 'tap';
import type { ActivityOrder } from '../../../actors/model/activity.js';
import { type SagaDefinition, startSaga } from '../../../actors/model/saga.js';
import {
  type ActivityStep,
  type ChildStep,
  forEach,
  type SagaContext,
  type SagaStep,
} from '../../../actors/model/saga-step.js';
import { defaultLimits } from '../../../runtime/limits.js';
import { childId } from '../../../runtime/saga/saga-dispatch.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import { deadlineMsDefault, itemsMax, messagesAtOnceMax } from '../../../runtime/saga/saga-plan.js';
import { payload, plain, sagaOf, transfer, undoable } from './saga-fixtures.js';
import { root, runtimeCaller, SagaWorld, startTime } from './saga-world.js';

type Input = typeof payload;
type Context = SagaContext<Input>;

function started(steps: readonly SagaStep<Input>[], deadlineMs?: number): SagaWorld {
  const world = new SagaWorld(sagaOf(steps, deadlineMs));
  world.start(payload);
  return world;
}

function tagsOf(world: SagaWorld): (string | undefined)[] {
  return world.pending.map(({ tag }) => tag);
}

function items(count: number, more: { readonly concurrencyMax?: number; readonly optional?: boolean } = {}) {
  const { concurrencyMax, optional = false } = more;
  return forEach({
    name: 'each',
    each: (_saga: Context) => Array.from({ length: count }, (_, index) => `item${index}`),
    ...(concurrencyMax === undefined ? {} : { concurrencyMax }),
    step: {
      optional,
      attemptsMax: 2,
      call: ({ item, index }) => ({ kind: 'account', id: item, command: 'do', payload: { index } }),
      undo: ({ item }) => ({ kind: 'account', id: item, command: 'undo', payload: {} }),
    },
  });
}

function activity(name: string, more: Partial<ActivityStep<Context>> = {}): ActivityStep<Context> {
  const order = (what: string) => (): ActivityOrder => ({
    type: 'activity',
    port: 'p',
    activity: what,
    input: {},
  });
  return { name, activity: order(name), undo: order(`undo ${name}`), ...more };
}

t.test('the steps of a group begin at once, and the next stage when all are done', async (t) => {
  const world = started([{ name: 'both', parallel: [undoable('a'), undoable('b')] }, plain('c')]);
  t.same(tagsOf(world), ['a', 'b']);
  world.reply('b', 2);
  t.same(tagsOf(world), ['a']);
  world.reply('a', 1);
  t.same(tagsOf(world), ['c']);
  world.reply('c');
  t.match(world.status(), {
    state: 'completed',
    step_results: [{ step: 'a' }, { step: 'b' }, { step: 'c' }],
  });
});

t.test('S4: a group is undone at once, after what came later and before what came earlier', async (t) => {
  const world = started([
    undoable('first'),
    { name: 'both', parallel: [undoable('a'), undoable('b'), plain('c')] },
    undoable('last'),
    plain('no'),
  ]);
  for (const step of ['first', 'a', 'b', 'c', 'last']) world.reply(step);
  world.refuse('no');
  t.same(tagsOf(world), ['undo:last']);
  world.reply('undo:last');
  t.same(new Set(tagsOf(world)), new Set(['undo:a', 'undo:b']));
  world.reply('undo:a');
  t.same(tagsOf(world), ['undo:b']);
  world.reply('undo:b');
  t.same(tagsOf(world), ['undo:first']);
  world.reply('undo:first');
  t.equal(world.state, 'compensated');
});

t.test('a refusal in a group turns back at once; those under way may have had their effect', async (t) => {
  const world = started([{ name: 'both', parallel: [undoable('a'), undoable('b'), undoable('c')] }]);
  world.reply('a');
  world.refuse('b');
  t.same(new Set(tagsOf(world)), new Set(['c', 'undo:a', 'undo:c']));
  world.reply('c');
  world.reply('undo:c');
  world.reply('undo:a');
  t.match(world.status(), { state: 'compensated', errors: ['no: b refused'] });
});

t.test(
  'past the pivot a step of a group that cannot be done waits for the others, then a person',
  async (t) => {
    const world = started([
      plain('p', { pivot: true }),
      { name: 'both', parallel: [plain('a'), plain('b')] },
    ]);
    world.reply('p');
    world.fail('a');
    world.wait();
    world.fail('a');
    t.match(world.status(), { state: 'running', parked_at: null });
    world.reply('b');
    t.match(world.status(), { state: 'failed', current_step: 'a', parked_at: world.now });
    t.match(world.status().errors, ['Step a failed after 2 attempts: busy: a not tried']);
    world.tell('retry', {}, root);
    t.same(tagsOf(world), ['a']);
    world.reply('a');
    t.equal(world.state, 'completed');
  },
);

t.test('a step of a group that failed before it began is the one that a retry begins', async (t) => {
  let isBroken = true;
  const broken = (name: string) =>
    plain(name, {
      when: () => {
        if (isBroken) throw new TypeError('a bug');
        return true;
      },
    });
  const world = started([
    plain('p', { pivot: true }),
    { name: 'all', parallel: [plain('a'), broken('b'), plain('c'), broken('d')] },
  ]);
  world.reply('p');
  t.same(tagsOf(world), ['a', 'c']);
  world.reply('c');
  world.reply('a');
  t.match(world.log.at(-1), { type: 'SagaFailed', data: { step: 'b' } });
  isBroken = false;
  world.tell('retry', {}, root);
  t.same(tagsOf(world), ['b', 'd']);
  world.reply('d');
  world.reply('b');
  t.equal(world.state, 'completed');
  t.same(world.effects, ['p', 'c', 'a', 'd', 'b']);
});

t.test('a for-each step does its items, so many at a time, and keeps their results in order', async (t) => {
  const world = started([items(5, { concurrencyMax: 2 }), plain('after', { call: see })]);
  let seen: unknown;
  function see(saga: Context) {
    seen = saga.results.each;
    return { kind: 'account', id: 'a', command: 'after', payload: {} };
  }
  t.same(tagsOf(world), ['each[0]', 'each[1]']);
  world.reply('each[1]', 'r1');
  t.same(tagsOf(world), ['each[0]', 'each[2]']);
  for (const index of [0, 2, 3, 4]) world.reply(`each[${index}]`, `r${index}`);
  t.same(seen, ['r0', 'r1', 'r2', 'r3', 'r4']);
  world.reply('after');
  t.equal(world.state, 'completed');
  t.same(world.sent.length, 6);
});

t.test('items are undone from the last, so many at a time, and only those that may be done', async (t) => {
  const world = started([items(4, { concurrencyMax: 1 }), plain('no')]);
  for (const index of [0, 1, 2, 3]) world.reply(`each[${index}]`);
  world.refuse('no');
  for (const index of [3, 2, 1, 0]) {
    t.same(tagsOf(world), [`undo:each[${index}]`]);
    world.reply(`undo:each[${index}]`);
  }
  t.equal(world.state, 'compensated');
  const cut = started([items(4, { concurrencyMax: 2 })]);
  cut.reply('each[0]');
  cut.refuse('each[1]', 'sold-out', 'none left');
  t.same(cut.status().errors, ['sold-out: none left']);
  t.notOk(cut.sent.includes('each[3]'), 'what has not begun never does');
  t.notOk(cut.sent.includes('undo:each[1]'), 'what was refused had no effect');
});

t.test('no items are a step that is done; more than the bound are a definite failure', async (t) => {
  const none = started([items(0), plain('after')]);
  t.same(tagsOf(none), ['after']);
  const many = started([undoable('first'), items(itemsMax + 1)]);
  many.reply('first');
  t.same(tagsOf(many), ['undo:first']);
  t.match(many.status().errors, [/more than 256 items/]);
  const most = started([items(itemsMax, { concurrencyMax: 32 })]);
  t.equal(most.pending.length, 32);
});

t.test('items too large for their event, or too many messages at once, fail their own step', async (t) => {
  const large = forEach({
    name: 'large',
    each: (_saga: Context) => ['x'.repeat(defaultLimits.eventBytesMax)],
    step: { call: () => ({ kind: 'account', id: 'a', command: 'do', payload: {} }) },
  });
  const before = started([undoable('first'), large]);
  before.reply('first');
  t.same(tagsOf(before), ['undo:first']);
  t.match(before.status().errors, [/the items of step large take more than 16384 bytes/]);
  const after = started([plain('pivot', { pivot: true }), { name: 'pause', sleepMs: 10 }, large]);
  after.reply('pivot');
  after.wait();
  t.match(after.status(), { state: 'failed', current_step: 'large', parked_at: after.now });
  after.tell('skip', {}, root);
  t.equal(after.state, 'completed');
  const list = (name: string) => ({ ...items(32, { concurrencyMax: 32 }), name });
  const wide = started([
    plain('pivot', { pivot: true }),
    { name: 'all', parallel: [list('a'), list('b'), plain('c')] },
  ]);
  wide.reply('pivot');
  t.equal(wide.pending.length, messagesAtOnceMax);
  for (const tag of tagsOf(wide)) wide.reply(tag ?? '');
  t.match(wide.status(), { state: 'failed', errors: [/step c would send more than 64 messages at once/] });
  wide.tell('retry', {}, root);
  wide.reply('c');
  t.equal(wide.state, 'completed', 'the others have been answered');
});

t.test('a retry tries items again so many at a time', async (t) => {
  const count = 70;
  const world = started([plain('pivot', { pivot: true }), items(count, { concurrencyMax: 4 })]);
  world.reply('pivot');
  while (world.instance.parkedAt === 0) {
    for (const tag of tagsOf(world)) world.fail(tag ?? '');
    if (world.pending.length === 0) world.wait();
  }
  world.tell('retry', {}, root);
  while (world.state === 'running') {
    const tags = tagsOf(world);
    t.ok(tags.length <= 4, `${tags.length} under way`);
    for (const tag of tags) world.reply(tag ?? '');
  }
  t.equal(world.state, 'completed');
  t.equal(world.effects.length, 1 + count);
});

t.test('a retry of an earlier program is folded as it was: every item at once', async (t) => {
  const world = started([plain('pivot', { pivot: true }), items(3, { concurrencyMax: 1 })]);
  world.reply('pivot');
  for (const attempt of [1, 2, 3, 4, 5, 6]) {
    world.fail(tagsOf(world)[0] ?? `${attempt}`);
    if (world.pending.length === 0) world.wait();
  }
  const stored = world.saga.contract.events.SagaResumed?.upcast?.[1]?.(['retry', 'root', '']);
  const resumed = world.saga.evolve.SagaResumed?.(world.instance, stored, world.now);
  t.same(
    resumed?.tasks.map(({ waiting }) => waiting),
    ['nothing', 'answer', 'answer', 'answer'],
  );
});

t.test('an optional item that fails is passed over', async (t) => {
  const world = started([items(2, { optional: true }), plain('after')]);
  world.refuse('each[0]');
  world.reply('each[1]');
  t.same(tagsOf(world), ['after']);
});

t.test('a step whose condition does not hold is passed over, and the answer is recorded', async (t) => {
  let asked = 0;
  const rich = (saga: Context): boolean => {
    asked++;
    return Number(saga.input.amount) > 1_000;
  };
  const world = started([
    undoable('a'),
    undoable('gift', { when: rich }),
    plain('c', { when: (saga) => !rich(saga) }),
  ]);
  world.reply('a');
  t.same(world.types.slice(2), ['StepSkipped', 'StepBegun']);
  const before = asked;
  world.refuse('c');
  world.reply('undo:a');
  t.equal(asked, before, 'nobody asks again');
  t.notOk(world.sent.some((tag) => tag.includes('gift')));
  const all = started([plain('never', { when: () => false })]);
  t.match(all.status(), { state: 'completed', step_results: [] });
  t.equal(all.timerAt, undefined);
});

t.test(
  'a condition that throws is a failed step: before the pivot undone, after it for a person',
  async (t) => {
    const when = (): boolean => {
      throw new TypeError('a bug');
    };
    const before = started([undoable('a'), plain('b', { when })]);
    before.reply('a');
    t.same(tagsOf(before), ['undo:a']);
    const after = started([plain('a', { pivot: true }), plain('b', { when })]);
    after.reply('a');
    t.match(after.status(), { state: 'failed', current_step: 'b' });
    after.tell('retry', {}, root);
    t.match(after.status(), { state: 'failed' }, 'it throws again');
    after.tell('skip', {}, root);
    t.equal(after.state, 'completed');
  },
);

t.test('a sleep lasts as long as it says, across its own firings, and never less', async (t) => {
  const world = started([{ name: 'nap', sleepMs: 10_000 }, plain('after')]);
  t.equal(world.timerAt, startTime + 10_000);
  world.pause(9_999);
  world.repeatWake();
  t.same(tagsOf(world), []);
  world.pause(1);
  world.repeatWake();
  t.same(tagsOf(world), ['after']);
});

t.test('a sleep and a signal are taken back by their undo', async (t) => {
  const { undo } = undoable('it');
  if (undo === undefined) throw new Error('it can be taken back');
  const world = started([
    { name: 'nap', sleepMs: 10_000, undo },
    { name: 'word', signal: 'go', undo },
    plain('no'),
  ]);
  world.wait();
  world.tell('signal', { signal: 'go', payload: null }, runtimeCaller);
  t.same(tagsOf(world), ['no']);
  world.refuse('no');
  t.same(tagsOf(world), ['undo:word']);
  world.reply('undo:word');
  t.same(tagsOf(world), ['undo:nap']);
  world.reply('undo:nap');
  t.equal(world.state, 'compensated');
});

t.test('a delay that is no number fails its step, and the timer has a time', async (t) => {
  for (const sleepMs of [Number.NaN, Number.POSITIVE_INFINITY, undefined as never]) {
    const world = started([undoable('first'), { name: 'nap', sleepMs: () => sleepMs }]);
    world.reply('first');
    t.same(tagsOf(world), ['undo:first']);
    t.match(world.status().errors, [/delay of step nap threw/]);
    t.ok(Number.isFinite(world.timerAt));
  }
});

t.test('a function of a step that is async counts as one that threw', async (t) => {
  const later = (): never => Promise.reject(new Error('a promise was told to fail')) as never;
  const steps: readonly SagaStep<Input>[] = [
    { name: 'odd', call: later },
    { name: 'odd', sleepMs: later },
    { ...plain('odd'), when: later },
    forEach({ name: 'odd', each: later, step: { call: later } }),
  ];
  for (const step of steps) {
    const world = started([undoable('first'), step]);
    world.reply('first');
    while (world.pending.length === 0) world.wait();
    t.same(tagsOf(world), ['undo:first']);
    t.match(world.status().errors.join(), /of step odd threw/);
  }
});

t.test('a pivot that may take for ever has a timer that looks for it', async (t) => {
  const world = started([{ ...plain('pivot'), pivot: true, timeoutMs: Number.POSITIVE_INFINITY } as never]);
  t.ok(Number.isFinite(world.timerAt));
  world.reply('pivot');
  t.equal(world.state, 'completed');
});

t.test('a saga waits for a signal, takes one that came before, and no second one', async (t) => {
  const steps = [plain('a'), { name: 'approval', signal: 'approved' }, plain('b')];
  const waiting = started(steps);
  waiting.reply('a');
  t.same(tagsOf(waiting), []);
  t.equal(waiting.tell('signal', { signal: 'approved', payload: { by: 'bob' } }), null);
  t.same(tagsOf(waiting), ['b']);
  t.match(waiting.status().step_results, [{ step: 'a' }, { step: 'approval', result: { by: 'bob' } }]);
  const early = started(steps);
  early.tell('signal', { signal: 'approved', payload: 1 });
  early.tell('signal', { signal: 'approved', payload: 2 });
  early.reply('a');
  t.same(tagsOf(early), ['b']);
  t.match(early.status().step_results, [{ step: 'a' }, { step: 'approval', result: 1 }]);
  t.match(early.tell('signal', { signal: 'other', payload: 1 }), { code: 'signal-unknown' });
  early.reply('b');
  t.equal(early.tell('signal', { signal: 'approved', payload: 1 }), null);
});

t.test('a signal that does not come in time fails its step', async (t) => {
  const world = started([undoable('a'), { name: 'approval', signal: 'approved', timeoutMs: 1_000 }]);
  world.reply('a');
  world.wait();
  t.same(tagsOf(world), ['undo:a']);
  t.match(world.status().errors, [
    'Step approval failed after 1 attempts: step-timeout: Step approval timed out',
  ]);
  const forever = started([undoable('a'), { name: 'approval', signal: 'approved' }]);
  forever.reply('a');
  while (forever.state === 'running') forever.wait();
  t.equal(forever.now, startTime + deadlineMsDefault, 'row 73: without a time of its own, the saga has one');
});

t.test('cancel turns a saga back before its pivot, names who asked, and is refused after it', async (t) => {
  const world = new SagaWorld(transfer);
  world.start(payload);
  world.reply('reserve');
  t.match(world.tell('cancel', { reason: 'changed my mind' }), { state: 'compensating' });
  t.match(world.tell('cancel'), { state: 'compensating' }, 'once more changes nothing');
  world.reply('undo:reserve');
  t.match(world.status(), { state: 'compensated', errors: ['cancelled: by alice: changed my mind'] });
  const late = new SagaWorld(transfer);
  late.start(payload);
  for (const step of ['reserve', 'risk']) late.reply(step);
  t.match(late.tell('cancel'), { code: 'too-late' }, 'the pivot is under way');
  for (const step of ['credit', 'capture', 'notify']) late.reply(step);
  t.match(late.tell('cancel'), { code: 'too-late' });
});

t.test('an activity is waited for before it is undone, and undone with what it resulted in', async (t) => {
  const world = started([activity('pay'), { name: 'both', parallel: [activity('ship'), plain('check')] }]);
  world.reply('pay', 'paid');
  world.refuse('check');
  t.same(tagsOf(world), ['ship'], 'nothing is undone while ship is under way');
  world.reply('ship', 'shipped');
  t.same(tagsOf(world), ['undo:ship']);
  world.reply('undo:ship');
  world.reply('undo:pay');
  t.equal(world.state, 'compensated');
  const none = started([activity('pay'), { name: 'both', parallel: [activity('ship'), plain('check')] }]);
  none.reply('pay');
  none.refuse('check');
  none.outcome('ship', { type: 'rejected', code: 'full' });
  t.same(tagsOf(none), ['undo:pay'], 'a refused one has nothing to undo');
});

t.test('an activity that may have had its effect is undone; at the pivot a person decides', async (t) => {
  const before = started([activity('pay')]);
  before.outcome('pay', { type: 'failed', code: 'outcome-unknown' });
  t.same(tagsOf(before), ['undo:pay']);
  const pivot = started([activity('pay', { pivot: true }), plain('after')]);
  pivot.outcome('pay', { type: 'failed', code: 'outcome-unknown' });
  t.match(pivot.status(), { state: 'failed', current_step: 'pay' });
  pivot.tell('retry', {}, root);
  pivot.reply('pay');
  t.same(tagsOf(pivot), ['after']);
});

t.test('an activity is not timed by its saga, and its undo neither', async (t) => {
  const world = started([activity('pay'), plain('no')], 10_000_000);
  world.pause(9_000_000);
  world.repeatWake();
  world.reply('pay');
  world.refuse('no');
  world.pause(9_000_000);
  world.repeatWake();
  t.equal(world.state, 'compensating');
  world.reply('undo:pay');
  t.equal(world.state, 'compensated');
});

const childSaga = sagaOf([undoable('inner')]);
const child: ChildStep<Context> = {
  name: 'child',
  saga: ({ sagaId, input }) =>
    startSaga(childSaga as SagaDefinition<string, never>, `${sagaId}-child`, input as never),
  undo: () => ({ kind: 'account', id: 'a', command: 'undo child', payload: {} }),
};

t.test('another saga is a step: started, waited for, its results kept', async (t) => {
  const world = started([child, plain('after')]);
  const [start] = world.pending;
  t.match(start, {
    kind: 'payment_test',
    id: 'saga-1-child',
    command: 'startChild',
    payload: {
      parent_kind: 'payment_test',
      parent_id: 'saga-1',
      tag: 'child',
      deadline_at: startTime + deadlineMsDefault,
    },
  });
  world.reply('child');
  t.same(world.types, ['SagaStarted'], 'that it was started is not its end');
  const inner = new SagaWorld(childSaga);
  inner.tell('startChild', start?.payload, runtimeCaller);
  t.same(inner.types, ['SagaStarted', 'SagaLinked']);
  inner.reply('inner', 'done');
  t.match(inner.told, [{ kind: 'payment_test', id: 'saga-1', command: 'childEnded' }]);
  world.tell('childEnded', inner.told[0]?.payload, runtimeCaller);
  t.match(world.status().step_results, [{ step: 'child', result: { inner: 'done' } }]);
  t.same(tagsOf(world), ['after']);
});

t.test(
  'a child that was compensated refuses its step; one under way is cancelled and waited for',
  async (t) => {
    const refused = started([undoable('a'), child]);
    refused.reply('a');
    refused.tell(
      'childEnded',
      { tag: 'child', state: 'compensated', detail: 'no: inner refused', results: null },
      runtimeCaller,
    );
    t.match(refused.status().errors, ['child-compensated: no: inner refused']);
    const cancelled = started([undoable('a'), child]);
    cancelled.reply('a');
    cancelled.tell('cancel');
    t.match(cancelled.told, [
      {
        kind: 'payment_test',
        id: 'saga-1-child',
        command: 'cancelChild',
        payload: { parent_kind: 'payment_test', parent_id: 'saga-1' },
      },
    ]);
    t.notOk(tagsOf(cancelled).includes('undo:a'));
    const late = cancelled.clone();
    cancelled.tell(
      'childEnded',
      { tag: 'child', state: 'compensated', detail: '', results: null },
      runtimeCaller,
    );
    t.ok(tagsOf(cancelled).includes('undo:a'));
    late.tell('childEnded', { tag: 'child', state: 'completed', detail: '', results: {} }, runtimeCaller);
    t.ok(tagsOf(late).includes('undo:child'), 'it had completed: its own undo takes it back');
  },
);

t.test('a child that is told to turn back does so, and its end is told', async (t) => {
  const inner = new SagaWorld(childSaga);
  const link = { parent_kind: 'k', parent_id: 'p', tag: 't', deadline_at: startTime + 50 };
  inner.tell('startChild', { ...link, input: payload }, runtimeCaller);
  t.ok((inner.timerAt ?? 0) <= startTime + 50, 'it ends no later than the one that waits for it');
  inner.tell('cancelChild', { parent_kind: 'k', parent_id: 'p' }, runtimeCaller);
  inner.reply('inner');
  inner.reply('undo:inner');
  t.equal(inner.state, 'compensated');
  t.match(inner.told, [{ payload: { tag: 't', state: 'compensated' } }]);
});

t.test('a saga is turned back by the one that started it, and by no other', async (t) => {
  const link = { parent_kind: 'k', parent_id: 'p', tag: 't', deadline_at: startTime + 50 };
  const inner = new SagaWorld(childSaga);
  inner.tell('startChild', { ...link, input: payload }, runtimeCaller);
  const alone = new SagaWorld(childSaga);
  alone.start(payload);
  for (const world of [inner, alone]) {
    for (const parent of [
      { parent_kind: 'k', parent_id: 'q' },
      { parent_kind: 'j', parent_id: 'p' },
    ]) {
      world.tell('cancelChild', parent, runtimeCaller);
      t.equal(world.state, 'running');
    }
  }
  const stored = compileSaga(childSaga).contract.commands.cancelChild?.upcast?.[1]?.([]);
  alone.tell('cancelChild', stored, runtimeCaller);
  t.equal(alone.state, 'running', 'nobody started it');
  inner.tell('cancelChild', stored, runtimeCaller);
  t.equal(inner.state, 'compensating', 'an earlier program did not say who it was');
});

t.test(
  'what is told to turn back and what is undone are no more messages than one decision may send',
  async (t) => {
    const list = (name: string) =>
      forEach({
        name,
        each: (_saga: Context) => Array.from({ length: 40 }, (_, index) => index),
        step: {
          saga: ({ index }) =>
            startSaga(childSaga as SagaDefinition<string, never>, `${name}-${index}`, payload as never),
          undo: () => ({ kind: 'account', id: 'a', command: 'undo child', payload: {} }),
        },
      });
    const world = started([{ name: 'all', parallel: [list('a'), list('b'), list('c')] }]);
    const ended = (tag: string, state: string) =>
      world.tell('childEnded', { tag, state, detail: '', results: state }, runtimeCaller);
    const begun = tagsOf(world).map((tag) => tag ?? '');
    t.equal(begun.length, 48);
    for (const tag of begun) {
      world.reply(tag);
      ended(tag, 'completed');
    }
    const underWay = tagsOf(world).map((tag) => tag ?? '');
    for (const tag of underWay) world.reply(tag);
    world.tell('cancel');
    t.equal(world.told.length, 48);
    t.equal(world.pending.length, messagesAtOnceMax - 48);
    for (const tag of underWay) ended(tag, 'compensated');
    let undone = 0;
    while (world.state === 'compensating') {
      for (const tag of tagsOf(world)) world.reply(tag ?? '');
      undone = world.effects.filter((effect) => effect.startsWith('undo:')).length;
    }
    t.equal(world.state, 'compensated');
    t.equal(undone, 48);
  },
);

t.test('a child past the pivot that ended badly is tried again by a person as another one', async (t) => {
  const world = started([plain('pivot', { pivot: true }), child, plain('after')]);
  world.reply('pivot');
  const end = (state: string, results: unknown = null) => {
    world.tell('childEnded', { tag: 'child', state, detail: '', results }, runtimeCaller);
    world.reply('child');
  };
  const ids: (string | undefined)[] = [];
  for (const state of ['compensated', 'failed']) {
    ids.push(world.pending[0]?.id);
    end(state);
    t.equal(world.state, 'failed', 'parked');
    world.tell('retry', {}, root);
  }
  ids.push(world.pending[0]?.id);
  world.refuse('child', 'saga-exists');
  world.tell('retry', {}, root);
  ids.push(world.pending[0]?.id);
  t.same(ids, ['saga-1-child', 'saga-1-child.2', 'saga-1-child.3', 'saga-1-child.4']);
  end('completed', { inner: 'done' });
  t.same(tagsOf(world), ['after']);
});

t.test('a child that never began keeps its id, and a placed one its place', async (t) => {
  const world = started([plain('pivot', { pivot: true }), child]);
  world.reply('pivot');
  world.fail('child');
  world.tell('retry', {}, root);
  t.equal(world.pending[0]?.id, 'saga-1-child');
  t.equal(childId('pack~0a1b2c3d', 1), 'pack.2~0a1b2c3d');
});
