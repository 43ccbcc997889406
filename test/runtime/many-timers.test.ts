/** Timers by the thousand: none early, none missing, none twice, whatever happens in between; and commands have their turn. */
import t from 'tap';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { commandCall } from '../../actors/model/call.js';
import { defineContract } from '../../actors/model/contract.js';
import { defineModule } from '../../actors/model/module.js';
import { Type } from '../../actors/model/typebox.js';
import sleepers, { sleeper } from '../../bench/timer-app.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { actorTable } from '../../runtime/actor/actor-row.js';
import { SeededRandom } from '../support/seeded-random.js';
import { TestSystem, type TestSystemOptions } from '../support/test-system.js';

const alarm = defineContract({
  kind: 'alarm',
  events: {
    Set: { version: 1, schema: Type.Object({ count: Type.Integer() }) },
    Rang: { version: 1, schema: Type.Object({ name: Type.String(), late: Type.Integer() }) },
  },
  commands: {
    set: { version: 1, input: Type.Object({ delays: Type.Array(Type.Integer()) }), reply: Type.Null() },
    ring: {
      version: 1,
      input: Type.Object({ name: Type.String(), dueAt: Type.Integer() }),
      reply: Type.Null(),
      internal: true,
    },
  },
  queries: {
    get: {
      input: Type.Null(),
      reply: Type.Object({ names: Type.Array(Type.String()), late: Type.Array(Type.Integer()) }),
    },
  },
  rejections: {},
});

/** What ran, in its order: of every system of this process. */
const ran: string[] = [];

const alarmAggregate = defineAggregate(alarm, {
  initial: () => ({ names: [] as string[], late: [] as number[] }),
  decide: {
    set: (_state, { delays }, { now }) => {
      ran.push('set');
      return {
        events: [{ type: 'Set', data: { count: delays.length } }],
        reply: null,
        timers: delays.map((delay, index) => {
          const name = `t${index}`;
          const dueAt = now + delay;
          return { type: 'set' as const, name, dueAt, command: 'ring', payload: { name, dueAt } };
        }),
      };
    },
    ring: (_state, { name, dueAt }, { now }) => {
      ran.push('ring');
      return { events: [{ type: 'Rang', data: { name, late: now - dueAt } }], reply: null };
    },
  },
  evolve: {
    Set: (state) => state,
    Rang: (state, { name, late }) => {
      state.names.push(name);
      state.late.push(late);
      return state;
    },
  },
  read: { get: ({ names, late }) => ({ names, late }) },
  snapshot: { version: 1 },
});

const modules = [defineModule({ name: 'alarms', aggregates: [alarmAggregate] })];

/** What each of them has rung. */
async function rangIn(system: TestSystem, ids: readonly string[]) {
  const answers = ids.map((id) =>
    system.submit({ type: 'query', kind: 'alarm', id, query: 'get', payload: null }),
  );
  const found: { names: string[]; late: number[] }[] = [];
  for (const ask of answers) {
    const answer = await system.answered(ask);
    if (answer.type !== 'reply') throw new Error(JSON.stringify(answer));
    found.push(answer.reply as { names: string[]; late: number[] });
  }
  return found;
}

t.test('I11: 10,000 timers over crashes and clock jumps: none early, none missing, none twice', async (t) => {
  const random = new SeededRandom(7);
  let system = await TestSystem.start({ modules, shardCount: 2 });
  const ids = Array.from({ length: 100 }, (_, index) => `a${index}`);
  for (const id of ids) {
    const delays = Array.from({ length: 100 }, () => 1_000 + random.below(60_000));
    system.submit(commandCall(alarm, id, 'set', { delays }));
  }
  await system.clock.advance(100);
  for (let life = 0; life < 6; life++) {
    await system.clock.advance(4_000 + random.below(6_000));
    if (life % 2 === 0) await system.swept();
    if (life === 3) system.clock.setWallClock(system.clock.now() - 3_600_000);
    system = await system.crash({ kind: life % 3 === 0 ? 'process' : 'power' });
    if (life === 4) system.clock.setWallClock(system.clock.now() + 3_600_000);
  }
  await system.clock.advance(120_000);
  for (const { names, late } of await rangIn(system, ids)) {
    t.equal(names.length, 100, 'none missing');
    t.equal(new Set(names).size, 100, 'none twice');
    t.ok(
      late.every((ms) => ms >= 0),
      'none early',
    );
  }
  t.equal(
    (await system.metrics()).reduce((sum, shard) => sum + shard.timers, 0),
    0,
  );
  await system.stop();
});

t.test('10,000 sagas that wait cost nothing: one look a second, and nothing is run', async (t) => {
  const system = await TestSystem.start({ modules: [sleepers] });
  const payload = { until: system.clock.now() + 3_600_000 };
  for (let index = 0; index < 10_000; index++)
    system.submit({ type: 'command', kind: sleeper.name, id: `s${index}`, command: 'start', payload });
  await system.clock.advance(5_000);
  await system.swept();
  const [waiting] = await system.metrics();
  t.equal(waiting?.timers, 10_000);
  const before = system.clock.steps;
  await system.clock.advance(60_000);
  const callbacks = system.clock.steps - before;
  t.ok(callbacks < 400, `${callbacks} callbacks in a minute`);
  const [after] = await system.metrics();
  for (const name of ['timersFired', 'commands', 'messages', 'groups', 'slices', 'loads'] as const)
    t.equal(after?.counters[name], waiting?.counters[name], name);
  await system.stop();
});

t.test('50,000 timers that are all due after a restart leave commands their turn', async (t) => {
  let system = await TestSystem.start({ modules, shardCount: 1 });
  const ids = Array.from({ length: 500 }, (_, index) => `a${index}`);
  for (const id of ids) {
    system.submit(commandCall(alarm, id, 'set', { delays: new Array<number>(100).fill(10_000) }));
  }
  await system.clock.advance(2_000);
  await system.swept();
  system.disk.crash('process');
  system.clock.forget();
  await system.clock.advance(60_000);
  system = await system.crash();
  const fired = async (): Promise<number> =>
    (await system.metrics()).reduce((sum, shard) => sum + shard.counters.timersFired, 0);
  await system.ask(commandCall(alarm, 'other', 'set', { delays: [] }));
  const atAnswer = await fired();
  t.ok(atAnswer < 10_000, `answered after ${atAnswer} of them`);
  await system.clock.advance(30_000);
  t.equal(await fired(), 50_000);
  for (const { names } of await rangIn(system, ids)) t.equal(names.length, 100);
  await system.stop();
});

/** Actors with one timer each, all of them due, nobody of them in memory. */
async function manyDue(count: number, options: TestSystemOptions): Promise<TestSystem> {
  const system = await TestSystem.start({ modules, partitionCount: 1 });
  for (let index = 0; index < count; index++)
    system.submit(commandCall(alarm, `a${index}`, 'set', { delays: [10_000] }));
  await system.clock.advance(2_000);
  await system.swept();
  system.disk.crash('process');
  system.clock.forget();
  await system.clock.advance(60_000);
  ran.length = 0;
  return system.crash(options);
}

t.test('timersLoadingMax: no more actors are loaded for their timers at a time', async (t) => {
  const held = gate();
  let asked = 0;
  const system = await manyDue(100, {
    limits: { timersLoadingMax: 30, timersPerTurn: 8 },
    storeAs: (store) => ({
      ...store,
      tables: {
        ...store.tables,
        get: async (partition, table, keys) => {
          if (table === actorTable) {
            asked += keys.length;
            await held.promise;
          }
          return store.tables.get(partition, table, keys);
        },
      },
    }),
  });
  await system.clock.advance(5_000);
  t.equal(asked, 30);
  held.open();
  await system.clock.advance(5_000);
  t.equal(ran.length, 100, 'and all of them in the end');
  await system.stop();
});

t.test('commands have every other turn beside timers whose actors were loaded', async (t) => {
  // A full group ends the turn while hundreds still wait.
  const system = await manyDue(1_000, { limits: { groupCommandsMax: 8 } });
  const other = commandCall(alarm, 'other', 'set', { delays: [] });
  await system.ask(other);
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  await system.clock.until(() => ran.length > 16);
  const first = ran.length;
  const asks = Array.from({ length: 20 }, () => system.submit(other));
  await system.clock.settle();
  held.open();
  for (const ask of asks) await system.answered(ask);
  const meanwhile = ran.slice(first, ran.lastIndexOf('set')).filter((name) => name === 'ring').length;
  t.ok(meanwhile < 60, `${meanwhile} timers beside 20 commands`);
  await system.clock.advance(10_000);
  t.equal(ran.filter((name) => name === 'ring').length, 1_000);
  await system.stop();
});
