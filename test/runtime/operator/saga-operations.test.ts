/** Open sagas in their table and in memory, and the log read backwards for the latest. */
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { commandCall } from '../../../actors/model/call.js';
import sleepers, { sleeper } from '../../../bench/timer-app.js';
import { type ListOpenSagas, openSagasScannedMax } from '../../../runtime/operator/saga-operations.js';
import { openSagaKey, openSagaOf, openSagaTable } from '../../../runtime/saga/open-saga-row.js';
import modules, { journey } from '../../gateway/operator/operator-app.js';
import { counterContract } from '../../support/counter-module.js';
import { TestSystem } from '../../support/test-system.js';

const operator = { principal: 'olga', commandId: 'operator-1' };
const all = {
  after: undefined,
  kind: undefined,
  state: undefined,
  startedBefore: undefined,
  isParked: false,
  isStuck: false,
  limit: 100,
};

function start(system: TestSystem, id: string, first = 0) {
  const payload = { first, second: 1 };
  return system.ask({ type: 'command', kind: journey.name, id, command: 'start', payload });
}

async function open(system: TestSystem, id: string, ask: Partial<typeof all> & { isStuck?: boolean } = {}) {
  const partition = partitionOf(id, system.store.partitionCount);
  const page = await system.clock.settled(
    system.system.operations.ask(partition, 'sagas.open', { ...all, ...ask }, operator),
  );
  return page.sagas.map((saga) => saga.id);
}

async function rows(system: TestSystem, id: string) {
  const partition = partitionOf(id, system.store.partitionCount);
  return system.store.tables.range(partition, { table: openSagaTable, from: '', limit: 10 });
}

t.test('a key holds start, kind and id, and orders by them', (t) => {
  const at = Date.UTC(2026, 10, 21);
  t.same(openSagaOf(openSagaKey(at, 300, 'an-id')), { startedAt: at, kindSchemaId: 300, id: 'an-id' });
  const keys = [openSagaKey(at, 1, 'b'), openSagaKey(at, 2, 'a'), openSagaKey(at + 1, 1, 'a')];
  t.same(keys.toReversed().sort(), keys);
  t.end();
});

t.test(
  'an open saga is listed before and after a sweep and a crash, and leaves the table when it ends',
  async (t) => {
    let system = await TestSystem.start({ modules });
    await start(system, 'j');
    t.same(await open(system, 'j'), ['j'], 'from memory');
    t.equal((await rows(system, 'j')).length, 0);
    await system.swept();
    t.equal((await rows(system, 'j')).length, 1);
    t.same(await open(system, 'j'), ['j']);
    system = await system.crash();
    t.same(await open(system, 'j'), ['j'], 'from the table');
    t.same(await open(system, 'j', { isStuck: true }), []);
    await system.clock.advance(400_000);
    t.same(await open(system, 'j'), [], 'its deadline has turned it back');
    await system.swept();
    t.equal((await rows(system, 'j')).length, 0);
    await system.stop();
  },
);

t.test('a census counts what the table holds, by step and age', async (t) => {
  const system = await TestSystem.start({ modules, partitionCount: 1 });
  for (const id of ['j1', 'j2', 'j3']) await start(system, id);
  await system.swept();
  await system.clock.advance(100_000);
  await start(system, 'j4');
  await system.swept();
  const counts = await system.clock.settled(
    system.system.operations.ask(0, 'sagas.count', undefined, operator),
  );
  const line = { kind: 'journey', state: 'running', step: 'first', isParked: false };
  t.same(counts, [
    { ...line, age: '5m', count: 3 },
    { ...line, age: '1m', count: 1 },
  ]);
  await system.stop();
});

t.test('censusRowsMax: a census stops there and reports that it is too low', async (t) => {
  const system = await TestSystem.start({ modules, partitionCount: 1, limits: { censusRowsMax: 3 } });
  const counted = () =>
    system.clock.settled(system.system.operations.ask(0, 'sagas.count', undefined, operator));
  const cuts = () => system.reports.filter(({ event }) => event === 'saga-census-cut');
  for (const id of ['j1', 'j2']) await start(system, id);
  await system.swept();
  t.match(await counted(), [{ kind: 'journey', count: 2 }]);
  t.equal(cuts().length, 0);
  for (const id of ['j3', 'j4']) await start(system, id);
  await system.swept();
  t.match(await counted(), [{ kind: 'journey', count: 3 }]);
  t.match(cuts(), [{ level: 'warn', details: { partition: 0, counted: 3 } }]);
  await system.stop();
});

t.test(
  'openSagasScannedMax: a look stops there, says where, and goes on to the end; so does a census',
  async (t) => {
    const system = await TestSystem.start({ modules: [sleepers], partitionCount: 1 });
    const count = openSagasScannedMax + 1_000;
    const payload = { until: system.clock.now() + 3_600_000 };
    for (let index = 0; index < count; index++)
      system.submit({ type: 'command', kind: sleeper.name, id: `s${index}`, command: 'start', payload });
    await system.clock.advance(5_000);
    await system.swept();
    const page = (ask: Partial<ListOpenSagas>) =>
      system.clock.settled(system.system.operations.ask(0, 'sagas.open', { ...all, ...ask }, operator));
    const first = await page({ isStuck: true });
    t.same(first.sagas, []);
    t.type(first.lookedTo, 'string', 'the rest was not looked at');
    t.same(await page({ isStuck: true, after: first.lookedTo ?? undefined }), { sagas: [], lookedTo: null });
    const found = new Set<string>();
    let after: string | undefined;
    do {
      const { sagas, lookedTo } = await page({ limit: 1_000, after });
      for (const { id } of sagas) found.add(id);
      after = lookedTo ?? undefined;
    } while (after !== undefined);
    t.equal(found.size, count);
    const counts = await system.clock.settled(
      system.system.operations.ask(0, 'sagas.count', undefined, operator),
    );
    t.match(counts, [{ kind: 'sleeper', step: 'sleep', count }]);
    await system.stop();
  },
);

t.test('a saga that starts and ends between two sweeps never reaches the table', async (t) => {
  const system = await TestSystem.start({ modules });
  await start(system, 'quick', 1);
  await system.clock.advance(50);
  await system.swept();
  t.equal((await rows(system, 'quick')).length, 0);
  t.same(await open(system, 'quick'), []);
  await system.stop();
});

t.test('a walk stops at its bound and goes on from there, past thousands of other records', async (t) => {
  const system = await TestSystem.start({ modules, partitionCount: 1 });
  await start(system, 'j', 1);
  const noise = Array.from({ length: 5_000 }, () =>
    system.submit(commandCall(counterContract, 'busy', 'add', { amount: 1 })),
  );
  for (const ask of noise) await system.answered(ask);
  // Single commands, each in an entry of its own.
  for (let count = 0; count < 100; count++)
    await system.ask(commandCall(counterContract, 'busy', 'add', { amount: 1 }));
  const found: string[] = [];
  let from: { position: number; index: number } | undefined;
  let walks = 0;
  for (;;) {
    const ask = { from, kind: undefined, limit: 1 };
    const page = await system.clock.settled(system.system.operations.ask(0, 'sagas.recent', ask, operator));
    found.push(...page.items.map(({ id }) => id));
    walks++;
    if (page.next === null) break;
    t.ok(from === undefined || page.next.position <= from.position);
    from = page.next;
  }
  t.same(found, ['j']);
  t.ok(walks < 5);
  await system.stop();
});
