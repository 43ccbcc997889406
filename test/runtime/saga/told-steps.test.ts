/** Steps that are told: sent and done in the decision that comes to them, and no answer waited for. */
import t from 'tap';
import type { SagaDefinition } from '../../../actors/model/saga.js';
import type { SagaContext, SagaStep } from '../../../actors/model/saga-step.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import { tellsMax } from '../../../runtime/saga/saga-plan.js';
import { payload, plain, sagaOf, told, undoable } from './saga-fixtures.js';
import { root, runtimeCaller, SagaWorld, startTime } from './saga-world.js';

type Context = SagaContext<typeof payload>;

function started(steps: readonly SagaStep<typeof payload>[], deadlineMs?: number): SagaWorld {
  const world = new SagaWorld(sagaOf(steps, deadlineMs));
  world.start(payload);
  return world;
}

const tags = (world: SagaWorld) => world.pending.map(({ tag }) => tag);
const commands = (world: SagaWorld) => world.told.map(({ command }) => command);
const many = (count: number) => Array.from({ length: count }, (_, index) => told(`t${index}`));
const message = { kind: 'account', id: 'a-1', command: 'x', payload: {} };

function throwing(): never {
  throw new Error('not now');
}

t.test('a told step is sent without a tag and done in the decision that comes to it', async (t) => {
  const world = started([plain('first'), told('note'), plain('last')]);
  t.same(commands(world), [], 'not before its turn');
  world.reply('first');
  t.same(world.told, [{ kind: 'account', id: 'a-1', command: 'note', payload: {} }]);
  t.same(tags(world), ['last'], 'and the next step is under way');
  t.same(world.types, ['SagaStarted', 'StepCompleted', 'StepCompleted']);
  t.match(world.log.at(-1), { data: { step: 'note', result: null } });
  t.match(world.status(), { state: 'running', current_step: 'last' });
  world.reply('last');
  t.match(world.status().step_results, [{ step: 'first' }, { step: 'note', result: null }, { step: 'last' }]);
  t.equal(world.shortcuts, 2, 'none of it took a draft');
});

t.test('a saga whose last step is told is completed with it, its closing events after it', async (t) => {
  const world = started([plain('only'), told('note')]);
  world.reply('only');
  t.same(world.types.slice(1), ['StepCompleted', 'StepCompleted', 'SagaCompleted', 'TestCompleted']);
  t.match(world.log.at(-2), { data: { step: 'note' } });
  t.same(commands(world), ['note']);
  t.equal(world.shortcuts, 1);
});

t.test('a told step may be the first, and there may be no other', async (t) => {
  const first = started([told('note'), plain('last')]);
  t.same([commands(first), tags(first)], [['note'], ['last']]);
  first.reply('last');
  t.equal(first.state, 'completed');
  const all = started(many(tellsMax));
  t.equal(all.state, 'completed');
  t.equal(all.told.length, tellsMax);
  t.equal(all.timerAt, undefined);
});

t.test('steps told in a row are sent in their order, each sees the results before it', async (t) => {
  let seen: unknown;
  const see = ({ results }: Context) => {
    seen = results;
    return message;
  };
  const world = started([plain('first'), told('a'), told('b'), told('c', { tell: see }), plain('last')]);
  world.reply('first', 7);
  t.same(commands(world), ['a', 'b', 'x']);
  t.same(seen, { first: 7, a: null, b: null });
  t.equal(world.shortcuts, 1);
});

t.test('a told pivot is passed when it is sent: nothing before it is undone any more', async (t) => {
  const world = started([undoable('first'), told('go', { pivot: true }), plain('last')]);
  const late = world.clone();
  world.reply('first');
  for (let attempt = 0; attempt < 2; attempt++) {
    world.refuse('last');
    if (world.state === 'running') world.wait();
  }
  t.match(world.status(), { state: 'failed', current_step: 'last' });
  t.same(commands(world), ['go']);
  t.notOk(world.types.includes('SagaCompensating'));
  late.refuse('first');
  t.same([late.state, commands(late)], ['compensated', []]);
});

t.test('what was told stays told when the saga turns back', async (t) => {
  const world = started([undoable('first'), told('note'), plain('last')]);
  world.reply('first');
  world.refuse('last');
  t.same(tags(world), ['undo:first']);
  world.reply('undo:first');
  t.same([world.state, commands(world)], ['compensated', ['note']]);
});

t.test('a told step with a condition is sent where it holds', async (t) => {
  for (const holds of [true, false]) {
    const world = started([plain('first'), told('note', { when: () => holds }), told('end')]);
    world.reply('first');
    t.equal(world.state, 'completed');
    t.same(commands(world), holds ? ['note', 'end'] : ['end']);
    t.equal(world.types.includes('StepSkipped'), !holds);
  }
});

t.test('a group is over when those are answered that are not told', async (t) => {
  const world = started([
    { name: 'group', parallel: [undoable('left'), told('note'), undoable('right')] },
    plain('last'),
  ]);
  t.same([tags(world), commands(world)], [['left', 'right'], ['note']]);
  world.reply('right');
  const back = world.clone();
  world.reply('left');
  t.same(tags(world), ['last']);
  back.refuse('left');
  t.same(tags(back), ['undo:right']);
  t.equal(started([{ name: 'group', parallel: [told('a'), told('b')] }]).state, 'completed');
});

t.test('a told step that throws is a failed step: before the pivot undone', async (t) => {
  const world = started([undoable('first'), told('a'), told('b', { tell: throwing })]);
  world.reply('first');
  t.same([tags(world), commands(world)], [['undo:first'], ['a']]);
  t.match(world.status().errors, [/Step b failed after 1 attempts: internal: the call of step b threw/]);
  world.reply('undo:first');
  t.equal(world.state, 'compensated');
});

t.test('a told step that throws past the pivot waits for a person, and is sent once', async (t) => {
  let isMended = false;
  const tell = () => (isMended ? message : throwing());
  const broken = started([plain('pivot', { pivot: true }), told('a'), told('b', { tell }), told('c')]);
  broken.reply('pivot');
  t.match(broken.status(), { state: 'failed', current_step: 'b' });
  t.same(commands(broken), ['a']);
  const skipped = broken.clone();
  skipped.tell('skip', {}, root);
  t.same([skipped.state, commands(skipped)], ['completed', ['a', 'c']]);
  isMended = true;
  broken.tell('retry', {}, root);
  t.same([broken.state, commands(broken)], ['completed', ['a', 'x', 'c']]);
});

t.test('tellsMax: more told steps than that are refused, in groups too', async (t) => {
  t.doesNotThrow(() => compileSaga(sagaOf([plain('first'), ...many(tellsMax)])));
  const says = `saga payment_test: has at most ${tellsMax} steps with tell, not ${tellsMax + 1}`;
  t.throws(() => compileSaga(sagaOf(many(tellsMax + 1))), { message: says });
  const group = { name: 'group', parallel: many(tellsMax + 1) };
  t.throws(() => compileSaga(sagaOf([group])), { message: says });
});

t.test('a child that ends on told steps tells its parent in the same decision', async (t) => {
  const link = { parent_kind: 'k', parent_id: 'p', tag: 't', deadline_at: startTime + 50_000 };
  const world = new SagaWorld(sagaOf([plain('inner'), ...many(tellsMax)]));
  world.tell('startChild', { ...link, input: payload }, runtimeCaller);
  world.reply('inner');
  t.equal(world.state, 'completed');
  t.equal(world.told.length, tellsMax + 1);
  t.match(world.told.at(-1), { kind: 'k', id: 'p', command: 'childEnded', payload: { state: 'completed' } });
  const brief = new SagaWorld(sagaOf([told('note')]));
  brief.tell('startChild', { ...link, input: payload }, runtimeCaller);
  t.same(commands(brief), ['note', 'childEnded'], 'one with nothing to wait for in that of its start');
});

t.test('a wait that is longer than that of a call does not begin late behind a told step', async (t) => {
  const world = started([plain('first'), told('note'), { name: 'nap', sleepMs: 100_000 }, told('end')]);
  world.reply('first');
  while (world.state === 'running') world.wait();
  t.equal(world.now, startTime + 100_000);
  t.same(commands(world), ['note', 'end']);
});

/** The same saga, found by a program with another definition: `world` is as the old one left it. */
function under(definition: SagaDefinition, world: SagaWorld): SagaWorld {
  const next = new SagaWorld(definition);
  next.log = [...world.log];
  next.now = world.now;
  next.pending = [...world.pending];
  next.told = [...world.told];
  next.timerAt = world.timerAt;
  next.instance = next.replayed();
  return next;
}

t.test('what an older program with a call in its place left waiting ends, whatever comes', async (t) => {
  const before = [undoable('reserve'), plain('credit', { pivot: true })];
  const now = sagaOf([...before, told('notify')]);
  for (const optional of [true, false]) {
    const old = started([...before, plain('notify', { optional })]);
    old.reply('reserve');
    old.reply('credit');
    t.same(tags(old), ['notify'], 'its order is under way');
    const failed = old.clone();
    failed.fail('notify');
    const counted = old.clone();
    counted.wait();
    const parked = failed.clone();
    parked.wait();
    parked.fail('notify');
    const ends: readonly (readonly [string, SagaWorld, (world: SagaWorld) => void])[] = [
      ['an answer', old, (world) => world.reply('notify')],
      ['a refusal', old, (world) => world.refuse('notify')],
      ['a failure', old, (world) => world.fail('notify')],
      ['no answer in time', old, (world) => world.wait()],
      ['a refusal after one attempt without an answer', counted, (world) => world.refuse('notify')],
      ['no answer in time, twice', counted, (world) => world.wait()],
    ];
    for (const [name, world, end] of ends) {
      const found = under(now, world);
      t.same(found.instance, world.instance, `${name}: the fold is the same`);
      end(found);
      t.equal(found.state, 'completed', name);
      t.same(commands(found), [], `${name}: it is not sent again`);
      t.equal(found.types.at(-1), 'TestCompleted', name);
    }
    const again = under(now, failed);
    again.wait();
    t.same([again.state, commands(again)], ['completed', ['notify']], 'one that waits to be sent again');
    const person = under(now, parked);
    if (optional) {
      t.equal(person.state, 'completed', 'one that was passed over had ended');
    } else {
      t.equal(person.state, 'failed');
      person.tell('retry', {}, root);
      t.same([person.state, commands(person)], ['completed', ['notify']], 'a parked one, by a person');
    }
  }
});

t.test('what an older program left waiting before the pivot does not hold up the deadline', async (t) => {
  const old = started([undoable('first'), plain('note'), plain('last')], 20_000);
  old.reply('first');
  const found = under(sagaOf([undoable('first'), told('note'), plain('last')], 20_000), old);
  const answered = found.clone();
  found.wait();
  t.same(tags(found), ['note', 'undo:first']);
  answered.refuse('note');
  t.same(tags(answered), ['last']);
});
