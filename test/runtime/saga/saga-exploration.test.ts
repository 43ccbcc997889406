/**
 * Every order of answers, silences and firings that a saga of a few steps can meet, up to states that behave alike.
 * `SagaWorld` checks M2, M4, replay and snapshots at each step; here M1 and M3 are checked at each end.
 */
import assert from 'node:assert/strict';
import t from 'tap';
import { isFinal, type SagaDefinition } from '../../../actors/model/saga.js';
import { forEach } from '../../../actors/model/saga-step.js';
import { payload, plain, sagaOf, told as toldStep, undoable } from './saga-fixtures.js';
import { SagaWorld } from './saga-world.js';

const statesMax = 200_000;
/** Between two firings answers may come at these distances. */
const pauseMs = 20;
const reminderFromMs = 1_000;

/** Timeouts and delays in the range of the deadline, so that it strikes at every point. */
const quick = { timeoutMs: 30, retryDelayMs: 10 };
const once = { ...quick, attemptsMax: 1 };
const brief = { timeoutMs: 7, retryDelayMs: 50 };

const shapes: Readonly<Record<string, SagaDefinition>> = {
  'a pivot in the middle, an optional end': sagaOf(
    [
      undoable('reserve', quick),
      plain('credit', { ...brief, pivot: true }),
      plain('notify', { ...quick, optional: true }),
    ],
    65,
  ),
  'a pivot and steps that must follow': sagaOf(
    [undoable('reserve', quick), undoable('credit', { ...quick, pivot: true }), undoable('capture', brief)],
    65,
  ),
  'no pivot, an optional step in the middle': sagaOf(
    [undoable('first', brief), undoable('second', { ...brief, optional: true }), undoable('third', brief)],
    40,
  ),
  'nothing to take back': sagaOf([plain('only', quick)], 50),
  'a group between two steps': sagaOf(
    [
      undoable('first', once),
      { name: 'group', parallel: [undoable('left', once), undoable('right', { ...once, optional: true })] },
      plain('last', once),
    ],
    40,
  ),
  'a group past the pivot': sagaOf(
    [
      undoable('first', once),
      plain('credit', { ...once, pivot: true }),
      { name: 'group', parallel: [plain('left', once), plain('right', once)] },
    ],
    40,
  ),
  'items, two at a time': sagaOf(
    [
      forEach({
        name: 'each',
        each: () => ['x', 'y', 'z'],
        concurrencyMax: 2,
        step: {
          ...once,
          call: ({ item }) => ({ kind: 'account', id: item, command: 'do', payload: {} }),
          undo: ({ item }) => ({ kind: 'account', id: item, command: 'undo', payload: {} }),
        },
      }),
      plain('last', once),
    ],
    40,
  ),
  'an activity beside a command': sagaOf(
    [
      {
        name: 'group',
        parallel: [
          {
            name: 'pay',
            activity: () => ({ type: 'activity', port: 'p', activity: 'pay', input: {} }),
            undo: () => ({ type: 'activity', port: 'p', activity: 'repay', input: {} }),
          },
          undoable('check', once),
        ],
      },
      plain('last', once),
    ],
    40,
  ),
  'told steps at both ends, in the middle, and one as the pivot': sagaOf(
    [
      toldStep('begin'),
      undoable('reserve', once),
      toldStep('middle'),
      toldStep('another'),
      undoable('check', brief),
      toldStep('go', { pivot: true }),
      plain('capture', once),
      toldStep('end'),
    ],
    65,
  ),
  'a told step in a group, one that is asked first, and a longer wait behind one': sagaOf(
    [
      undoable('first', once),
      { name: 'group', parallel: [toldStep('left'), undoable('right', once)] },
      toldStep('perhaps', { when: () => true }),
      toldStep('surely'),
      plain('last', { ...once, timeoutMs: 35_000 }),
    ],
    40,
  ),
};

for (const [name, definition] of Object.entries(shapes)) {
  t.test(`M1, M3: every course ends once, and rightly: ${name}`, async (t) => {
    const { states, ends, exhausted } = explore(definition);
    t.comment(`${states} states, ends: ${JSON.stringify(ends)}`);
    t.ok(exhausted, 'the exploration is complete');
    t.ok((ends.completed ?? 0) > 0 && (ends.compensated ?? 0) > 0, 'both good ends were met');
  });
}

function explore(definition: SagaDefinition): {
  states: number;
  ends: Record<string, number>;
  exhausted: boolean;
} {
  const seen = new Set<string>();
  const ends: Record<string, number> = {};
  const first = new SagaWorld(definition);
  first.start(payload);
  const stack = [first];
  for (let world = stack.pop(); world !== undefined && seen.size < statesMax; world = stack.pop()) {
    const { fingerprint } = world;
    if (seen.has(fingerprint)) continue;
    seen.add(fingerprint);
    if (isFinal(world.state) && world.pending.length === 0) {
      checkEnd(world);
      ends[world.state] = (ends[world.state] ?? 0) + 1;
    }
    stack.push(...next(world));
  }
  return { states: seen.size, ends, exhausted: stack.length === 0 };
}

function next(world: SagaWorld): SagaWorld[] {
  const moves: ((copy: SagaWorld) => void)[] = [];
  for (const { tag = '' } of world.pending) {
    // FIFO: an undo is not handled before its do (S3).
    if (tag.startsWith('undo:') && world.pending.some((message) => `undo:${message.tag}` === tag)) continue;
    moves.push(
      (copy) => copy.reply(tag),
      (copy) => copy.refuse(tag),
      (copy) => copy.fail(tag),
    );
  }
  const { timerAt } = world;
  // A parked one is only reminded of (`saga-verbs.test.ts`).
  if (timerAt !== undefined && !isFinal(world.state)) {
    moves.push((copy) => copy.wait());
    // A reminder stands hours ahead: on the way to it nothing changes.
    if (world.now + pauseMs < timerAt && timerAt < world.now + reminderFromMs)
      moves.push((copy) => copy.pause(pauseMs));
  }
  if (!isFinal(world.state)) moves.push((copy) => copy.repeatWake());
  return moves.map((move) => {
    const copy = world.clone();
    move(copy);
    return copy;
  });
}

function checkEnd(world: SagaWorld): void {
  const { effects, sent, types, state, saga, told } = world;
  const { steps, pivot } = saga.plan;
  const stepOf = (tag: string) => {
    const step = steps[saga.plan.indexOf.get(tag.replace(/\[.*/, '')) ?? -1];
    assert(step !== undefined, `${tag} is a step`);
    return step;
  };
  const ends = types.filter((type) => ['SagaCompleted', 'SagaCompensated', 'SagaFailed'].includes(type));
  assert.equal(ends.length, 1, 'M1: one end');
  const undos = [...new Set(sent.filter((tag) => tag.startsWith('undo:')))];
  const order = undos.map((tag) => stepOf(tag.slice('undo:'.length)).stage);
  const descending = order.toSorted((left, right) => right - left);
  assert.deepEqual(order, descending, 'M3: highest step first');
  const pivotName = steps.find((step) => step.stage === pivot)?.name;
  const timesTold = (name: string) => told.filter(({ command }) => command === name).length;
  const pastPivot = pivotName !== undefined && (effects.includes(pivotName) || timesTold(pivotName) > 0);
  if (pastPivot) {
    assert.deepEqual(undos, [], 'M3: nothing is undone once the pivot is done');
    assert.notEqual(state, 'compensated');
  }
  for (const { name } of steps.filter(({ kind }) => kind === 'tell')) {
    assert(timesTold(name) <= 1 && !sent.includes(name), `${name} is told once, and not awaited`);
    if (state === 'completed') assert.equal(timesTold(name), 1, `${name} is told`);
  }
  const awaited = steps.filter(({ kind }) => kind !== 'tell');
  const items = awaited.flatMap(({ name, items: list }) =>
    list === undefined ? [name] : [0, 1, 2].map((index) => `${name}[${index}]`),
  );
  for (const tag of items) {
    const { undo, optional } = stepOf(tag);
    const undoTag = `undo:${tag}`;
    const done = effects.filter((effect) => effect === tag).length;
    const undone = effects.filter((effect) => effect === undoTag).length;
    assert(done <= 1 && undone <= 1, 'effects happen once');
    assert(sent.includes(tag) || !sent.includes(undoTag), 'what was never sent is not undone');
    if (state === 'completed') assert(undone === 0 && (done === 1 || optional), `${tag} is done`);
    if (state === 'compensated' && undo !== undefined && done === 1) {
      assert.equal(undone, 1, `M3: ${tag} is undone`);
      assert(effects.indexOf(tag) < effects.indexOf(undoTag));
    }
  }
  if (state === 'failed') {
    assert(
      types.includes('CompensationFailed') || pastPivot,
      'M1: only a given-up undo or a step past the pivot',
    );
  }
  assert.equal(types.filter((type) => type === 'TestCompleted').length, state === 'completed' ? 1 : 0);
  const turnedBack = types.filter((type) => type === 'SagaCompensating').length;
  assert.equal(types.filter((type) => type === 'TestRejected').length, turnedBack);
  assert(turnedBack <= 1);
}
