/** The bounds of told steps: the bytes of one, and the messages of one decision that several stand in. */
import t from 'tap';
import { pack } from '../../../actors/model/codec.js';
import {
  forEach,
  type SagaContext,
  type SagaStep,
  type SingleStep,
} from '../../../actors/model/saga-step.js';
import { tellBytesMax } from '../../../runtime/saga/saga-bounds.js';
import { compileSaga } from '../../../runtime/saga/saga-machine.js';
import {
  concurrencyMax,
  concurrencyMaxDefault,
  messagesAtOnceMax,
  tellsMax,
} from '../../../runtime/saga/saga-plan.js';
import { payload, plain, sagaOf, told, undoable } from './saga-fixtures.js';
import { root, SagaWorld } from './saga-world.js';

type Step = SagaStep<typeof payload>;
type Single = SingleStep<typeof payload>;

function started(steps: readonly Step[]): SagaWorld {
  const world = new SagaWorld(sagaOf(steps));
  world.start(payload);
  return world;
}

const commands = (world: SagaWorld) => world.told.map(({ command }) => command);
const tags = (world: SagaWorld) => world.pending.map(({ tag }) => tag);

/** A told step whose payload takes so many bytes packed. */
function telling(name: string, bytes: number, isPivot = false) {
  const text = (length: number) => ({ text: 'x'.repeat(length) });
  // Of a text as long as all of these: its head takes three bytes.
  const around = pack(text(1_000)).length - 1_000;
  const tell = () => ({ kind: 'account', id: 'a-1', command: name, payload: text(bytes - around) });
  return told(name, { tell, pivot: isPivot });
}
const large = (isPivot = false) => telling('large', tellBytesMax + 1, isPivot);
const says = new RegExp(
  `^Step large failed after 1 attempts: command-too-large: .*more than ${tellBytesMax} bytes`,
);

const go: Step = { name: 'go', signal: 'go', pivot: true };
const signal = (world: SagaWorld) => world.tell('signal', { signal: 'go', payload: 1 }, root);

t.test('tellBytesMax: as many bytes are told, one more is not', async (t) => {
  const fits = telling('fits', tellBytesMax);
  t.equal(pack(fits.tell({} as SagaContext<typeof payload>).payload).length, tellBytesMax);
  const fast = started([undoable('first'), fits]);
  fast.reply('first');
  t.same([fast.state, commands(fast), fast.shortcuts], ['completed', ['fits'], 1]);
  t.equal(started([fits]).state, 'completed');
  const behind = started([go, fits]);
  signal(behind);
  t.equal(behind.state, 'completed');
  const past = started([undoable('first'), large()]);
  past.reply('first');
  t.match(past.status().errors, [says]);
});

t.test('a told step that is too large is turned back before the pivot, and is its own failure', async (t) => {
  const answered = started([undoable('first'), told('a'), large(), told('c')]);
  answered.reply('first');
  t.match(answered.log.at(1), { type: 'StepCompleted', data: { step: 'first' } }, 'the answer stays');
  t.same([tags(answered), commands(answered)], [['undo:first'], ['a']]);
  t.match(answered.status().errors, [says]);
  answered.reply('undo:first');
  t.equal(answered.state, 'compensated');

  const signalled = started([undoable('first'), { name: 'go', signal: 'go' }, large()]);
  signalled.reply('first');
  signal(signalled);
  t.same([tags(signalled), commands(signalled)], [['undo:first'], []]);
  t.match(signalled.status().errors, [says]);

  for (const isPivot of [false, true]) {
    const first = started([large(isPivot), plain('last')]);
    t.same([first.state, commands(first), first.sent], ['compensated', [], []], 'as the first step');
    t.match(first.status().errors, [says]);
  }

  const inGroup = started([undoable('first'), { name: 'group', parallel: [undoable('left'), large()] }]);
  inGroup.reply('first');
  t.match(inGroup.status().errors, [says]);
  while (inGroup.pending.length > 0) inGroup.reply(tags(inGroup)[0] as string);
  t.same([inGroup.state, commands(inGroup)], ['compensated', []]);
});

t.test('one past the pivot waits for a person, and what was answered before it is done once', async (t) => {
  const rest = [told('a'), large(), told('c')];
  const fast = started([plain('pay', { pivot: true }), ...rest]);
  fast.reply('pay');
  const behind = started([undoable('pay'), go, ...rest]);
  behind.reply('pay');
  signal(behind);
  for (const [name, world] of Object.entries({ fast, behind })) {
    for (let attempt = 0; attempt < 3; attempt++) {
      t.match(world.status(), { state: 'failed', current_step: 'large', errors: [says] }, name);
      t.same([commands(world), world.sent, tags(world)], [['a'], ['pay'], []], name);
      t.equal(world.types.filter((type) => type === 'StepCompleted').length, name === 'fast' ? 2 : 3, name);
      world.tell('retry', {}, root);
    }
    world.tell('skip', {}, root);
    t.same([world.state, commands(world), world.sent], ['completed', ['a', 'c'], ['pay']], name);
  }
});

const many = (count: number, name = 't') =>
  Array.from({ length: count }, (_, index) => told(`${name}${index}`));
const plains = (count: number) => Array.from({ length: count }, (_, index) => plain(`p${index}`));
const group = (...parallel: Single[]): Step => ({ name: 'group', parallel });

function items(name: string, atOnce?: number, count = 40) {
  return forEach({
    name,
    each: (_saga: SagaContext<typeof payload>) => Array.from({ length: count }, (_, index) => `${index}`),
    ...(atOnce === undefined ? {} : { concurrencyMax: atOnce }),
    step: { call: ({ item }) => ({ kind: 'account', id: item, command: 'do', payload: {} }) },
  });
}
const sleeping = { name: 'nap', sleepMs: 5 };

t.test('told steps in a row and what begins behind them send no more than one decision may', async (t) => {
  const rest = messagesAtOnceMax - tellsMax;
  const child: Single = { name: 'child', saga: () => ({ type: 'child', saga: 'other', id: 'x', input: {} }) };
  const one = plain('one');
  const refusal = { message: /^saga payment_test: .*at once/ };
  /** Behind these many told steps, exactly what one decision may send. */
  const full: Readonly<Record<string, readonly [readonly Step[], ...Single[]]>> = {
    'a for-each': [many(tellsMax), items('each', rest)],
    'a for-each with its default': [many(tellsMax), items('each'), ...plains(rest - concurrencyMaxDefault)],
    'calls and a sleep': [many(20), ...plains(30), items('each', 14), sleeping],
    'a saga': [many(tellsMax), items('each', rest - 1), child],
    'told ones and others': [many(20), ...many(10, 'u'), items('a', 32), plain('b'), plain('c')],
    'one told step, two for-each steps': [many(1), items('a', 32), items('b', 31)],
    'a group of told ones': [[{ name: 'told', parallel: many(20, 'u') }, ...many(12)], items('a', rest)],
  };
  for (const [name, [before, ...members]] of Object.entries(full)) {
    const behind = [plain('first'), ...before];
    t.doesNotThrow(() => compileSaga(sagaOf([...behind, group(...members)])), name);
    for (const more of [one, items('more', 1)]) {
      t.throws(
        () => compileSaga(sagaOf([...before, group(...members, more)])),
        refusal,
        `${name} and one more`,
      );
    }
  }
  const withTold = group(items('a', 32), items('b', 12), told('more'));
  t.throws(() => compileSaga(sagaOf([...many(20), withTold])), refusal, 'told ones of the group count');
  const apart: Readonly<Record<string, readonly Step[]>> = {
    'no told step before the group': [plain('first'), group(items('a', 32), items('b', 32), one)],
    'an answer between the two': [...many(20), one, ...many(12, 'u'), group(items('a', 32), ...plains(20))],
    'answers of a group between the two': [
      { name: 'mixed', parallel: [...many(20), one] },
      ...many(12, 'u'),
      group(items('a', 32), items('b', 20)),
    ],
  };
  for (const [name, steps] of Object.entries(apart)) t.doesNotThrow(() => compileSaga(sagaOf(steps)), name);
});

t.test('as many messages as one decision may send are sent', async (t) => {
  const world = started([...many(tellsMax), items('each', concurrencyMax)]);
  t.equal(world.told.length + world.pending.length, messagesAtOnceMax);
  const fast = started([
    plain('first'),
    ...many(tellsMax),
    group(...plains(messagesAtOnceMax - tellsMax - 1)),
  ]);
  fast.reply('first');
  t.equal(fast.told.length + fast.pending.length, messagesAtOnceMax - 1);
});

t.test(
  'rows that become one where a step between them is passed over keep to the bound as well',
  async (t) => {
    const passed = plain('passed', { when: () => false });
    const row = [...many(16), passed, ...many(16, 'u'), group(items('each', 32), plain('one'))];
    const before = started([undoable('first'), ...row]);
    before.reply('first');
    t.match(before.status().errors, [/more than 64 messages at once/]);
    while (before.pending.length > 0) before.reply(tags(before)[0] as string);
    t.equal(before.state, 'compensated');
    const behind = started([plain('first', { pivot: true }), ...row]);
    behind.reply('first');
    while (behind.pending.length > 0) behind.reply(tags(behind)[0] as string);
    t.equal(behind.state, 'failed');
    behind.tell('retry', {}, root);
    while (behind.pending.length > 0) behind.reply(tags(behind)[0] as string);
    t.equal(behind.state, 'completed', 'alone it fits');
    t.equal(behind.told.length, tellsMax, 'and nothing is told twice');
  },
);
