/** One command on one actor: what is recorded is what was decided, and nothing of a refused one stays (X1–X3, I7). */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const get = (id: string) => queryCall(counterContract, id, 'get', {});

t.test('an answer shows the state it was computed from, whatever comes before it leaves', async (t) => {
  const system = await TestSystem.start();
  await system.ask(commandCall(counterContract, 'a', 'list', { item: 'one', more: 'two' }));
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  system.submit(add('a'));
  await system.clock.settle();
  const before = system.submit(get('a'));
  await system.clock.settle();
  system.submit(commandCall(counterContract, 'a', 'listMore', { item: 'three' }));
  await system.clock.settle();
  held.open();
  const { reply } = (await system.answered(before)) as { reply: { items: string[] } };
  t.same(reply.items, ['one', 'two']);
  t.same((await system.counter('a')).items, ['one', 'two', 'three']);
  await system.stop();
});

t.test(
  'an event is recorded as it was decided, although its data went into a state that changes',
  async (t) => {
    let system = await TestSystem.start();
    await system.ask(commandCall(counterContract, 'a', 'list', { item: 'one', more: 'two' }));
    await system.ask(commandCall(counterContract, 'a', 'listMore', { item: 'three' }));
    t.same((await system.counter('a')).items, ['one', 'two', 'three']);
    system = await system.crash();
    t.same((await system.counter('a')).items, ['one', 'two', 'three'], 'folded from the journal');
    await system.stop();
  },
);

t.test(
  'a value without a stored form refuses its command, whatever it stands in, and changes nothing',
  async (t) => {
    let system = await TestSystem.start();
    await system.ask(commandCall(counterContract, 'a', 'add', { amount: 5 }));
    for (const where of ['event', 'message', 'timer', 'reply']) {
      const answer = await system.ask(commandCall(counterContract, 'a', 'hold', { where }));
      t.match(answer, { type: 'failure', code: 'internal' }, where);
      t.equal((await system.counter('a')).total, 5, where);
    }
    t.equal(scanJournal(system.disk).length, 1);
    system = await system.crash();
    t.equal((await system.counter('a')).total, 5);
    await system.stop();
  },
);

t.test('a throw in decide refuses that command and changes nothing', async (t) => {
  const system = await TestSystem.start();
  await system.ask(commandCall(counterContract, 'a', 'add', { amount: 5 }));
  for (let index = 0; index < 5; index++) {
    const answer = await system.ask(commandCall(counterContract, 'a', 'throwInDecide', {}));
    t.match(answer, { type: 'failure', code: 'internal' });
  }
  t.match(await system.ask(queryCall(counterContract, 'a', 'get', {})), { reply: { total: 5 }, version: 1 });
  t.match(await system.ask(queryCall(counterContract, 'a', 'broken', {})), { code: 'internal' });
  t.equal((await system.metrics())[0]?.counters.parkedActors, 0, 'no strike');
  await system.stop();
});

t.test('an id that is none is refused before any work', async (t) => {
  const system = await TestSystem.start();
  for (const id of ['', 'ünknown', 'a b', 'x'.repeat(129)]) {
    const answer = await system.ask(commandCall(counterContract, id, 'add', { amount: 1 }));
    t.match(answer, { type: 'failure', code: 'id-invalid' });
  }
  const told = await system.ask(commandCall(counterContract, 'a', 'tell', { to: 'ü', first: 0, count: 1 }));
  t.match(told, { type: 'failure', code: 'internal' }, 'an actor names the id');
  const timer = await system.ask(commandCall(counterContract, 'a', 'schedule', { name: 'ü', dueAt: 1 }));
  t.match(timer, { type: 'failure', code: 'internal' });
  await system.clock.advance(3_000);
  t.same(system.fatal, []);
  await system.stop();
});

t.test('a call whose payload cannot be taken throws, and does not count as taken', async (t) => {
  const system = await TestSystem.start();
  const call = { type: 'command', kind: 'counter', id: 'a', command: 'nothing', payload: {} } as const;
  t.throws(() => system.submit(call), TypeError);
  t.equal(system.system.callsPending, 0);
  await system.stop();
});
