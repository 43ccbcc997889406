/** Sweeps: what waits for its slice stays in memory, and a sweep in a hurry does not spin (W1–W3, V2). */
import t from 'tap';
import { commandCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });

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
