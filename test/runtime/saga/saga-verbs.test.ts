/** What a person does with a saga that waits for one, and definitions that change while sagas are under way. */

import t from 'tap';
import { defineSaga, type SagaDefinition, sagaVerbs } from '../../../actors/model/saga.js';
import { Type } from '../../../actors/model/typebox.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import { payload, plain, sagaOf, transfer, undoable } from './saga-fixtures.js';
import { alice, root, SagaWorld } from './saga-world.js';

/** Past its pivot, `capture` refused for good. */
function stuckForward(): SagaWorld {
  const world = new SagaWorld(transfer);
  world.start(payload);
  for (const step of ['reserve', 'risk', 'credit']) world.reply(step);
  world.refuse('capture');
  world.wait();
  world.refuse('capture');
  return world;
}

/** Turned back, the undo of `b` refused for good. */
function stuckBackward(): SagaWorld {
  const world = new SagaWorld(sagaOf([undoable('a'), undoable('b'), plain('c')]));
  world.start(payload);
  world.reply('a');
  world.reply('b');
  world.refuse('c');
  world.refuse('undo:b');
  world.wait();
  world.refuse('undo:b');
  world.reply('undo:a');
  return world;
}

t.test('a parked saga says since when it waits, keeps a timer, and acts on nothing by itself', async (t) => {
  for (const world of [stuckForward(), stuckBackward()]) {
    t.match(world.status(), { state: 'failed', parked_at: world.now, completed_at: null });
    t.match(world.saga.summary(world.instance), { state: 'failed', parked_at: world.now, ended_at: null });
    t.equal(world.saga.isOpen?.(world.instance), false, 'whoever waits for its end is answered');
    const events = world.log.length;
    for (let firings = 0; firings < 3; firings++) world.wait();
    t.equal(world.log.length, events);
  }
});

t.test('retry does, or undoes, once more what could not be', async (t) => {
  const forward = stuckForward();
  t.match(forward.tell('retry', { reason: 'mended' }, root), { state: 'running', parked_at: null });
  t.match(forward.log.at(-1), {
    type: 'SagaResumed',
    data: { verb: 'retry', principal: 'root', reason: 'mended' },
  });
  forward.reply('capture');
  forward.reply('notify');
  t.match(forward.status(), { state: 'completed', completed_at: forward.now });
  const backward = stuckBackward();
  backward.tell('retry', {}, root);
  t.same(
    backward.pending.map(({ tag }) => tag),
    ['undo:b'],
  );
  backward.reply('undo:b');
  t.equal(backward.state, 'compensated');
  t.same(backward.effects, ['a', 'b', 'undo:a', 'undo:b']);
});

t.test('a retry that fails again parks it again', async (t) => {
  const world = stuckBackward();
  world.tell('retry', {}, root);
  world.refuse('undo:b');
  world.wait();
  world.refuse('undo:b');
  t.match(world.status(), { state: 'failed', parked_at: world.now });
});

t.test('skip goes on as if a person had done it', async (t) => {
  const forward = stuckForward();
  forward.tell('skip', { reason: 'captured by hand' }, root);
  t.same(
    forward.pending.map(({ tag }) => tag),
    ['notify'],
  );
  forward.reply('notify');
  t.equal(forward.state, 'completed');
  const backward = stuckBackward();
  backward.tell('skip', {}, root);
  t.equal(backward.state, 'compensated');
});

t.test('abort ends it for good, failed', async (t) => {
  for (const world of [stuckForward(), stuckBackward()]) {
    t.match(world.tell('abort', { reason: 'written off' }, root), { state: 'failed', parked_at: null });
    t.match(world.status(), { completed_at: world.now });
    t.match(world.log.at(-1), { type: 'SagaAborted', data: { principal: 'root', reason: 'written off' } });
    t.equal(world.timerAt, undefined);
    t.match(world.tell('retry', {}, root), { code: 'not-parked' });
  }
});

t.test('the verbs are for admins by contract, and for parked sagas only', async (t) => {
  const world = new SagaWorld(transfer);
  for (const verb of sagaVerbs) {
    t.same(world.saga.contract.commands[verb]?.roles, ['admin']);
    t.match(world.tell(verb, {}, root), { code: 'not-found' });
  }
  world.start(payload);
  for (const verb of sagaVerbs) t.match(world.tell(verb, {}, root), { code: 'not-parked' });
});

t.test(
  'a saga whose closing events cannot be made is retried with mended code, or skipped without them',
  async (t) => {
    let isBroken = true;
    const definition: SagaDefinition = {
      ...sagaOf([plain('a')]),
      onCompleted: () => {
        if (isBroken) throw new TypeError('a bug');
        return [{ type: 'TestCompleted', data: { amount: '1' } }];
      },
    };
    const world = new SagaWorld(definition);
    world.start(payload);
    world.reply('a');
    t.equal(world.state, 'failed');
    const skipped = world.clone();
    skipped.tell('skip', {}, root);
    t.equal(skipped.state, 'completed');
    t.notOk(skipped.types.includes('TestCompleted'));
    world.tell('retry', {}, root);
    t.equal(world.state, 'failed', 'still broken');
    isBroken = false;
    world.tell('retry', {}, root);
    t.equal(world.state, 'completed');
    t.equal(world.types.filter((type) => type === 'TestCompleted').length, 1);
  },
);

const first = defineSaga({
  name: 'order',
  version: 1,
  input: Type.Object({ cents: Type.Integer() }),
  steps: [
    { name: 'old', call: ({ input }) => ({ kind: 'account', id: 'a', command: 'do', payload: input.cents }) },
    {
      name: 'both',
      call: ({ input }) => ({ kind: 'account', id: 'a', command: 'do', payload: input.cents }),
    },
  ],
  events: {},
}) as unknown as SagaDefinition;
const second = defineSaga({
  name: 'order',
  version: 2,
  versions: [first],
  input: Type.Object({ amount: Type.String() }),
  steps: [
    {
      name: 'both',
      call: ({ input }) => ({ kind: 'account', id: 'a', command: 'do', payload: input.amount }),
    },
  ],
  events: {},
}) as unknown as SagaDefinition;

t.test(
  'an instance goes on under the version it began with, from its events and from its snapshot',
  async (t) => {
    const before = new SagaWorld(first);
    before.start({ cents: 500 });
    const now = compileSaga(second);
    const stored = now.contract.events.SagaStarted?.upcast?.[1]?.([1, 'alice', 500]);
    t.same(stored, { definition_version: 1, principal: 'alice', cents: 500 });
    let instance = now.initial();
    instance = now.evolve.SagaStarted?.(instance, stored, before.now) as typeof instance;
    t.equal(now.planOf(instance).steps.length, 2);
    const moved = new SagaWorld(now);
    moved.instance = instance;
    moved.log = [...before.log];
    moved.pending = [...before.pending];
    moved.sent = [...before.sent];
    moved.timerAt = before.timerAt;
    moved.reply('old');
    t.match(moved.pending, [{ tag: 'both', payload: 500 }]);
    moved.reply('both');
    t.match(moved.status(alice), { state: 'completed' });
    const fresh = new SagaWorld(now);
    fresh.start({ amount: '5.00' });
    t.match(fresh.pending, [{ tag: 'both', payload: '5.00' }]);
  },
);

t.test('earlier versions must be of the same saga, earlier, and one of each', async (t) => {
  for (const versions of [[first, second], [{ ...first, name: 'other' }], [first, first]]) {
    t.throws(() => compileSaga({ ...second, versions }), /not an earlier one/);
  }
  const { versions: _, ...alone } = second;
  t.throws(() => compileSaga(alone), /needs the definition of version 1/);
});
