/** What becomes of commands when the store says no, says nothing, or belongs to somebody else (design §5 a–c, I15). */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { EntryReader, noHash } from '../../persistence/entry.js';
import type { Fence } from '../../persistence/journal.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { Standing } from '../../persistence/ownership.js';
import { actorTable } from '../../runtime/actor/actor-row.js';
import { ownershipLookEveryMs } from '../../runtime/ownership-watch.js';
import { counterContract } from '../support/counter-module.js';
import { executionsByCommand, scanJournal } from '../support/journal-scan.js';
import { TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const get = (id: string) => queryCall(counterContract, id, 'get', {});
const rows = { table: actorTable, from: '', limit: 9 };
const epochOf = (bytes = noHash) => new EntryReader(bytes).epoch;
const refused = { type: 'failure', code: 'storage-unavailable' };

t.test(
  'a refused group is refused to all its callers and to those behind it, and leaves nothing',
  async (t) => {
    const system = await TestSystem.start();
    await system.ask(add('a', 10));
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'reply', until: held.promise });
    const before = system.submit(add('a', 100));
    await system.clock.settle();
    system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
    const doomed = system.submit(add('a', 1));
    const other = system.submitKeyed(add('b', 1), 'key');
    await system.clock.settle();
    t.match(doomed.answer, refused);
    t.match(other.answer, refused);
    held.open();
    await system.clock.advance(100);
    t.match(before.answer, { type: 'reply', reply: { total: 110 } }, 'it is in the log: found by looking');
    t.equal((await system.counter('a')).total, 110);
    t.match(await system.answered(system.submitKeyed(add('b', 1), 'key')), {
      type: 'reply',
      replayed: false,
    });
    t.equal(executionsByCommand(scanJournal(system.disk)).has(doomed.commandId), false);
    t.equal((await system.metrics())[0]?.counters.resets, 1);
    await system.stop();
  },
);

t.test('a shard says that it is reopening until its store takes data again', async (t) => {
  const system = await TestSystem.start();
  t.same(system.system.shardPhases, ['open']);
  for (let index = 0; index < 4; index++) system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  const ask = system.submit(add('a'));
  await system.clock.settle();
  t.match(ask.answer, refused);
  t.same(system.system.shardPhases, ['reopening']);
  t.match(await system.ask(add('a')), refused);
  await system.clock.advance(10_000);
  t.same(system.system.shardPhases, ['open']);
  t.match(await system.ask(add('a')), { reply: { total: 1 } });
  await system.stop();
});

t.test(
  'the open group and what waits for a place in it are refused with the group before them',
  async (t) => {
    const system = await TestSystem.start({ limits: { groupsInFlightMax: 1, groupCommandsMax: 2 } });
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
    const asks = [system.submit(add('a'))];
    await system.clock.settle();
    for (let index = 0; index < 5; index++) asks.push(system.submit(add('a')));
    const query = system.submit(get('a'));
    await system.clock.settle();
    // The first append fails at the disk it reaches late: somebody has put another entry there.
    system.disk.take(0, 'another-one');
    system.disk.take(1, 'another-one');
    system.disk.take(2, 'another-one');
    system.disk.take(3, 'another-one');
    held.open();
    await system.clock.settle();
    for (const ask of [...asks, query]) t.equal(ask.answer?.type, 'failure');
    t.equal(scanJournal(system.disk).length, 0);
  },
);

t.test('while the store refuses, the door is shut; it opens when a probe gets through', async (t) => {
  const system = await TestSystem.start();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  system.script.onNextAppend({ type: 'refuse', detail: 'still no room' });
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
  t.match(await system.ask(add('a')), refused);
  await system.clock.advance(500);
  t.match(await system.ask(add('a')), refused, 'the second probe is under way');
  t.match(await system.ask(get('a')), refused);
  held.open();
  await system.clock.settle();
  t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 1 } });
  t.match(await system.ask(add('b')), { type: 'reply', reply: { total: 1 } });
  scanJournal(system.disk);
  await system.stop();
});

t.test('a node that another one has succeeded takes no partition back when it opens again', async (t) => {
  const system = await TestSystem.start({ node: 1 });
  t.match(await system.ask(add('a')), { reply: { total: 1 } });
  const fence = system.disk.fence(0);
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  // Another node has the store from here on, and this one does not know yet.
  createMemoryStore({
    partitionCount: system.disk.partitionCount,
    disk: system.disk,
    isServer: true,
    node: 2,
  });
  t.match(await system.ask(add('a')), { type: 'failure', code: 'outcome-unknown' }, 'it may still arrive');
  await system.clock.advance(10_000);
  t.same(system.fatal, ['fenced']);
  t.same(system.system.shardPhases, ['stopped']);
  t.same(system.disk.fence(0), fence);
});

t.test('a lost reply is looked for: the caller gets its answer, the command ran once', async (t) => {
  const system = await TestSystem.start();
  system.script.onNextAppend({ type: 'lose-reply' });
  t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 1 } });
  t.equal((await system.counter('a')).total, 1);
  t.equal(scanJournal(system.disk).length, 1);
  t.equal((await system.metrics())[0]?.counters.resets, 0);
  await system.stop();
});

t.test('a lost request is sent again: the caller gets its answer, the command ran once', async (t) => {
  const system = await TestSystem.start();
  system.script.onNextAppend({ type: 'lose-request' });
  system.script.onNextAppend({ type: 'lose-request' });
  t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 1 } });
  t.equal(scanJournal(system.disk).length, 1);
  t.equal((await system.metrics())[0]?.counters.resets, 0);
  await system.stop();
});

t.test('the follower of a lost group comes in after it', async (t) => {
  const system = await TestSystem.start();
  const held = gate();
  system.script.onNextAppend({ type: 'lose-request' });
  system.script.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
  const one = system.submit(add('a'));
  await system.clock.settle();
  const two = system.submit(add('a'));
  held.open();
  t.match(await system.answered(two), { type: 'reply', reply: { total: 2 } });
  t.match(one.answer, { type: 'reply', reply: { total: 1 } });
  scanJournal(system.disk);
  await system.stop();
});

t.test(
  'a store that gives no answer does not keep the thread busy, and is given up at the deadline',
  async (t) => {
    const system = await TestSystem.start({ limits: { appendDeadlineMs: 1_000 } });
    for (let index = 0; index < 400; index++) system.script.onNextAppend({ type: 'lose-request' });
    const ask = system.submit(add('a'));
    await system.clock.advance(900);
    t.equal(ask.answer, undefined);
    let sent = 400;
    while (sent > 0 && system.script.append() !== undefined) sent--;
    t.ok(400 - sent > 300, `${sent} appends were sent in 900 ms`);
    await system.clock.advance(5_000);
    t.match(ask.answer, refused);
    t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 1 } }, 'the store answers again');
    await system.stop();
  },
);

t.test(
  'a store that only a new process can settle ends the process at its first unknown outcome',
  async (t) => {
    const system = await TestSystem.start({ failsWithProcess: true });
    system.script.onNextAppend({ type: 'lose-reply' });
    const ask = system.submit(add('a'));
    await system.clock.settle();
    t.same(system.fatal, ['outcome-unknown']);
    t.equal(ask.answer, undefined);
  },
);

t.test(
  'a store that breaks beside a write that it refused ends the process, and is not asked for ever',
  async (t) => {
    // Slices of both partitions leave in one tick.
    const limits = { sweepBuckets: 1, sweepPeriodMs: 2 };
    const system = await TestSystem.start({ partitionCount: 2, failsWithProcess: true, limits });
    const ids = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(ids.map((id) => system.ask(add(id))));
    for (const answer of answers) t.match(answer, { type: 'reply' });
    // One partition's rows are refused, and the shard is reset; the flush of the other's fails, and nobody listens any more.
    system.script.onNextCommit({ type: 'refuse', detail: 'no room' });
    system.script.onNextCommit({ type: 'fail-flush' });
    await system.clock.until(() => system.disk.halted);
    t.equal(system.countOf('domain-reset'), 1);
    await system.clock.advance(10_000);
    t.same(system.fatal, ['outcome-unknown']);
    t.same(system.system.shardPhases, ['stopped']);
    const next = await system.crash();
    for (const id of ids) t.match(await next.ask(add(id)), { type: 'reply', reply: { total: 2 } });
    await next.stop();
  },
);

t.test(
  'an owner that was fenced commits nothing, writes no table and answers no read any more',
  async (t) => {
    const system = await TestSystem.start({ partitionCount: 1 });
    await system.ask(add('a', 5));
    const other = createMemoryStore({ partitionCount: 1, disk: system.disk });
    await other.ownership.take(0, 'the-other-taker');
    const ask = system.submit(add('a'));
    await system.clock.settle();
    t.same(system.fatal, ['fenced']);
    t.not(ask.answer?.type, 'reply');
    const [read, write] = [system.submit(get('a')), system.submit(add('a'))];
    await system.clock.advance(3_000);
    t.not(read.answer?.type, 'reply', 'another owner may know better');
    t.not(write.answer?.type, 'reply');
    t.equal(system.disk.flushedPosition(0), 1);
    t.equal(system.disk.checkpoint(0).position, 0);
  },
);

t.test('an idle owner that another has succeeded ends by itself and answers no read any more', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  await system.ask(add('a', 5));
  await system.swept();
  await system.clock.advance(60_000);
  t.same(system.fatal, [], 'an owner that is not succeeded goes on');
  t.match(await system.ask(get('a')), { type: 'reply' });
  const other = createMemoryStore({ partitionCount: 1, disk: system.disk });
  await other.ownership.take(0, 'the-other-taker');
  await system.clock.advance(2 * ownershipLookEveryMs);
  t.same(system.fatal, ['fenced']);
  const read = system.submit(get('a'));
  await system.clock.advance(3_000);
  t.not(read.answer?.type, 'reply', 'another owner may know better');
});

t.test('an idle owner whose store went back ends by itself and answers no read any more', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2, isServer: true });
  await system.ask(add('a', 5));
  await system.swept();
  for (const partition of [0, 1]) system.disk.rollBack(partition, 0);
  system.disk.crash();
  await system.clock.advance(2 * ownershipLookEveryMs);
  t.same(system.fatal, ['store-went-back'], 'once');
  t.same(system.system.shardPhases, ['stopped']);
  const read = system.submit(get('a'));
  await system.clock.advance(3_000);
  t.not(read.answer?.type, 'reply');
});

t.test(
  'an idle owner takes its partitions again when a server has taken over that lacks its rows',
  async (t) => {
    const system = await TestSystem.start({ partitionCount: 2, isServer: true });
    system.disk.keepReplica();
    await system.ask(add('a', 5));
    system.disk.replicate(0);
    await system.swept();
    t.ok(system.disk.failOver() > 0);
    const [row] = system.disk.range(0, rows).concat(system.disk.range(1, rows));
    t.equal(row, undefined, 'the log has the event, the tables have no row of it');
    await system.clock.advance(2 * ownershipLookEveryMs);
    t.equal((await system.metrics())[0]?.counters.resets, 1);
    t.equal((await system.counter('a')).total, 5);
    await system.swept();
    await system.clock.advance(60_000);
    t.equal((await system.metrics())[0]?.counters.resets, 1, 'once');
    t.same(system.fatal, []);
    await system.stop();
  },
);

t.test(
  'nothing is written to a server that has taken over before its partitions were taken again',
  async (t) => {
    const system = await TestSystem.start({ partitionCount: 1, isServer: true });
    system.disk.keepReplica();
    await system.ask(add('a', 5));
    system.disk.replicate(0);
    system.disk.failOver();
    const { epoch = 0 } = system.disk.fence(0) ?? {};
    t.match(await system.ask(add('a')), refused);
    await system.clock.advance(100);
    t.match(await system.ask(add('a')), { reply: { total: 6 } });
    scanJournal(system.disk);
    const epochs = [1, 2].map((position) => epochOf(system.disk.entry(0, position)?.bytes));
    t.same(epochs, [epoch, epoch + 1]);
    await system.stop();
  },
);

t.test('a look at the owner that a reopening overtakes does not end the shard', async (t) => {
  const held = gate();
  let looks = 0;
  const system = await TestSystem.start({
    partitionCount: 1,
    storeAs: (store) => {
      const renew = async (partition: number, fence: Fence): Promise<Standing> => {
        looks += 1;
        await held.promise;
        return store.ownership.renew(partition, fence);
      };
      return { ...store, ownership: { ...store.ownership, renew } };
    },
  });
  const { epoch = 0 } = system.disk.fence(0) ?? {};
  await system.clock.advance(ownershipLookEveryMs);
  t.equal(looks, 1);
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  t.match(await system.ask(add('a')), refused);
  await system.clock.until(() => system.system.shardPhases[0] === 'open');
  t.equal(system.disk.fence(0)?.epoch, epoch + 1, 'opened again');
  held.open();
  await system.clock.advance(2 * ownershipLookEveryMs);
  t.ok(looks > 1);
  t.same(system.fatal, []);
  t.match(await system.ask(add('a')), { type: 'reply' });
  await system.stop();
});

t.test('an owner that is fenced while it writes its tables stops as well', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  await system.ask(add('a', 5));
  const other = createMemoryStore({ partitionCount: 1, disk: system.disk });
  await other.ownership.take(0, 'the-other-taker');
  await system.clock.advance(3_000);
  t.same(system.fatal, ['fenced']);
  t.equal(system.disk.checkpoint(0).position, 0);
});

t.test('a table commit whose reply was lost is settled by reading, not by ending the process', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  await system.ask(add('a', 5));
  system.script.onNextCommit({ type: 'lose-reply' });
  await system.clock.advance(3_000);
  t.same(system.fatal, []);
  t.equal((await system.counter('a')).total, 5);
  await system.ask(add('a', 1));
  await system.swept();
  t.equal(system.disk.checkpoint(0).position, 2);
  await system.stop();
});

t.test('a call that reads the journal behind a refused group is answered too', async (t) => {
  const system = await TestSystem.start();
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'request', until: held.promise });
  system.submit(add('a'));
  await system.clock.settle();
  const history = system.submit({
    type: 'history',
    kind: 'counter',
    id: 'a',
    direction: 'forward',
    limit: 10,
  });
  const past = system.submit(queryCall(counterContract, 'a', 'get', {}, { at: { version: 1 } }));
  await system.clock.settle();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  system.submit(add('a'));
  await system.clock.settle();
  const before = system.clock.monotonic();
  system.disk.take(0, 'raised-it');
  held.open();
  await system.clock.advance(1_000);
  t.ok(
    history.answer !== undefined && past.answer !== undefined,
    `after ${system.clock.monotonic() - before} ms`,
  );
  await system.stop();
});
