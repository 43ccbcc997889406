/** Dead letters: rules E1–E4 of `runtime/letters/letter-box.ts`, and their replay. */
import t from 'tap';
import { partitionOf } from '../../actors/model/address.js';
import { commandCall } from '../../actors/model/call.js';
import { isOperatingError } from '../../actors/model/errors.js';
import type { LetterPlace } from '../../runtime/letters/letter-box.js';
import { type LetterView, lettersPerReplay } from '../../runtime/operator/letter-operations.js';
import type { Answer, Ask } from '../../runtime/operator/operation.js';
import { counterContract, counterModule } from '../support/counter-module.js';
import { idsOn, TestSystem, type TestSystemOptions } from '../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };
const [source, target] = idsOn(2);
const targetPartition = partitionOf(target, 2);

/** Sends messages without a tag, numbered from `first`; those below 0 are refused. */
function tell(system: TestSystem, first: number, count = 1, to = target, from = source) {
  return system.ask(commandCall(counterContract, from, 'tell', { to, first, count }));
}

async function operate<N extends 'letters.list' | 'letters.replay' | 'letters.skip'>(
  system: TestSystem,
  name: N,
  ask: Ask<N>,
): Promise<Answer<N>> {
  return system.clock.settled(system.system.operations.ask(targetPartition, name, ask, operator));
}

async function letters(system: TestSystem): Promise<readonly LetterView[]> {
  // Messages may still be on their way to another shard.
  await system.clock.advance(50);
  const all = { after: undefined, kind: undefined, id: undefined, limit: 1_000 };
  return (await operate(system, 'letters.list', all)).letters;
}

const numbers = (found: readonly LetterView[]) =>
  found.map(({ payload }) => (payload as { sequence: number }).sequence);
const replay = (system: TestSystem, place: LetterPlace, isDryRun = false) =>
  operate(system, 'letters.replay', { place, isDryRun });
const received = async (system: TestSystem) =>
  (await system.counter(target)).received.map((each) => Number(each.split(':')[1]));

const started = (options: TestSystemOptions = {}) => TestSystem.start({ partitionCount: 2, ...options });

async function code(of: Promise<unknown>): Promise<string> {
  try {
    await of;
    return 'none';
  } catch (error) {
    return isOperatingError(error) ? error.code : String(error);
  }
}

for (const shardCount of [1, 2]) {
  t.test(
    `E1: a refused message and those behind it wait, other lanes go on (${shardCount} shards)`,
    async (t) => {
      const system = await started({ shardCount });
      await tell(system, -1, 4);
      const found = await letters(system);
      t.same(numbers(found), [-1, 0, 1, 2]);
      t.match(found[0], {
        target: { kind: 'counter', id: target },
        sender: { kind: 'counter', id: source },
        command: 'receive',
        code: 'refused',
        detail: 'a negative number',
        principal: 'somebody',
      });
      t.match(found[1], { code: 'dead-letter-ahead' });
      await tell(system, 7, 1, target, target);
      await system.clock.advance(50);
      t.same(await received(system), [7], 'the target itself is another source');
      t.equal(
        (await system.metrics()).reduce((sum, { deadLetters }) => sum + deadLetters, 0),
        4,
      );
      await system.stop();
    },
  );
}

t.test('skipped and replayed letters are gone, what is replayed arrives in order and once', async (t) => {
  const system = await started();
  await tell(system, -1, 4);
  const [first, second] = (await letters(system)) as [LetterView, LetterView];
  t.match(await replay(system, second, true), { replayed: 0, left: 4 }, 'a dry run counts the lane');
  t.match(await replay(system, second), { replayed: 0, left: 4, refused: { code: 'refused' } });
  t.equal((await letters(system)).length, 4, 'refused again: all as it was');
  t.match(await operate(system, 'letters.skip', { place: first, isDryRun: true }), {
    payload: { sequence: -1 },
  });
  t.match(await operate(system, 'letters.skip', { place: first, isDryRun: false }), {
    payload: { sequence: -1 },
  });
  t.match(await replay(system, second), { replayed: 3, left: 0, refused: undefined });
  t.same(await received(system), [0, 1, 2]);
  t.same(await letters(system), []);
  t.equal(await code(replay(system, second)), 'not-found');
  await tell(system, 3);
  await system.clock.advance(50);
  t.same(await received(system), [0, 1, 2, 3], 'the lane is open again');
  await system.stop();
});

t.test('E2, E3: letters outlive a crash, before a sweep and after it; gone ones stay gone', async (t) => {
  for (const isSwept of [false, true]) {
    let system = await started();
    await tell(system, -1, 3);
    if (isSwept) await system.swept();
    system = await system.crash();
    const found = await letters(system);
    t.same(numbers(found), [-1, 0, 1], `swept ${isSwept}`);
    t.match(found[0], { code: 'refused', detail: 'a negative number', principal: 'somebody' });
    await operate(system, 'letters.skip', { place: found[0] as LetterView, isDryRun: false });
    await replay(system, found[1] as LetterView);
    if (isSwept) await system.swept();
    system = await system.crash();
    t.same(await letters(system), []);
    t.same(await received(system), [0, 1]);
    await system.stop();
  }
});

t.test('messages to a parked actor wait as letters and are replayed once it is mended', async (t) => {
  let system = await started({ modules: [counterModule({ mended: true })] });
  await system.ask(commandCall(counterContract, target, 'curse', {}));
  system = await system.crash({ modules: [counterModule()] });
  t.match(await system.ask(commandCall(counterContract, target, 'add', { amount: 1 })), {
    code: 'actor-parked',
  });
  await tell(system, 1, 2);
  const found = await letters(system);
  t.same(
    found.map((letter) => letter.code),
    ['actor-parked', 'dead-letter-ahead'],
  );
  t.match(await replay(system, found[0] as LetterView), { replayed: 0, refused: { code: 'actor-parked' } });
  system = await system.restart({ modules: [counterModule({ mended: true })] });
  t.match(await replay(system, found[0] as LetterView), { replayed: 2, left: 0 });
  t.same(await received(system), [1, 2]);
  await system.stop();
});

t.test('E4: past its bound a refused message is dropped loudly, and still nothing overtakes', async (t) => {
  const system = await started({ limits: { lettersMax: 3 } });
  await tell(system, -1, 5);
  t.same(numbers(await letters(system)), [-1, 0, 1]);
  t.equal(system.countOf('dead-letter-dropped'), 2);
  t.same(await received(system), []);
  t.equal((await system.metrics())[0]?.counters.lettersDropped, 2);
  await system.stop();
  const small = await started({ limits: { letterBytesMax: 1 } });
  await tell(small, -1, 2);
  t.equal((await letters(small)).length, 1);
  await small.stop();
});

t.test('a long lane is replayed a stretch at a time, each saying where the next one begins', async (t) => {
  let system = await started({ modules: [counterModule({ mended: true })] });
  await system.ask(commandCall(counterContract, target, 'curse', {}));
  system = await system.crash({ modules: [counterModule()] });
  await system.ask(commandCall(counterContract, target, 'add', { amount: 1 }));
  // At most 64 messages a command.
  for (let first = 0; first < 300; first += 60) await tell(system, first, 60);
  const [front] = (await letters(system)) as [LetterView];
  system = await system.restart({ modules: [counterModule({ mended: true })] });
  const one = await replay(system, front);
  t.match(one, { replayed: lettersPerReplay, left: 300 - lettersPerReplay, refused: undefined });
  t.match(await replay(system, one.next as LetterPlace), { left: 0, next: undefined });
  t.same(
    await received(system),
    Array.from({ length: 300 }, (_, index) => index),
  );
  await system.stop();
});

t.test('a message with a tag is answered, not kept', async (t) => {
  const system = await started();
  await system.ask(
    commandCall(counterContract, source, 'tell', { to: target, first: -1, count: 1, tag: 'x' }),
  );
  t.same(await letters(system), []);
  t.same((await system.counter(source)).heard, ['x-1=refused']);
  await system.stop();
});

t.test('a replay that the store refuses leaves its letters', async (t) => {
  const system = await started();
  await tell(system, -1, 2);
  const [first] = (await letters(system)) as [LetterView];
  await system.swept();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  t.equal(
    await code(operate(system, 'letters.skip', { place: first, isDryRun: false })),
    'storage-unavailable',
  );
  await system.clock.advance(10_000);
  t.same(numbers(await letters(system)), [-1, 0]);
  await system.stop();
});
