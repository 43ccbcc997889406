/** A command with a key runs once, and every repeat hears the same (I2, I14, D18, D30). */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { executionsByCommand, scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const refuse = (id: string) => commandCall(counterContract, id, 'refuse', {});
const first = { type: 'reply', reply: { total: 5 }, version: 1, replayed: false };
const again = { ...first, replayed: true };

t.test('five at once run once; four hear that theirs is a repeat', async (t) => {
  const system = await TestSystem.start();
  const asks = Array.from({ length: 5 }, () => system.submitKeyed(add('a', 5), 'key'));
  await system.clock.settle();
  t.same(
    asks.map(({ answer }) => answer),
    [first, again, again, again, again],
  );
  t.equal(executionsByCommand(scanJournal(system.disk)).get(asks[0]?.commandId ?? ''), 1);
  await system.stop();
});

t.test('a repeat that comes while the first is being committed waits with it', async (t) => {
  const system = await TestSystem.start();
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const one = system.submitKeyed(add('a', 5), 'key');
  await system.clock.settle();
  const two = system.submitKeyed(add('a', 5), 'key');
  const other = system.submitKeyed(add('a', 5), 'key', 'another');
  await system.clock.settle();
  t.equal(one.answer, undefined);
  t.equal(two.answer, undefined);
  t.match(other.answer, { type: 'failure', code: 'idempotency-key-reused' });
  held.open();
  await system.clock.settle();
  t.same([one.answer, two.answer], [first, again]);
  await system.stop();
});

t.test(
  'a repeat is answered from the record: later, after a crash, after a sweep, after a stop',
  async (t) => {
    let system = await TestSystem.start();
    t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), first);
    t.match(await system.answered(system.submitKeyed(refuse('a'), 'no')), {
      type: 'rejection',
      detail: 'at 5',
    });
    const rounds: readonly (readonly [string, () => Promise<TestSystem>])[] = [
      ['after its commit', async () => system],
      ['from the tail', () => system.crash()],
      ['after a sweep', () => system.swept().then(() => system)],
      ['from a segment', () => system.crash()],
      ['after an orderly stop', () => system.restart()],
    ];
    for (const [when, renew] of rounds) {
      system = await renew();
      t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), again, when);
      t.match(
        await system.answered(system.submitKeyed(refuse('a'), 'no')),
        { type: 'rejection', code: 'refused', detail: 'at 5', replayed: true },
        when,
      );
      t.match(
        await system.answered(system.submitKeyed(add('a', 5), 'key', 'another')),
        { type: 'failure', code: 'idempotency-key-reused' },
        when,
      );
      await system.answered(system.submit(add('a', 0)));
    }
    t.equal((await system.counter('a')).total, 5);
    for (const count of executionsByCommand(scanJournal(system.disk)).values()) t.equal(count, 1);
    await system.stop();
  },
);

t.test('a rejection stays, although the state would allow the command now', async (t) => {
  const system = await TestSystem.start();
  t.match(await system.answered(system.submitKeyed(refuse('a'), 'key')), { detail: 'at 0', replayed: false });
  await system.ask(add('a', 5));
  t.match(await system.answered(system.submitKeyed(refuse('a'), 'key')), { detail: 'at 0', replayed: true });
  t.match(await system.ask(refuse('a')), { detail: 'at 5' }, 'without a key it is decided anew');
  await system.stop();
});

t.test('a command that was refused by the store runs when it is repeated', async (t) => {
  const system = await TestSystem.start();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  const asks = [system.submitKeyed(add('a', 5), 'key'), system.submitKeyed(add('a', 5), 'key')];
  for (const ask of asks)
    t.match(await system.answered(ask), { type: 'failure', code: 'storage-unavailable' });
  await system.clock.advance(100);
  t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), first);
  await system.stop();
});

/** A store whose reads of segments wait for `until`. */
const slowLooks = (until: () => Promise<void>) => ({
  storeAs: (store: TestSystem['store']): TestSystem['store'] => ({
    ...store,
    tables: {
      ...store.tables,
      get: async (partition, table, keys) => {
        if (table === 'outcome' && keys[0] !== 'directory') await until();
        return store.tables.get(partition, table, keys);
      },
    },
  }),
});

t.test(
  'a command that is being looked up when the domain is reset is refused, and a repeat runs once',
  async (t) => {
    let wait = Promise.resolve();
    let system = await TestSystem.start({ partitionCount: 1 });
    await system.answered(system.submitKeyed(add('a', 5), 'key'));
    await system.restart();
    system = await TestSystem.start({ disk: system.disk, clock: system.clock, ...slowLooks(() => wait) });
    const held = gate();
    wait = held.promise;
    const looked = system.submitKeyed(add('a', 5), 'key');
    await system.clock.settle();
    system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
    t.match(await system.ask(add('b')), { code: 'storage-unavailable' });
    t.match(looked.answer, { type: 'failure', code: 'storage-unavailable' });
    wait = Promise.resolve();
    held.open();
    await system.clock.advance(1_000);
    t.match(await system.answered(system.submitKeyed(add('a', 5), 'key')), again);
    t.equal(looked.answers.length, 1);
    t.equal((await system.counter('a')).total, 5);
    await system.stop();
  },
);

t.test('a command runs on the living actor, although its actor was passivated during the look', async (t) => {
  const settings = { partitionCount: 1, limits: { activationsMax: 1, sweepPeriodMs: 20 } };
  let wait = Promise.resolve();
  let system = await TestSystem.start(settings);
  await system.answered(system.submitKeyed(add('a', 5), 'key'));
  await system.restart();
  const held = gate();
  // Segments that were not read yet may hold any id.
  wait = held.promise;
  system = await TestSystem.start({
    ...settings,
    disk: system.disk,
    clock: system.clock,
    ...slowLooks(() => wait),
  });
  await system.counter('a');
  const slow = Array.from({ length: 20 }, (_, index) => system.submitKeyed(add('a', 1), `other${index}`));
  await system.clock.settle();
  t.equal(slow[0]?.answer, undefined);
  for (let index = 0; index < 10; index++) await system.counter(`b${index}`);
  await system.ask(add('a', 100));
  await system.swept();
  for (let index = 0; index < 10; index++) await system.counter(`c${index}`);
  held.open();
  for (const ask of slow) await system.answered(ask);
  t.equal((await system.counter('a')).total, 125);
  scanJournal(system.disk);
  await system.stop();
});
