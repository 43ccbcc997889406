/** A command with a key runs once, and every repeat hears the same (I2, I14, D18, D30). */
import t from 'tap';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { commandCall } from '../../actors/model/call.js';
import { defineContract, send, type Upcasters } from '../../actors/model/contract.js';
import { defineModule, type Module } from '../../actors/model/module.js';
import { type Static, Type } from '../../actors/model/typebox.js';
import { gate } from '../../persistence/memory/memory-faults.js';
import { counterContract } from '../support/counter-module.js';
import { executionsByCommand, scanJournal } from '../support/journal-scan.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const refuse = (id: string) => commandCall(counterContract, id, 'refuse', {});
const first = { type: 'reply', reply: { total: 5 }, version: 1, replayed: false };
const again = { ...first, replayed: true };

t.test('five at once run once; four hear that theirs is a repeat', async (t) => {
  const system = await TestSystem.start();
  const asks = Array.from({ length: 5 }, () => system.submitKeyed(add('a', 5), 'key'));
  await system.clock.settle();
  t.same(
    asks.map(({ answer }) => answer),
    [first, again, again, again, again],
  );
  t.equal(executionsByCommand(scanJournal(system.disk)).get(asks[0]?.commandId ?? ''), 1);
  await system.stop();
});

t.test('a repeat that comes while the first is being committed waits with it', async (t) => {
  const system = await TestSystem.start();
  const held = gate();
  system.script.onNextAppend({ type: 'delay', at: 'flush', until: held.promise });
  const one = system.submitKeyed(add('a', 5), 'key');
  await system.clock.settle();
  const two = system.submitKeyed(add('a', 5), 'key');
  const other = system.submitKeyed(add('a', 5), 'key', 'another');
  await system.clock.settle();
  t.equal(one.answer, undefined);
  t.equal(two.answer, undefined);
  t.match(other.answer, { type: 'failure', code: 'idempotency-key-reused' });
  held.open();
  await system.clock.settle();
  t.same([one.answer, two.answer], [first, again]);
  await system.stop();
});

t.test(
  'a repeat is answered from the record: later, after a crash, after a sweep, after a stop',
  async (t) => {
    let system = await TestSystem.start();
    t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), first);
    t.match(await system.answered(system.submitKeyed(refuse('a'), 'no')), {
      type: 'rejection',
      detail: 'at 5',
    });
    const rounds: readonly (readonly [string, () => Promise<TestSystem>])[] = [
      ['after its commit', async () => system],
      ['from the tail', () => system.crash()],
      ['after a sweep', () => system.swept().then(() => system)],
      ['from a segment', () => system.crash()],
      ['after an orderly stop', () => system.restart()],
    ];
    for (const [when, renew] of rounds) {
      system = await renew();
      t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), again, when);
      t.match(
        await system.answered(system.submitKeyed(refuse('a'), 'no')),
        { type: 'rejection', code: 'refused', detail: 'at 5', replayed: true },
        when,
      );
      t.match(
        await system.answered(system.submitKeyed(add('a', 5), 'key', 'another')),
        { type: 'failure', code: 'idempotency-key-reused' },
        when,
      );
      await system.answered(system.submit(add('a', 0)));
    }
    t.equal((await system.counter('a')).total, 5);
    for (const count of executionsByCommand(scanJournal(system.disk)).values()) t.equal(count, 1);
    await system.stop();
  },
);

t.test('a rejection stays, although the state would allow the command now', async (t) => {
  const system = await TestSystem.start();
  t.match(await system.answered(system.submitKeyed(refuse('a'), 'key')), { detail: 'at 0', replayed: false });
  await system.ask(add('a', 5));
  t.match(await system.answered(system.submitKeyed(refuse('a'), 'key')), { detail: 'at 0', replayed: true });
  t.match(await system.ask(refuse('a')), { detail: 'at 5' }, 'without a key it is decided anew');
  await system.stop();
});

t.test('a command that was refused by the store runs when it is repeated', async (t) => {
  const system = await TestSystem.start();
  system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
  const asks = [system.submitKeyed(add('a', 5), 'key'), system.submitKeyed(add('a', 5), 'key')];
  for (const ask of asks)
    t.match(await system.answered(ask), { type: 'failure', code: 'storage-unavailable' });
  await system.clock.advance(100);
  t.same(await system.answered(system.submitKeyed(add('a', 5), 'key')), first);
  await system.stop();
});

/** A store whose reads of segments wait for `until`. */
const slowLooks = (until: () => Promise<void>) => ({
  storeAs: (store: TestSystem['store']): TestSystem['store'] => ({
    ...store,
    tables: {
      ...store.tables,
      get: async (partition, table, keys) => {
        if (table === 'outcome' && keys[0] !== 'directory') await until();
        return store.tables.get(partition, table, keys);
      },
    },
  }),
});

t.test(
  'a command that is being looked up when the domain is reset is refused, and a repeat runs once',
  async (t) => {
    let wait = Promise.resolve();
    let system = await TestSystem.start({ partitionCount: 1 });
    await system.answered(system.submitKeyed(add('a', 5), 'key'));
    await system.restart();
    system = await TestSystem.start({ disk: system.disk, clock: system.clock, ...slowLooks(() => wait) });
    const held = gate();
    wait = held.promise;
    const looked = system.submitKeyed(add('a', 5), 'key');
    await system.clock.settle();
    system.script.onNextAppend({ type: 'refuse', detail: 'no room' });
    t.match(await system.ask(add('b')), { code: 'storage-unavailable' });
    t.match(looked.answer, { type: 'failure', code: 'storage-unavailable' });
    wait = Promise.resolve();
    held.open();
    await system.clock.advance(1_000);
    t.match(await system.answered(system.submitKeyed(add('a', 5), 'key')), again);
    t.equal(looked.answers.length, 1);
    t.equal((await system.counter('a')).total, 5);
    await system.stop();
  },
);

t.test('a command runs on the living actor, although its actor was passivated during the look', async (t) => {
  const settings = { partitionCount: 1, limits: { activationsMax: 1, sweepPeriodMs: 20 } };
  let wait = Promise.resolve();
  let system = await TestSystem.start(settings);
  await system.answered(system.submitKeyed(add('a', 5), 'key'));
  await system.restart();
  const held = gate();
  // Segments that were not read yet may hold any id.
  wait = held.promise;
  system = await TestSystem.start({
    ...settings,
    disk: system.disk,
    clock: system.clock,
    ...slowLooks(() => wait),
  });
  await system.counter('a');
  const slow = Array.from({ length: 20 }, (_, index) => system.submitKeyed(add('a', 1), `other${index}`));
  await system.clock.settle();
  t.equal(slow[0]?.answer, undefined);
  for (let index = 0; index < 10; index++) await system.counter(`b${index}`);
  await system.ask(add('a', 100));
  await system.swept();
  for (let index = 0; index < 10; index++) await system.counter(`c${index}`);
  held.open();
  for (const ask of slow) await system.answered(ask);
  t.equal((await system.counter('a')).total, 125);
  scanJournal(system.disk);
  await system.stop();
});

const Seat = Type.Object({ left: Type.Integer() });
const SeatInRow = Type.Object({ left: Type.Integer(), row: Type.Integer() });
type SeatUpcasters = Upcasters<Static<typeof SeatInRow>>;

/** Seats of a show: `take` answers with one field in version 1, with two from version 2 on; `guess` always with one. */
function shows(version: number, upcastReply?: SeatUpcasters) {
  const nothing = Type.Object({});
  const upcast = version === 1 ? {} : { upcast: { 1: () => ({}) } };
  const contract = defineContract({
    kind: 'show',
    events: {
      Taken: { version: 1, schema: nothing },
      Heard: { version: 1, schema: Type.Object({ text: Type.String() }) },
    },
    commands: {
      take: {
        ...{
          version,
          input: nothing,
          reply: version === 1 ? (Seat as unknown as typeof SeatInRow) : SeatInRow,
        },
        ...{ ...upcast, ...(upcastReply === undefined ? {} : { upcastReply }) },
      },
      guess: { version, input: nothing, reply: Seat, ...upcast },
      order: { version: 1, input: Type.Object({ from: Type.String() }), reply: Type.Null() },
    },
    queries: { heard: { input: nothing, reply: Type.Array(Type.String()) } },
    rejections: {},
  });
  const aggregate = defineAggregate(contract, {
    initial: () => ({ taken: 0, heard: [] as string[] }),
    decide: {
      take: () => ({ events: [{ type: 'Taken', data: {} }], reply: { left: 1, row: 2 } }),
      guess: () => ({ reply: { left: 1 } }),
      order: (_state, { from }) => ({
        messages: [{ ...send(contract, from, 'take', {}), tag: 'seat' }],
        reply: null,
      }),
    },
    evolve: {
      Taken: (state) => ({ ...state, taken: state.taken + 1 }),
      Heard: (state, { text }) => ({ ...state, heard: [...state.heard, text] }),
    },
    read: { heard: ({ heard }) => heard },
    onReply: (_state, { outcome, isUnrecorded }) => {
      const code = outcome.type === 'reply' ? JSON.stringify(outcome.reply) : outcome.code;
      const text = isUnrecorded === true ? `${code}, unrecorded` : code;
      return { events: [{ type: 'Heard', data: { text } }], reply: undefined };
    },
    snapshot: { version: 1 },
  });
  const modules: Module[] = [defineModule({ name: 'shows', aggregates: [aggregate] })];
  return { contract, modules };
}

t.test('a recorded reply is read under a later version: as it stands, upcast, or not at all', async (t) => {
  const past = shows(1);
  const keyed = (system: TestSystem, { contract }: typeof past, command: 'take' | 'guess') =>
    system.answered(system.submitKeyed(commandCall(contract, 'opera', command, {}), command));
  let system = await TestSystem.start({ modules: past.modules });
  t.match(await keyed(system, past, 'take'), { reply: { left: 1 }, replayed: false });
  t.match(await keyed(system, past, 'guess'), { reply: { left: 1 }, replayed: false });

  const bare = shows(2);
  system = await system.restart({ modules: bare.modules });
  t.match(await keyed(system, bare, 'guess'), { reply: { left: 1 }, replayed: true }, 'the same field list');
  t.match(await keyed(system, bare, 'take'), { type: 'failure', code: 'outcome-unknown' });
  t.equal(system.countOf('reply-unreadable'), 1);

  const throwing = shows(2, {
    1: () => {
      throw new Error('upcaster was told to throw');
    },
  });
  system = await system.restart({ modules: throwing.modules });
  t.match(await keyed(system, throwing, 'take'), { type: 'failure', code: 'outcome-unknown' });

  const mended = shows(2, { 1: ([left]) => ({ left: left as number, row: 0 }) });
  system = await system.restart({ modules: mended.modules });
  t.match(await keyed(system, mended, 'take'), { reply: { left: 1, row: 0 }, replayed: true });
  t.equal(scanJournal(system.disk).length, 2, 'nothing ran twice');
  await system.stop();
});

t.test('a reply under way that the next program cannot read is told as done, outcome unknown', async (t) => {
  const past = shows(1);
  const next = shows(2);
  const [orderer, other] = idsOn(2);
  const heard: unknown[] = [];
  for (let commits = 0; commits < 4; commits++) {
    const options = { modules: past.modules, partitionCount: 2, limits: { groupCommandsMax: 1 } };
    const system = await TestSystem.start(options);
    for (let count = 0; count < commits; count++) system.script.onNextAppend(undefined);
    system.script.onNextAppend({ type: 'delay', at: 'reply', until: gate().promise });
    system.submit(commandCall(past.contract, orderer, 'order', { from: other }));
    await system.clock.advance(100);
    const later = await system.crash({ modules: next.modules });
    await later.clock.advance(100);
    const call = { type: 'query', kind: 'show', id: orderer, query: 'heard', payload: {} } as const;
    const answer = await later.ask(call);
    heard.push(answer.type === 'reply' ? answer.reply : answer);
    await later.stop();
  }
  t.match(JSON.stringify(heard), /outcome-unknown, unrecorded/);
});
