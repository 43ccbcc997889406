/** An orderly stop loses nothing, leaves nobody waiting and leaves nothing to replay (I25). */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const checkpointsAtHead = (system: TestSystem): boolean =>
  Array.from({ length: system.disk.partitionCount }, (_, partition) => partition).every(
    (partition) => system.disk.checkpoint(partition).position === system.disk.flushedPosition(partition),
  );

t.test(
  'what was submitted before the stop is done, durable and answered; what comes after is refused',
  async (t) => {
    for (const shardCount of [1, 3]) {
      let system = await TestSystem.start({ shardCount });
      await system.ask(add('warm'));
      const asks = Array.from({ length: 20 }, (_, index) => system.submit(add(`a${index % 5}`)));
      const stopping = system.system.stop();
      const late = system.submit(add('a0'));
      await system.clock.settled(stopping);
      for (const ask of asks) t.equal(ask.answer?.type, 'reply');
      t.match(late.answer, { type: 'failure', code: 'shutting-down' });
      t.ok(checkpointsAtHead(system), 'nothing is left to replay');
      const entries = scanJournal(system.disk).length;
      system = await TestSystem.start({ disk: system.disk, clock: system.clock, shardCount });
      for (let index = 0; index < 5; index++) t.equal((await system.counter(`a${index}`)).total, 4);
      t.equal(scanJournal(system.disk).length, entries);
      t.equal((await system.metrics())[0]?.tableLagEntries, 0);
      await system.stop();
    }
  },
);

t.test('a stop waits for appends, for loads, for a slice under way', async (t) => {
  const system = await TestSystem.start({
    partitionCount: 1,
    limits: { sweepPeriodMs: 10, sweepBuckets: 1 },
  });
  const [append, commit] = [gate(), gate()];
  await system.ask(add('a'));
  system.script.onNextCommit({ type: 'delay', at: 'request', until: commit.promise });
  await system.clock.advance(100);
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: append.promise });
  const ask = system.submit(add('b'));
  let isStopped = false;
  const stopping = system.system.stop().then(() => {
    isStopped = true;
  });
  await system.clock.advance(100);
  t.equal(isStopped, false);
  append.open();
  await system.clock.advance(100);
  t.equal(ask.answer?.type, 'reply');
  t.equal(isStopped, false, 'the slice is not written');
  commit.open();
  await system.clock.settled(stopping);
  t.ok(checkpointsAtHead(system));
});

t.test('whoever waits for an actor to come to rest is told how it stands', async (t) => {
  const system = await TestSystem.start();
  await system.ask(commandCall(counterContract, 'a', 'open', {}));
  const wait = system.submit({ ...queryCall(counterContract, 'a', 'status', {}), waitMs: 60_000 });
  await system.clock.settle();
  await system.stop();
  t.match(wait.answer, { type: 'reply', reply: { isOpen: true } });
});

t.test('waits are ended ahead of the stop, those that come later too, and other calls go on', async (t) => {
  for (const shardCount of [1, 3]) {
    const system = await TestSystem.start({ shardCount });
    const status = { ...queryCall(counterContract, 'a', 'status', {}), waitMs: 60_000 };
    await system.ask(commandCall(counterContract, 'a', 'open', {}));
    const wait = system.submit(status);
    await system.clock.settle();
    t.equal(wait.answer, undefined);
    system.system.endWaits();
    await system.clock.settle();
    t.match(wait.answer, { type: 'reply', reply: { isOpen: true } });
    t.match(await system.ask(add('b')), { type: 'reply' });
    const late = system.submit(status);
    await system.clock.settle();
    t.match(late.answer, { type: 'reply', reply: { isOpen: true } });
    await system.stop();
  }
});

t.test('an actor that is being folded again does not keep the node from stopping', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  await system.ask(add('a', 5));
  const asks = [add('a'), commandCall(counterContract, 'a', 'curse', {}), add('a')].map((call) =>
    system.submit(call),
  );
  await system.stop();
  t.same(
    asks.map(({ answer }) => answer?.type),
    ['reply', 'failure', 'reply'],
  );
  t.ok(checkpointsAtHead(system));
});

t.test('a store that refuses for good ends the stop all the same; its callers are refused', async (t) => {
  const system = await TestSystem.start();
  for (let index = 0; index < 50; index++) system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  const ask = system.submit(add('a'));
  await system.clock.settled(system.system.stop());
  t.match(ask.answer, { type: 'failure', code: 'storage-unavailable' });
  t.same(system.fatal, []);
});

t.test('a stop writes nothing for partitions that are still being opened again', async (t) => {
  const limits = { sweepPeriodMs: 60_000, sweepBuckets: 1 };
  const system = await TestSystem.start({ partitionCount: 1, limits });
  await system.ask(add('a', 5));
  const [probe, slice] = [gate(), gate()];
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  system.script.onNextAppend({ type: 'delay', at: 'request', until: probe.promise });
  system.submit(add('b'));
  await system.clock.advance(100);
  system.script.onNextCommit({ type: 'delay', at: 'request', until: slice.promise });
  const stopping = system.system.stop();
  await system.clock.advance(100);
  system.disk.goDown();
  probe.open();
  await system.clock.settle();
  system.disk.comeBack();
  await system.clock.advance(200_000);
  slice.open();
  await system.clock.settled(stopping);
  const next = await TestSystem.start({ disk: system.disk, clock: system.clock, partitionCount: 1 });
  t.equal((await next.counter('a')).total, 5);
  await next.stop();
});
