/** Every bound of `runtime/limits.ts` that a caller can reach is reached here (I16). */
import t from 'tap';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import type { Store } from '../../persistence/store.js';
import { defaultLimits } from '../../runtime/limits.js';
import { pauseMsAt } from '../../runtime/outside-pace.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { readingAs } from '../support/reading-store.js';
import { type Ask, idsOn, TestSystem } from '../support/test-system.js';
import { VirtualClock } from '../support/virtual-clock.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const get = (id: string) => queryCall(counterContract, id, 'get', {});
const fill = (id: string, count: number, characters: number) =>
  commandCall(counterContract, id, 'fill', { count, characters });
const tell = (id: string, to: string, count: number) =>
  commandCall(counterContract, id, 'tell', { to, first: 1, count });

t.test('eventsPerCommandMax: one event more refuses the command', async (t) => {
  const system = await TestSystem.start({ limits: { eventsPerCommandMax: 3 } });
  t.match(await system.ask(fill('a', 3, 1)), { type: 'reply', version: 3 });
  t.match(await system.ask(fill('a', 4, 1)), { type: 'failure', code: 'command-too-large' });
  t.equal((await system.counter('a')).filled, 3);
  await system.stop();
});

t.test('messagesPerCommandMax: counts what an actor sends and what reactions send for it', async (t) => {
  const system = await TestSystem.start({ limits: { messagesPerCommandMax: 3 } });
  t.match(await system.ask(tell('a', 'b', 3)), { type: 'reply' });
  t.match(await system.ask(tell('a', 'b', 4)), { type: 'failure', code: 'command-too-large' });
  const echo = (count: number) => commandCall(counterContract, 'a', 'echo', { to: 'b', count });
  t.match(await system.ask(echo(3)), { type: 'reply' });
  t.match(await system.ask(echo(4)), { type: 'failure', code: 'command-too-large' });
  await system.clock.advance(10);
  t.equal((await system.counter('b')).received.length, 6);
  await system.stop();
});

t.test('eventBytesMax: a larger event refuses the command, many small ones do not', async (t) => {
  const system = await TestSystem.start({ limits: { eventBytesMax: 100 } });
  t.match(await system.ask(fill('a', 3, 90)), { type: 'reply' });
  t.match(await system.ask(fill('a', 1, 120)), { type: 'failure', code: 'event-too-large' });
  t.equal((await system.counter('a')).filled, 270);
  await system.stop();
});

t.test('entryBytesMax: a command that fills more than an entry is refused whole', async (t) => {
  const system = await TestSystem.start({ limits: { entryBytesMax: 1_000 } });
  t.match(await system.ask(fill('a', 20, 100)), { type: 'failure', code: 'command-too-large' });
  t.match(await system.ask(fill('a', 9, 100)), { type: 'reply' });
  const long = 'n'.repeat(100);
  const messages = commandCall(counterContract, long, 'tell', { to: 'b', first: 1, count: 12 });
  t.match(await system.ask(messages), { type: 'failure', code: 'command-too-large' });
  t.equal(scanJournal(system.disk).length, 1);
  await system.stop();
});

t.test('entryBytesMax: past it the next command waits for the next group', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1, limits: { entryBytesMax: 1_000 } });
  const asks = Array.from({ length: 12 }, () => system.submit(fill('a', 4, 100)));
  for (const ask of asks) t.equal((await system.answered(ask)).type, 'reply');
  for (let position = 1; position <= system.disk.flushedPosition(0); position++) {
    t.ok((system.disk.entry(0, position)?.bytes.length ?? 0) < 2_000, `entry ${position}`);
  }
  await system.stop();
});

t.test('groupCommandsMax: holds for calls, and for calls that waited for their actor to load', async (t) => {
  let system = await TestSystem.start({ limits: { groupCommandsMax: 3 } });
  for (const round of ['first load', 'loaded']) {
    const asks = Array.from({ length: 20 }, () => system.submit(add('a')));
    for (const ask of asks) t.equal((await system.answered(ask)).type, 'reply', round);
  }
  t.equal((await system.counter('a')).total, 40);
  const perEntry = new Map<string, number>();
  for (const { partition, position } of scanJournal(system.disk)) {
    const key = `${partition}/${position}`;
    perEntry.set(key, (perEntry.get(key) ?? 0) + 1);
  }
  t.ok(Math.max(...perEntry.values()) <= 3, 'three commands a group');
  system = await system.restart();
  t.equal((await system.counter('a')).total, 40);
  await system.stop();
});

t.test(
  'mailboxMax: one more call for a loading actor is refused, the others run in their order',
  async (t) => {
    const system = await TestSystem.start({ limits: { mailboxMax: 3 } });
    const asks = Array.from({ length: 5 }, (_, index) => system.submit(add('a', 10 ** index)));
    await system.clock.settle();
    t.same(
      asks.map(({ answer }) =>
        answer?.type === 'reply' ? (answer.reply as { total: number }).total : answer,
      ),
      [1, 11, 111, asks[3]?.answer, asks[4]?.answer],
    );
    t.match(asks[3]?.answer, { type: 'failure', code: 'mailbox-full' });
    t.match(asks[4]?.answer, { type: 'failure', code: 'mailbox-full' });
    await system.stop();
  },
);

t.test(
  'callsPerShardMax: one more call is refused at once, and room comes back with the answers',
  async (t) => {
    const system = await TestSystem.start({ limits: { callsPerShardMax: 3 } });
    const held = gate();
    system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
    const asks = Array.from({ length: 4 }, () => system.submit(add('a')));
    await system.clock.settle();
    t.match(asks[3]?.answer, { type: 'failure', code: 'overloaded', retryAfterSeconds: 1 });
    t.equal(asks[0]?.answer, undefined);
    held.open();
    await system.clock.settle();
    t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 4 } });
    await system.stop();
  },
);

t.test('callBytesPerShardMax: one call more is refused at once, small or large', async (t) => {
  const system = await TestSystem.start({ limits: { callBytesPerShardMax: 2_500 } });
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const asks = [{ bytes: 2_499 }, {}, { bytes: 1 }, {}].map((request) => system.submit(add('a'), request));
  await system.clock.settle();
  t.equal(asks[0]?.answer, undefined);
  t.equal(asks[1]?.answer, undefined, 'the last one may go past the bound');
  for (const refused of asks.slice(2)) t.match(refused.answer, { type: 'failure', code: 'overloaded' });
  held.open();
  await system.clock.settle();
  t.match(await system.ask(add('a'), { bytes: 2_499 }), { type: 'reply', reply: { total: 3 } });
  t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 4 } }, 'all room has come back');
  await system.stop();
});

t.test(
  'activationsMax: clean actors are dropped, dirty ones stay, and all come back as they were',
  async (t) => {
    const system = await TestSystem.start({ limits: { activationsMax: 5 } });
    for (let index = 0; index < 40; index++) await system.ask(add(`a${index}`, index + 1));
    t.ok(((await system.metrics())[0]?.activations ?? 0) >= 5);
    await system.swept();
    for (let index = 0; index < 40; index++) t.equal((await system.counter(`a${index}`)).total, index + 1);
    await system.swept();
    await system.ask(get('a0'));
    const [shard] = await system.metrics();
    t.ok((shard?.activations ?? 0) <= 7, `${shard?.activations} are left`);
    t.ok((shard?.counters.passivated ?? 0) > 0);
    for (let index = 0; index < 40; index++) await system.ask(add(`a${index}`));
    scanJournal(system.disk);
    await system.stop();
  },
);

t.test('activationBytesMax: large states push each other out, and all come back as they were', async (t) => {
  const stateBytes = 50_000;
  const bytesMax = 10 * 4 * stateBytes;
  const system = await TestSystem.start({
    limits: { activationBytesMax: bytesMax, eventBytesMax: 2 * stateBytes },
  });
  for (let index = 0; index < 40; index++) await system.ask(fill(`a${index}`, 1, stateBytes));
  await system.swept();
  for (let index = 0; index < 40; index++) t.equal((await system.counter(`a${index}`)).filled, stateBytes);
  await system.ask(get('a0'));
  const [shard] = await system.metrics();
  t.ok((shard?.activations ?? 0) <= 10, `${shard?.activations} are left`);
  t.ok((shard?.activationBytes ?? Number.NaN) <= bytesMax, `${shard?.activationBytes} bytes`);
  await system.stop();
});

t.test(
  'passivation keeps up with any rate of new actors: a batch of them is gone when their rows are written',
  async (t) => {
    const system = await TestSystem.start({ limits: { activationsMax: 10 } });
    for (let round = 0; round < 5; round++) {
      const asks = Array.from({ length: 1_000 }, (_, index) => system.submit(add(`r${round}-${index}`)));
      for (const ask of asks) t.equal((await system.answered(ask)).type, 'reply');
      await system.swept();
    }
    const [shard] = await system.metrics();
    t.ok((shard?.activations ?? 0) <= 1_000 * 1.25 + 10, `${shard?.activations} are left`);
    await system.stop();
  },
);

t.test(
  'internalHopsPerTurnMax: messages that follow each other for ever do not shut out a call',
  async (t) => {
    const clock = new VirtualClock();
    const flush = () => new Promise<void>((resolve) => clock.after(1, resolve));
    const system = await TestSystem.start({
      clock,
      partitionCount: 1,
      limits: { internalHopsPerTurnMax: 10 },
      faults: { append: () => ({ type: 'delay', at: 'flush', until: flush() }) },
    });
    await system.ask(add('c'));
    system.submit(commandCall(counterContract, 'a', 'bounce', { to: 'b' }));
    // The messages never end, so the schedule never comes to rest.
    await clock.run(50);
    const ask = system.submit(get('c'));
    await clock.run(50);
    t.match(ask.answer, { type: 'reply', reply: { total: 1 } });
  },
);

t.test('tableLagEntriesMax: past half of it sweeps follow each other without a pause', async (t) => {
  for (const [tableLagEntriesMax, isHurried] of [
    [100, false],
    [30, true],
  ] as const) {
    const limits = { tableLagEntriesMax, sweepPeriodMs: 4_000, sweepBuckets: 4 };
    const system = await TestSystem.start({ partitionCount: 1, limits });
    for (let index = 0; index < 20; index++) await system.ask(add(`a${index}`));
    await system.clock.advance(1_500);
    t.equal((await system.metrics())[0]?.tableLagEntries === 0, isHurried, `of ${tableLagEntriesMax}`);
    await system.swept();
    await system.stop();
  }
});

t.test(
  'tableLagEntriesMax: past four fifths of it commands are taken some at a time, with growing pauses',
  async (t) => {
    const tableLagEntriesMax = 100;
    const system = await TestSystem.start({ partitionCount: 1, limits: { tableLagEntriesMax } });
    const held = gate();
    system.script.onNextCommit({ type: 'delay', at: 'request', until: held.promise });
    const answered = (asks: readonly Ask[]) => asks.filter(({ answer }) => answer?.type === 'reply').length;
    for (let index = 0; index < 80; index++) t.equal((await system.ask(add('a'))).type, 'reply');
    const early = Array.from({ length: 40 }, () => system.submit(add('a')));
    await system.clock.settle();
    t.equal(answered(early), 40, 'not yet');
    const late = Array.from({ length: 40 }, () => system.submit(add('a')));
    const read = system.submit(get('b'));
    await system.clock.settle();
    t.equal(answered(late), 16);
    t.equal(read.answer, undefined, 'it was asked after them');
    await system.clock.advance(pauseMsAt(0.81) + 1);
    t.equal(answered(late), 32);
    held.open();
    await system.swept();
    t.equal(answered(late), 40);
    t.equal(read.answer?.type, 'reply');
    const after = Array.from({ length: 40 }, () => system.submit(add('a')));
    await system.clock.settle();
    t.equal(answered(after), 40, 'the tables have caught up');
    await system.stop();
  },
);

t.test('the pause grows from a millisecond to fifty, and is nought up to four fifths', async (t) => {
  t.same(
    [0, 0.5, 0.8, 0.9, 1, 5].map((share) => Math.round(pauseMsAt(share))),
    [0, 0, 0, 26, 50, 50],
  );
  t.ok(pauseMsAt(0.801) >= 1);
});

t.test(
  'tableLagEntriesMax: commands are refused until the tables have caught up, reads are not',
  async (t) => {
    const system = await TestSystem.start({
      partitionCount: 1,
      limits: { tableLagEntriesMax: 3, sweepPeriodMs: 1_000_000 },
    });
    const held = gate();
    for (let index = 0; index < 2; index++) {
      system.script.onNextCommit({ type: 'delay', at: 'request', until: held.promise });
    }
    for (let index = 0; index < 4; index++) t.equal((await system.ask(add('a'))).type, 'reply');
    t.match(await system.ask(add('a')), { type: 'failure', code: 'storage-behind' });
    t.match(await system.ask(get('a')), { type: 'reply', reply: { total: 4 } });
    held.open();
    await system.swept();
    t.match(await system.ask(add('a')), { type: 'reply', reply: { total: 5 } });
    await system.stop();
  },
);

t.test('historyEventsMax: a view of the past over more events is refused, not cut', async (t) => {
  const system = await TestSystem.start({ limits: { historyEventsMax: 5 } });
  for (let index = 0; index < 6; index++) await system.ask(add('a'));
  const past = queryCall(counterContract, 'a', 'get', {}, { at: { version: 1 } });
  t.match(await system.ask(past), { type: 'failure', code: 'history-too-long' });
  await system.stop();
});

t.test(
  'journalReadsMax: more histories wait in their order, and are not read for callers who have gone',
  async (t) => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    let held = gate();
    let readCount = 0;
    const holding = (store: Store): Store =>
      readingAs(store, (read) => async (...asked) => {
        readCount++;
        await held.promise;
        return read(...asked);
      });
    const system = await TestSystem.start({ limits: { journalReadsMax: 2 }, storeAs: holding });
    for (const id of ids) await system.ask(add(id));
    const askAll = () =>
      ids.map((id) =>
        system.submit({ type: 'history', kind: 'counter', id, direction: 'forward', limit: 10 }),
      );
    const late = askAll();
    await system.clock.settle();
    t.equal(readCount, 2);
    await system.clock.advance(defaultLimits.callDeadlineMs + 1);
    t.match(late[4]?.answer, { type: 'failure', code: 'outcome-unknown' });
    held.open();
    await system.clock.settle();
    t.equal(readCount, 2, 'the three that waited past their deadline are not read');

    held = gate();
    readCount = 0;
    const asks = askAll().slice(2);
    await system.clock.settle();
    t.equal(readCount, 2, 'a and b are known already');
    held.open();
    for (const ask of asks) t.match(await system.answered(ask), { type: 'reply' });
    t.equal(readCount, 3);
    await system.stop();
  },
);

t.test('a stop answers the histories that are read and those that wait', async (t) => {
  const ids = ['a', 'b', 'c'];
  const held = gate();
  const holding = (store: Store): Store =>
    readingAs(store, (read) => async (...asked) => {
      await held.promise;
      return read(...asked);
    });
  const system = await TestSystem.start({ limits: { journalReadsMax: 1 }, storeAs: holding });
  for (const id of ids) await system.ask(add(id));
  const asks = ids.map((id) =>
    system.submit({ type: 'history', kind: 'counter', id, direction: 'forward', limit: 10 }),
  );
  await system.clock.settle();
  let isStopped = false;
  const stopped = system.stop().then(() => {
    isStopped = true;
  });
  await system.clock.settle();
  t.notOk(isStopped, 'it waits for them');
  held.open();
  await stopped;
  for (const { answer } of asks)
    t.match(answer, { type: 'reply', reply: { events: [{ streamVersion: 1 }] } });
});

t.test('a history whose caller has gone is not walked to its end: the next one begins', async (t) => {
  let held = gate();
  let readCount = 0;
  const holding = (store: Store): Store =>
    readingAs(store, (read) => async (...asked) => {
      readCount++;
      await held.promise;
      return read(...asked);
    });
  const limits = { journalReadsMax: 1 };
  const system = await TestSystem.start({ partitionCount: 1, limits, storeAs: holding });
  // Entries of the other one between them: each is a read of its own.
  for (let count = 0; count < 5; count++) {
    await system.ask(add('a'));
    for (let between = 0; between < 10; between++) await system.ask(add('b'));
  }
  const history = { type: 'history', kind: 'counter', id: 'a', direction: 'forward', limit: 10 } as const;
  for (const asked of [history, queryCall(counterContract, 'a', 'get', {}, { at: { version: 1 } })]) {
    held = gate();
    readCount = 0;
    const late = system.submit(asked);
    await system.clock.advance(defaultLimits.callDeadlineMs + 1);
    t.match(late.answer, { type: 'failure', code: 'outcome-unknown' });
    const next = system.submit({ ...history, id: 'b', direction: 'backward', limit: 1 });
    await system.clock.settle();
    t.ok(readCount <= 1);
    held.open();
    t.match(await system.answered(next), { type: 'reply', reply: { events: [{ streamVersion: 50 }] } });
    t.ok(readCount <= 3, `${readCount} reads: not all of the five`);
  }
  await system.stop();
});

t.test(
  'stateBytesWarn and stateBytesMax: a large state is reported, a too large one takes no more',
  async (t) => {
    let system = await TestSystem.start({ limits: { stateBytesWarn: 500, stateBytesMax: 2_000 } });
    await system.ask(fill('a', 1, 1_000));
    await system.swept();
    t.equal(system.countOf('state-large'), 1);
    t.match(await system.ask(fill('a', 2, 1_000)), { type: 'reply' });
    await system.swept();
    t.match(await system.ask(add('a')), { type: 'failure', code: 'state-too-large' });
    t.match(await system.ask(get('a')), { type: 'reply' });
    t.match(await system.ask(add('b')), { type: 'reply' });
    system = await system.restart();
    t.match(await system.ask(add('a')), { type: 'failure', code: 'state-too-large' });
    await system.stop();
  },
);

t.test('channelPendingMax: the rest of a channel waits in the log, and nothing of it is lost', async (t) => {
  const system = await TestSystem.start({
    shardCount: 2,
    partitionCount: 2,
    limits: { channelPendingMax: 4 },
  });
  const [near, far] = idsOn(2);
  for (let round = 0; round < 5; round++) {
    await system.ask(
      commandCall(counterContract, near, 'tell', { to: far, first: round * 10 + 1, count: 10 }),
    );
  }
  await system.clock.advance(1_000);
  t.same(
    (await system.counter(far)).received,
    Array.from({ length: 50 }, (_, index) => `${near}:${index + 1}`),
  );
  await system.stop();
});
