/** Sweeps: what waits for its slice stays in memory, and a sweep in a hurry does not spin (W1–W3, V2). */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { gate, type ReadFault } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const curse = (id: string) => commandCall(counterContract, id, 'curse', {});

t.test('an actor whose row waits behind another slice of its bucket is not dropped', async (t) => {
  const limits = { sliceRowsMax: 1, sweepBuckets: 1, sweepPeriodMs: 10, activationsMax: 1 };
  const system = await TestSystem.start({ partitionCount: 1, limits });
  const held = gate();
  system.script.onNextCommit({ type: 'delay', at: 'request', until: held.promise });
  for (const id of ['a', 'b', 'c', 'd']) await system.ask(add(id));
  await system.clock.advance(50);
  // The first slice is under way, the others wait for it; a turn of its own drops what may be dropped.
  for (let turn = 0; turn < 4; turn++) await system.ask(add('elsewhere', 0));
  for (const id of ['a', 'b', 'c', 'd']) {
    await system.ask(add(id));
    t.equal((await system.counter(id)).total, 2, id);
  }
  held.open();
  await system.swept();
  scanJournal(system.disk);
  await system.stop();
});

t.test('slices of a few partitions leave one by one', async (t) => {
  const partitionCount = 4;
  const limits = { sweepBuckets: 1, sweepPeriodMs: 400 };
  const system = await TestSystem.start({ partitionCount, limits });
  for (const id of idsOn(partitionCount)) await system.ask(add(id));
  const slices: number[] = [];
  for (let tick = 0; tick < partitionCount; tick++) {
    await system.clock.advance(100);
    slices.push((await system.metrics())[0]?.counters.slices ?? 0);
  }
  t.same(slices, [1, 2, 3, 4]);
  await system.stop();
});

t.test('a sweep of many partitions takes no longer than its period', async (t) => {
  const partitionCount = 256;
  const limits = { sweepBuckets: 1, sweepPeriodMs: 128 };
  const system = await TestSystem.start({ partitionCount, limits });
  const ids = idsOn(partitionCount);
  await Promise.all(ids.map((id) => system.ask(add(id))));
  await system.clock.advance(128);
  const [shard] = await system.metrics();
  t.equal(shard?.tableLagEntries, 0);
  t.equal(shard?.counters.slices, partitionCount);
  await system.stop();
});

t.test('while a slice is under way a shard that is behind waits for it', async (t) => {
  const limits = { tableLagEntriesMax: 2, sweepBuckets: 1, sweepPeriodMs: 10 };
  const system = await TestSystem.start({ partitionCount: 1, limits });
  const held = gate();
  system.script.onNextCommit({ type: 'delay', at: 'request', until: held.promise });
  for (let count = 0; count < 2; count++) await system.ask(add('a'));
  await system.clock.advance(10);
  const before = system.clock.steps;
  await system.clock.advance(1_000);
  t.ok(system.clock.steps - before < 300, `${system.clock.steps - before} callbacks in a second`);
  held.open();
  await system.swept();
  await system.stop();
});

t.test(
  'a store that fails with its process is given up at the first failure, and not asked again',
  async (t) => {
    const limits = { tableLagEntriesMax: 2, sweepBuckets: 1, sweepPeriodMs: 10 };
    const system = await TestSystem.start({ partitionCount: 2, limits, failsWithProcess: true });
    system.script.onNextCommit({ type: 'fail-flush' });
    for (const id of idsOn(2)) for (let count = 0; count < 2; count++) await system.ask(add(id));
    await system.clock.advance(10);
    t.same(system.fatal, ['outcome-unknown']);
    const before = system.clock.steps;
    await system.clock.advance(1_000);
    t.same(system.fatal, ['outcome-unknown']);
    t.ok(system.clock.steps - before < 100, `${system.clock.steps - before} callbacks in a second`);
    await system.stop();
  },
);

t.test('while an actor is folded again a shard that is behind does not sweep without a pause', async (t) => {
  const limits = { tableLagEntriesMax: 1, sweepBuckets: 1, sweepPeriodMs: 10 };
  const held = gate();
  let fault: ReadFault | undefined;
  const system = await TestSystem.start({ partitionCount: 1, limits, faults: { read: () => fault } });
  await system.counter('a');
  fault = { type: 'delay', until: held.promise };
  const asks = [system.submit(add('a')), system.submit(curse('a'))];
  const before = system.clock.steps;
  await system.clock.advance(1_000);
  t.match(
    asks.map(({ answer }) => answer),
    [{ type: 'reply' }, { code: 'internal' }],
  );
  t.equal((await system.metrics())[0]?.tableLagEntries, 1);
  t.ok(system.clock.steps - before < 1_000, `${system.clock.steps - before} callbacks in a second`);
  fault = undefined;
  held.open();
  await system.swept();
  t.equal((await system.counter('a')).total, 1);
  await system.stop();
});
