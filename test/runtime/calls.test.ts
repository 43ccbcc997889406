/** What a caller may attach to a call: a version, a guard, a wait, a deadline, a moment of the past, a page of history. */
import t from 'tap';
import { commandCall, type HistoryReply, queryCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const get = (id: string) => queryCall(counterContract, id, 'get', {});
const status = (id: string, waitMs: number) => ({ ...queryCall(counterContract, id, 'status', {}), waitMs });
const simple = (id: string, command: 'open' | 'close') => commandCall(counterContract, id, command, {});

t.test('expectedVersion: the right one passes, another one changes nothing', async (t) => {
  const system = await TestSystem.start();
  t.match(await system.ask(add('a'), { expectedVersion: 0 }), { version: 1 });
  t.match(await system.ask(add('a'), { expectedVersion: 0 }), { type: 'failure', code: 'version-conflict' });
  t.match(await system.ask(add('a'), { expectedVersion: 1 }), { version: 2 });
  t.equal(scanJournal(system.disk).length, 2);
  await system.stop();
});

t.test('what an actor refuses comes before its version, which only those learn who may ask', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  const refuse = commandCall(counterContract, 'a', 'refuse', {});
  await system.ask(add('a'));
  t.match(await system.ask(refuse, { expectedVersion: 7 }), { type: 'rejection', code: 'refused' });
  const conflict = await system.ask(add('a'), { expectedVersion: 7 });
  t.match(conflict, { code: 'version-conflict', detail: 'The actor is at version 1.' });
  const keyed = { expectedVersion: 7, commandId: 'k'.repeat(22), fingerprint: 'f'.repeat(22) };
  t.match(await system.ask(add('a'), keyed), { code: 'version-conflict' });
  t.match(await system.ask(add('a'), { ...keyed, expectedVersion: 1 }), { version: 2, replayed: false });
  await system.stop();
});

t.test('a guard that says no answers in the place of the call, which does nothing', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  const guard = { kind: 'counter', id: 'g', query: 'authorise', payload: {} };
  for (const call of [add('a'), get('a')]) {
    t.match(await system.ask({ ...call, guard }), { type: 'rejection', code: 'not-found', status: 404 });
  }
  t.equal(scanJournal(system.disk).length, 0);
  await system.ask(add('g'));
  t.match(await system.ask({ ...add('a'), guard }), { type: 'reply', reply: { total: 1 } });
  await system.stop();
});

t.test('a wait ends when the actor comes to rest, whoever brings it there', async (t) => {
  const system = await TestSystem.start();
  await system.ask(simple('a', 'open'));
  const wait = system.submit(status('a', 60_000));
  await system.clock.advance(1_000);
  t.equal(wait.answer, undefined);
  await system.ask(simple('a', 'close'));
  await system.clock.settle();
  t.match(wait.answer, { type: 'reply', reply: { isOpen: false }, version: 2 });
  t.match(await system.ask(status('a', 60_000)), { reply: { isOpen: false } }, 'at rest already');
  await system.stop();
});

t.test('a wait that runs out answers the status as it is', async (t) => {
  const system = await TestSystem.start();
  const wait = system.submit({ ...simple('a', 'open'), waitMs: 500 });
  await system.clock.advance(490);
  t.equal(wait.answer, undefined);
  await system.clock.advance(20);
  t.match(wait.answer, { type: 'reply', reply: { isOpen: true }, version: 1 });
  await system.stop();
});

t.test(
  'many waits, each as long as it says: those that run out, and those whose actor comes to rest',
  async (t) => {
    const system = await TestSystem.start();
    for (const id of ['a', 'b']) await system.ask(simple(id, 'open'));
    const long = system.submit(status('b', 100_000));
    // Most end early, and are forgotten on the way.
    for (let round = 0; round < 300; round++) {
      await system.ask(simple('c', 'open'));
      const early = system.submit(status('c', 50_000));
      await system.ask(simple('c', 'close'));
      await system.clock.settle();
      t.match(early.answer, { reply: { isOpen: false } });
    }
    const waits = [900, 100, 500, 300, 700].map((waitMs) => ({
      waitMs,
      wait: system.submit(status('a', waitMs)),
    }));
    for (let now = 50; now < 1_000; now += 100) {
      await system.clock.advance(now === 50 ? 50 : 100);
      for (const { waitMs, wait } of waits)
        t.equal(wait.answers.length, waitMs < now ? 1 : 0, `${waitMs} at ${now}`);
    }
    for (const { wait } of waits) t.match(wait.answer, { reply: { isOpen: true } });
    t.equal(long.answer, undefined);
    await system.ask(simple('b', 'close'));
    await system.clock.settle();
    t.match(long.answer, { reply: { isOpen: false } });
    await system.stop();
  },
);

t.test(
  'a call without an answer at its deadline ends outcome-unknown, and a late answer is dropped',
  async (t) => {
    const system = await TestSystem.start();
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
    const ask = system.submit(add('a'), { deadlineMs: 1_000 });
    await system.clock.advance(1_200);
    t.match(ask.answer, { type: 'failure', code: 'outcome-unknown' });
    held.open();
    await system.clock.advance(100);
    t.equal(ask.answers.length, 1);
    t.equal((await system.counter('a')).total, 1, 'it was under way');
    await system.stop();
  },
);

t.test('a call whose deadline passes before it can run is not run', async (t) => {
  const held = gate();
  let isSlow = true;
  const system = await TestSystem.start({
    storeAs: (store) => ({
      ...store,
      tables: {
        ...store.tables,
        get: async (partition, table, keys) => {
          if (isSlow && table === 'actor') await held.promise;
          return store.tables.get(partition, table, keys);
        },
      },
    }),
  });
  const ask = system.submit(add('a'), { deadlineMs: 1_000 });
  await system.clock.advance(2_000);
  t.match(ask.answer, { type: 'failure', code: 'outcome-unknown' });
  isSlow = false;
  held.open();
  await system.clock.advance(100);
  t.equal((await system.counter('a')).total, 0);
  t.equal(scanJournal(system.disk).length, 0);
  await system.stop();
});

t.test('history: pages forward and backward give every event once, and say where to go on', async (t) => {
  const system = await TestSystem.start();
  for (let index = 1; index <= 7; index++) await system.ask(add('a', index));
  await system.ask(add('other'));
  for (const direction of ['forward', 'backward'] as const) {
    const versions: number[] = [];
    let fromVersion: number | undefined;
    for (let page = 0; page < 10; page++) {
      const call = { type: 'history', kind: 'counter', id: 'a', direction, limit: 3 } as const;
      const answer = await system.ask(fromVersion === undefined ? call : { ...call, fromVersion });
      const { events, next } = (answer.type === 'reply' ? answer.reply : undefined) as HistoryReply;
      t.ok(events.length <= 3);
      for (const event of events) {
        versions.push(event.streamVersion);
        t.match(event, {
          type: 'Added',
          data: { amount: event.streamVersion },
          aggregateId: 'a',
          principal: 'somebody',
        });
      }
      if (next === null) break;
      fromVersion = next;
    }
    t.same(versions, direction === 'forward' ? [1, 2, 3, 4, 5, 6, 7] : [7, 6, 5, 4, 3, 2, 1], direction);
  }
  await system.stop();
});

t.test('a query at a version or at a time sees the state as it was then', async (t) => {
  const system = await TestSystem.start();
  await system.ask(add('a', 1));
  const between = system.clock.now();
  await system.clock.advance(1_000);
  await system.ask(add('a', 10));
  const at = (moment: { version: number } | { time: number }) =>
    system.ask(queryCall(counterContract, 'a', 'get', {}, { at: moment }));
  t.match(await at({ version: 0 }), { reply: { total: 0 }, version: 0 });
  t.match(await at({ version: 1 }), { reply: { total: 1 }, version: 1 });
  t.match(await at({ version: 2 }), { reply: { total: 11 }, version: 2 });
  t.match(await at({ time: between }), { reply: { total: 1 }, version: 1 });
  t.match(await at({ time: between - 1_000 }), { reply: { total: 0 }, version: 0 });
  t.match(await at({ time: between + 5_000 }), { reply: { total: 11 } });
  await system.stop();
});
