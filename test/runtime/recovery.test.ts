/** What a new process finds is what the old one had promised (I1, I3, I7, I12, I20). */
import t from 'tap';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { defineContract, send } from '../../actors/model/contract.js';
import { defineModule, type Module } from '../../actors/model/module.js';
import { defineReaction } from '../../actors/model/reaction.js';
import { defineSaga } from '../../actors/model/saga.js';
import { Type } from '../../actors/model/typebox.js';
import { noHash } from '../../persistence/entry.js';
import { MemoryDisk } from '../../persistence/memory/memory-disk.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { createMemoryStore } from '../../persistence/memory/memory-store.js';
import type { Store } from '../../persistence/store.js';
import { LogWriter } from '../contracts/log-writer.js';
import { counterContract, counterModule } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type Ask, idsOn, type Report, TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });

t.test('every answered command is there after a crash at any moment, exactly once', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const chance = new SeededRandom(seed);
    const limits = {
      sweepPeriodMs: chance.pick([10, 1_000]),
      sweepBuckets: 4,
      activationsMax: chance.pick([2, 100]),
    };
    const sums = new Map<string, number>();
    let system = await TestSystem.start({ seed, limits, shardCount: chance.pick([1, 3]) });
    let unknown: { readonly ask: Ask; readonly id: string; readonly amount: number }[] = [];
    for (let life = 0; life < 5; life++) {
      const asks: typeof unknown = [];
      for (let index = chance.below(40); index > 0; index--) {
        const [id, amount] = [`a${chance.below(8)}`, 1 + chance.below(9)];
        asks.push({ ask: system.submit(add(id, amount)), id, amount });
        if (chance.below(4) === 0) await system.clock.advance(chance.below(5));
      }
      for (const { ask, id, amount } of asks)
        if (ask.answer?.type === 'reply') sums.set(id, (sums.get(id) ?? 0) + amount);
      unknown = asks.filter(({ ask }) => ask.answer === undefined);
      system = await system.crash({ kind: chance.pick(['power', 'process'] as const) });
      const written = new Set(scanJournal(system.disk).map(({ record }) => record[5][1]));
      for (const { ask, id, amount } of unknown)
        if (written.has(ask.commandId)) sums.set(id, (sums.get(id) ?? 0) + amount);
      for (const [id, sum] of sums) {
        const { total } = await system.counter(id);
        if (total !== sum) t.fail(`seed ${seed}, life ${life}: ${id} has ${total}, answered were ${sum}`);
      }
    }
    await system.stop();
  }
  t.pass('forty seeds');
});

t.test('the checkpoint is never ahead of what was flushed, and a row never ahead of the log', async (t) => {
  let system = await TestSystem.start({ partitionCount: 1, limits: { sweepPeriodMs: 10, sweepBuckets: 2 } });
  await system.ask(add('a', 1));
  await system.swept();
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  system.submit(add('a', 10));
  await system.clock.advance(500);
  t.equal(system.disk.checkpoint(0).position, 1);
  system = await system.crash();
  t.equal((await system.counter('a')).total, 1, 'the undurable ten are nowhere');
  await system.stop();
});

t.test('a crash while a table commit is under way loses nothing, whether it got in or not', async (t) => {
  for (const at of ['request', 'flush', 'reply'] as const) {
    let system = await TestSystem.start({
      partitionCount: 1,
      limits: { sweepPeriodMs: 10, sweepBuckets: 1 },
    });
    await system.ask(add('a', 5));
    system.script.onNextCommit({ type: 'delay', at, until: new Promise(() => undefined) });
    await system.clock.advance(100);
    await system.ask(add('a', 1));
    system = await system.crash({ kind: 'process' });
    t.equal((await system.counter('a')).total, 6, at);
    await system.swept();
    t.equal(system.disk.checkpoint(0).position, system.disk.flushedPosition(0), at);
    await system.stop();
  }
});

t.test('after a sweep only the tail is read, and the state is the fold of the whole journal', async (t) => {
  let system = await TestSystem.start({ partitionCount: 1 });
  for (let index = 0; index < 20; index++) await system.ask(add(`a${index % 4}`, index));
  await system.swept();
  const checkpoint = system.disk.checkpoint(0).position;
  t.ok(checkpoint > 0);
  await system.ask(add('a0', 100));
  system = await system.crash();
  for (let index = 0; index < 4; index++) {
    const now = await system.ask(queryCall(counterContract, `a${index}`, 'get', {}));
    const version = now.type === 'reply' ? now.version : 0;
    const folded = await system.ask(queryCall(counterContract, `a${index}`, 'get', {}, { at: { version } }));
    t.same(folded, now);
  }
  await system.stop();
});

t.test(
  'rows of another snapshot version are ignored: the actor is folded from its first event',
  async (t) => {
    let system = await TestSystem.start();
    await system.ask(add('a', 5));
    await system.restart();
    system = await TestSystem.start({
      disk: system.disk,
      clock: system.clock,
      modules: [counterModule({ snapshotVersion: 2 })],
    });
    t.match(await system.ask(add('a')), { reply: { total: 6 }, version: 2 });
    await system.stop();
  },
);

t.test('a log that is damaged, cut or older than its tables is not served', async (t) => {
  const damages: readonly (readonly [string, string, (disk: TestSystem['disk']) => void])[] = [
    ['a flipped bit in the tail', '', (disk) => disk.corrupt(0, 3)],
    ['a torn entry', '', (disk) => disk.tear(0, 3, 40)],
    ['a missing entry', 'journal-gap', (disk) => disk.dropEntry(0, 3)],
    ['an older log', 'store-went-back', (disk) => disk.rollBack(0, 1)],
  ];
  for (const [what, code, damage] of damages) {
    const system = await TestSystem.start({ partitionCount: 1 });
    await system.ask(add('a'));
    await system.ask(add('a'));
    await system.swept();
    await system.ask(add('a'));
    await system.ask(add('a'));
    damage(system.disk);
    const error: unknown = await system.crash().then(
      () => undefined,
      (cause: unknown) => cause,
    );
    t.ok(error instanceof Error, what);
    if (code !== '') t.equal((error as { code?: string }).code, code, what);
  }
});

t.test('tables of another owner, who went on during the opening, are no store that went back', async (t) => {
  const disk = new MemoryDisk(1);
  const other = createMemoryStore({ partitionCount: 1, disk });
  const storeAs = (store: Store): Store => ({
    ...store,
    tables: {
      ...store.tables,
      // Between its taking the partition and its look at the tables another one has both.
      checkpoint: async (partition) => {
        const owner = await LogWriter.take(other, [partition], 'another-owner');
        await owner.append([partition]);
        const fence = owner.fence(partition);
        const from = { position: 0, hash: noHash, epoch: 0 };
        const to = { ...owner.head(partition), epoch: fence.epoch };
        await other.tables.commit({ partition, fence, from, to, puts: [], deletes: [] });
        return store.tables.checkpoint(partition);
      },
    },
  });
  await t.rejects(TestSystem.start({ disk, storeAs }), {
    code: 'storage-unavailable',
    message: /another owner/,
  });
});

t.test('B4: a start without the kind of a timer that stands is refused, naming it', async (t) => {
  const nap = defineSaga({
    name: 'nap',
    version: 1,
    input: Type.Object({}),
    steps: [{ name: 'sleep', sleepMs: 60_000 }],
    events: {},
  });
  const modules = [counterModule(), defineModule({ name: 'naps', aggregates: [], sagas: [nap] })];
  for (const isSwept of [false, true]) {
    let system = await TestSystem.start({ modules, shardCount: 2 });
    const nap1 = { kind: 'nap', id: 'nap1', payload: {} };
    await system.ask({ ...nap1, type: 'command', command: 'start' });
    if (isSwept) await system.swept();
    await t.rejects(system.crash({ modules: [counterModule()] }), { message: /nap1 of kind "nap"/ });
    system = await system.crash();
    await system.clock.advance(61_000);
    t.match(await system.ask({ ...nap1, type: 'query', query: 'status' }), { reply: { state: 'completed' } });
    await system.swept();
    system = await system.crash({ modules: [counterModule()] });
    t.match(await system.ask(add('a')), { type: 'reply' }, 'nothing needs it any more');
    await system.stop();
  }
});

t.test('B4: a start without the kind of a message under way is refused, naming it', async (t) => {
  const [from, to] = idsOn(2);
  const both = [counterModule(), promoModule(to)];
  for (const shardCount of [1, 2]) {
    let system = await TestSystem.start({
      modules: both,
      shardCount,
      partitionCount: 2,
      limits: { groupCommandsMax: 1 },
    });
    system.script.onNextAppend(undefined);
    system.script.onNextAppend({ type: 'delay', at: 'request', until: new Promise(() => undefined) });
    system.submit(add(from));
    await system.clock.until(() => system.script.isSpent);
    if (shardCount === 1) {
      await t.rejects(system.crash({ modules: [counterModule()] }), {
        message: /to actor .* of kind "promo"/,
      });
      system = await system.crash();
    } else {
      system = await system.crash({ modules: [counterModule()] });
      await system.clock.until(() => unknownKinds(system).length > 0);
      t.match(unknownKinds(system), [{ level: 'error', details: { id: to } }]);
      t.match(await system.ask(add(from, 0)), { reply: { total: 1 } }, 'the others go on');
      system = await system.crash({ modules: both });
    }
    await system.clock.advance(1_000);
    t.same(unknownKinds(system), []);
    system = await system.restart({ modules: [counterModule()] });
    t.match(await system.ask(add(from)), { reply: { total: 2 } }, 'nothing needs it any more');
    await system.stop();
  }
});

t.test('B4: a message that was taken just before a stop does not keep its kind', async (t) => {
  const [from, to] = idsOn(2);
  const both = [counterModule(), promoModule(to)];
  for (const shardCount of [1, 2]) {
    let system = await TestSystem.start({ modules: both, shardCount, partitionCount: 2 });
    await system.ask(add(from));
    // The stop waits for the message, and nothing tells its sender's tables.
    system = await system.restart({ modules: [counterModule()] });
    t.match(await system.ask(add(from)), { reply: { total: 2 } }, `${shardCount} shards`);
    t.same(unknownKinds(system), []);
    await system.stop();
  }
});

function unknownKinds(system: TestSystem): readonly Report[] {
  return system.reports.filter(({ event }) => event === 'message-for-unknown-kind');
}

/** Tells one actor of another kind of everything that is added. */
function promoModule(to: string): Module {
  const contract = defineContract({
    kind: 'promo',
    events: {},
    commands: { note: { version: 1, input: Type.Object({}), reply: Type.Null(), internal: true } },
    queries: {},
    rejections: {},
  });
  const promo = defineAggregate(contract, {
    initial: () => ({}),
    decide: { note: () => ({ reply: null }) },
    evolve: {},
    read: {},
    snapshot: { version: 1 },
  });
  const reaction = defineReaction(counterContract, 'Added', 'promo', () => send(contract, to, 'note', {}));
  return defineModule({ name: 'promos', aggregates: [promo], reactions: [reaction] });
}
