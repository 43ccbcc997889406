/** What leaves a shard has reached the disk: the output gate (design §2.3, I6) and the groups behind it. */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { EntryReader } from '../../persistence/entry.js';
import type { EntryAppend } from '../../persistence/journal.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { executionsByCommand, scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const get = (id: string) => queryCall(counterContract, id, 'get', {});
const refuse = (id: string) => commandCall(counterContract, id, 'refuse', {});

t.test('a command is not answered before its group is durable', async (t) => {
  for (const at of ['request', 'flush', 'reply'] as const) {
    const system = await TestSystem.start();
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at, until: held.promise });
    const ask = system.submit(add('a'));
    await system.clock.advance(1_000);
    t.equal(ask.answer, undefined, at);
    held.open();
    t.same((await system.answered(ask)).type, 'reply');
    await system.stop();
  }
});

t.test('a store that is good for one group at a time has one; meanwhile the next one grows', async (t) => {
  for (const [groupsInFlightMax, groups] of [
    [1, [1, 4]],
    [2, [1, 1, 3]],
  ] as const) {
    const sizes: number[] = [];
    const system = await TestSystem.start({
      partitionCount: 1,
      storeAs: (store) => ({
        ...store,
        groupsInFlightMax,
        journal: {
          ...store.journal,
          append: (group) => {
            sizes.push(new EntryReader((group.entries[0] as EntryAppend).bytes).recordCount);
            return store.journal.append(group);
          },
        },
      }),
    });
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
    const asks = [];
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      asks.push(system.submit(add(id)));
      await system.clock.settle();
    }
    t.equal(sizes.length, groupsInFlightMax);
    held.open();
    await system.clock.settle();
    t.same(sizes, groups);
    for (const ask of asks) t.equal(ask.answer?.type, 'reply');
    await system.stop();
  }
});

t.test(
  'a query of an actor with undurable events waits, one of a clean actor is answered at once',
  async (t) => {
    const system = await TestSystem.start();
    await system.ask(add('clean'));
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
    const command = system.submit(add('dirty'));
    await system.clock.settle();
    const [dirty, clean] = [system.submit(get('dirty')), system.submit(get('clean'))];
    await system.clock.settle();
    t.equal(dirty.answer, undefined);
    t.match(clean.answer, { type: 'reply', reply: { total: 1 }, version: 1 });
    held.open();
    await system.clock.settle();
    t.equal(command.answer?.type, 'reply');
    t.match(dirty.answer, { type: 'reply', reply: { total: 1 }, version: 1 });
    await system.stop();
  },
);

t.test('a rejection that rests on undurable events waits for them', async (t) => {
  const system = await TestSystem.start();
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  system.submit(add('a', 5));
  await system.clock.settle();
  const refused = system.submit(refuse('a'));
  const conflict = system.submit(add('a'), { expectedVersion: 7 });
  await system.clock.settle();
  t.equal(refused.answer, undefined);
  t.equal(conflict.answer, undefined);
  held.open();
  await system.clock.settle();
  t.match(refused.answer, { type: 'rejection', code: 'refused', detail: 'at 5', status: 409 });
  t.match(conflict.answer, { type: 'failure', code: 'version-conflict' });
  await system.stop();
});

t.test('an answer that a guard allowed waits for what the guard has seen', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  await system.ask(add('open'));
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  system.submit(add('guard'));
  await system.clock.settle();
  const guard = { kind: 'counter', id: 'guard', query: 'authorise', payload: {} };
  const guarded = system.submit({ ...get('open'), guard });
  await system.clock.settle();
  t.equal(guarded.answer, undefined);
  held.open();
  t.match(await system.answered(guarded), { type: 'reply', reply: { total: 1 } });
  await system.stop();
});

t.test('a rejection is recorded with a key and leaves nothing behind without one', async (t) => {
  const system = await TestSystem.start();
  const bare = system.submit(refuse('a'));
  t.match(await system.answered(bare), { type: 'rejection', code: 'refused', replayed: false });
  t.equal(scanJournal(system.disk).length, 0);
  const keyed = system.submitKeyed(refuse('a'), 'key');
  t.match(await system.answered(keyed), { type: 'rejection', code: 'refused', replayed: false });
  t.equal(executionsByCommand(scanJournal(system.disk)).get(keyed.commandId), 1);
  t.equal(scanJournal(system.disk)[0]?.record[8], 0, 'no event');
  await system.stop();
});

t.test('two groups are in flight, and the work of a third waits for the first', async (t) => {
  const system = await TestSystem.start();
  const [first, second] = [gate(), gate()];
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: first.promise });
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: second.promise });
  const asks = [];
  for (let index = 0; index < 4; index++) {
    asks.push(system.submit(add('a')));
    await system.clock.settle();
  }
  t.equal((await system.metrics())[0]?.counters.groups, 0);
  first.open();
  second.open();
  for (const ask of asks) await system.answered(ask);
  t.equal((await system.metrics())[0]?.counters.groups, 3, 'commands three and four share a group');
  t.match(asks.at(-1)?.answer, { version: 4 });
  await system.stop();
});

t.test('answers leave in the order of their groups, even if the store answers out of order', async (t) => {
  const system = await TestSystem.start();
  const [first, second] = [gate(), gate()];
  system.script.onNextAppend({ type: 'delay', at: 'reply', until: first.promise });
  system.script.onNextAppend({ type: 'delay', at: 'reply', until: second.promise });
  const one = system.submit(add('a'));
  await system.clock.settle();
  const two = system.submit(add('b'));
  await system.clock.settle();
  second.open();
  await system.clock.settle();
  t.equal(two.answer, undefined);
  first.open();
  await system.clock.settle();
  t.equal(one.answer?.type, 'reply');
  t.equal(two.answer?.type, 'reply');
  await system.stop();
});

t.test('an append that is never answered is settled by looking, after its deadline', async (t) => {
  const system = await TestSystem.start({ limits: { appendDeadlineMs: 500 } });
  system.script.onNextAppend({ type: 'delay', at: 'reply', until: new Promise(() => undefined) });
  const ask = system.submit(add('a'));
  await system.clock.advance(499);
  t.equal(ask.answer, undefined);
  await system.clock.advance(100);
  t.match(ask.answer, { type: 'reply', reply: { total: 1 } });
  t.equal((await system.counter('a')).total, 1);
  await system.stop();
});
