/** A throwing `evolve` parks its actor and nobody else (I17, D23). */
import t from 'tap';
import { placementHash } from '../../actors/model/address.js';
import { defineAggregate } from '../../actors/model/aggregate.js';
import { commandCall, queryCall } from '../../actors/model/call.js';
import { defineContract, send } from '../../actors/model/contract.js';
import { defineModule } from '../../actors/model/module.js';
import { Type } from '../../actors/model/typebox.js';
import { entryText } from '../../ops/tools/entry-text.js';
import { actorHash } from '../../persistence/entry.js';
import { readableEntry } from '../../runtime/inspect/readable-entry.js';
import { SchemaCatalogue } from '../../runtime/schema-catalogue.js';
import { counterContract, counterModule } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const add = (id: string, amount = 1) => commandCall(counterContract, id, 'add', { amount });
const curse = (id: string) => commandCall(counterContract, id, 'curse', {});
const none = new Uint8Array(0);
const parked = { type: 'failure', code: 'actor-parked' };

t.test('a throw in evolve refuses the command, and the actor is folded again without its half', async (t) => {
  const system = await TestSystem.start();
  await system.ask(add('a', 5));
  t.match(await system.ask(curse('a')), { type: 'failure', code: 'internal' });
  t.equal((await system.counter('a')).total, 5);
  t.match(await system.ask(add('a')), { reply: { total: 6 }, version: 2 });
  t.equal(scanJournal(system.disk).length, 2);
  await system.stop();
});

t.test('what is reported of a throw names the command and its trace', async (t) => {
  const system = await TestSystem.start();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  for (const command of ['throwInDecide', 'curse'] as const) {
    const ask = system.submit(commandCall(counterContract, 'a', command, {}), { traceparent });
    t.match(await system.answered(ask), { code: 'internal' });
    const threw = system.reports.findLast(({ event }) => event === 'actor-threw');
    t.match(threw?.details, { command, command_id: ask.commandId, traceparent });
  }
  await system.stop();
});

t.test(
  'a failure is not recorded under its key: the same key runs again, and leaves one record',
  async (t) => {
    const system = await TestSystem.start({ modules: [counterModule({ mended: false })] });
    t.match(await system.answered(system.submitKeyed(curse('a'), 'k')), {
      code: 'internal',
      type: 'failure',
    });
    t.equal(scanJournal(system.disk).length, 0);
    const repeats = [system.submitKeyed(curse('a'), 'k'), system.submitKeyed(curse('a'), 'k')];
    for (const repeat of repeats)
      t.match(await system.answered(repeat), { code: 'internal', type: 'failure' });
    const mended = await system.restart({ modules: [counterModule({ mended: true })] });
    t.match(await mended.answered(mended.submitKeyed(curse('a'), 'k')), { type: 'reply', replayed: false });
    t.equal(scanJournal(mended.disk).length, 1);
    await mended.stop();
  },
);

t.test('commands behind a throwing one in the same turn see the state without it', async (t) => {
  const system = await TestSystem.start();
  const asks = [add('a', 5), curse('a'), add('a', 1), curse('a'), add('a', 1)].map((call) =>
    system.submit(call),
  );
  await system.clock.settle();
  t.same(
    asks.map(({ answer }) => answer?.type),
    ['reply', 'failure', 'reply', 'failure', 'reply'],
  );
  t.match(asks.at(-1)?.answer, { reply: { total: 7 }, version: 3 });
  scanJournal(system.disk);
  await system.stop();
});

t.test(
  'the third throw parks the actor; others go on, tables and checkpoint advance, a restart still knows it',
  async (t) => {
    let system = await TestSystem.start({ partitionCount: 1 });
    await system.ask(add('a', 5));
    for (let index = 0; index < 3; index++) t.match(await system.ask(curse('a')), { code: 'internal' });
    t.match(await system.ask(add('a')), parked);
    t.match(await system.ask(queryCall(counterContract, 'a', 'get', {})), parked);
    t.match(await system.ask(add('b')), { type: 'reply' });
    t.equal((await system.metrics())[0]?.counters.parkedActors, 1);
    await system.swept();
    t.equal(system.disk.checkpoint(0).position, system.disk.flushedPosition(0));
    system = await system.crash();
    t.equal((await system.counter('a')).total, 5, 'nothing in its history throws');
    await system.stop();
  },
);

t.test('strikes far apart are forgotten, whatever succeeds between them counts for nothing', async (t) => {
  const strikeMemoryMs = 10_000;
  const system = await TestSystem.start({ limits: { strikeMemoryMs } });
  for (let index = 0; index < 5; index++) {
    t.match(await system.ask(curse('a')), { code: 'internal' });
    await system.clock.advance(strikeMemoryMs + 1);
  }
  for (let index = 0; index < 3; index++) {
    t.match(await system.ask(add('a')), { type: 'reply' });
    t.match(await system.ask(curse('a')), { code: 'internal' });
  }
  t.match(await system.ask(add('a')), parked);
  await system.stop();
});

t.test(
  'an actor that comes with three strikes is parked unread, its state kept; with two it is tried',
  async (t) => {
    let system = await TestSystem.start({ partitionCount: 1 });
    await system.ask(add('a', 5));
    await system.ask(add('b', 5));
    const at = system.clock.now();
    const struck = ['a', 'b'].map((id, index) => {
      return { placement: placementHash(id), hash: actorHash('counter', id), count: 3 - index, at };
    });
    system = await system.crash({ struck });
    t.match(await system.ask(add('a')), parked);
    t.match(await system.ask(add('b')), { reply: { total: 6 } });
    await system.swept();
    t.equal(system.disk.checkpoint(0).position, system.disk.flushedPosition(0), 'it holds up no checkpoint');
    system = await system.crash({ struck: [] });
    t.equal((await system.counter('a')).total, 5);
    await system.stop();
  },
);

t.test('an actor whose history throws is parked at its load; mended code has all its events', async (t) => {
  for (const isSweptBefore of [false, true]) {
    let system = await TestSystem.start({ partitionCount: 1, modules: [counterModule({ mended: true })] });
    await system.ask(add('a', 5));
    if (isSweptBefore) await system.swept();
    await system.ask(curse('a'));
    await system.ask(add('b', 1));
    system = await system.crash({ modules: [counterModule()] });
    t.match(await system.ask(add('a')), parked, `swept ${isSweptBefore}`);
    t.match(await system.ask(add('b')), { reply: { total: 2 } });
    await system.swept();
    t.equal(system.disk.checkpoint(0).position, system.disk.flushedPosition(0), 'it holds up no checkpoint');
    await system.ask(add('b'));
    await system.stop();
    system = await TestSystem.start({ disk: system.disk, modules: [counterModule({ mended: true })] });
    t.match(await system.ask(add('a')), { reply: { total: 1_006 }, version: 4 });
    scanJournal(system.disk);
    await system.stop();
  }
});

t.test('a message to a parked actor is refused to its sender, and the channel goes on', async (t) => {
  const system = await TestSystem.start({ partitionCount: 1 });
  for (let index = 0; index < 3; index++) await system.ask(curse('a'));
  await system.ask(commandCall(counterContract, 's', 'tell', { to: 'a', first: 1, count: 2, tag: 't' }));
  await system.ask(commandCall(counterContract, 's', 'tell', { to: 'b', first: 1, count: 1 }));
  await system.clock.advance(100);
  t.same((await system.counter('s')).heard, ['t1=actor-parked', 't2=actor-parked']);
  t.same((await system.counter('b')).received, ['s:1']);
  await system.stop();
});

t.test(
  'a reply to a parked actor is kept, over crashes too, and given once after it was unparked',
  async (t) => {
    const [sender, target] = idsOn(2);
    const tell = commandCall(counterContract, sender, 'tell', { to: target, first: 1, count: 1, tag: 't' });
    const never = new Promise<undefined>(() => undefined);
    for (const { commits, isSwept } of [
      { commits: 1, isSwept: false },
      { commits: 1, isSwept: true },
      { commits: 2, isSwept: false },
    ]) {
      let system = await TestSystem.start({ partitionCount: 2, limits: { groupCommandsMax: 1 } });
      const at = system.clock.now();
      const struck = [{ placement: placementHash(sender), hash: actorHash('counter', sender), count: 3, at }];
      for (let index = 0; index < commits; index++) system.script.onNextAppend(undefined);
      system.script.onNextAppend({ type: 'delay', at: 'request', until: never });
      system.submit(tell);
      await system.clock.until(() => system.script.isSpent);
      for (let life = 0; life < 2; life++) {
        system = await system.crash({ struck });
        await system.clock.advance(1_000);
        t.match(await system.ask(add(sender)), parked);
        t.same((await system.counter(target)).received, [`${sender}:1`]);
        if (isSwept) await system.swept();
      }
      await system.unpark('counter', sender);
      for (let life = 0; life < 2; life++) {
        await system.clock.advance(1_000);
        t.same((await system.counter(sender)).heard, ['t1=reply'], `life ${life}, swept ${isSwept}`);
        system = await system.restart({ struck: [] });
      }
      await system.stop();
    }
  },
);

t.test('a reply that the code of its actor cannot take is given again once that was mended', async (t) => {
  let system = await TestSystem.start({ partitionCount: 1, modules: [counterModule({ deaf: true })] });
  await system.ask(add('b'));
  await system.ask(commandCall(counterContract, 'a', 'tell', { to: 'b', first: 1, count: 3, tag: 't' }));
  await system.clock.advance(60_000);
  t.match(await system.ask(add('a')), parked);
  t.equal(system.countOf('actor-threw'), 3, 'it is not tried for ever');
  system = await system.crash({ modules: [counterModule()] });
  await system.clock.advance(1_000);
  t.same((await system.counter('a')).heard.toSorted(), ['t1=reply', 't2=reply', 't3=reply']);
  t.same((await system.counter('b')).received, ['a:1', 'a:2', 'a:3']);
  scanJournal(system.disk);
  const words = { catalogue: SchemaCatalogue.parse(await system.store.readManifest()), kinds: undefined };
  const entries = Array.from({ length: system.disk.flushedPosition(0) }, (_, index) => {
    return readableEntry(words, {
      position: index + 1,
      bytes: system.disk.entry(0, index + 1)?.bytes ?? none,
    });
  });
  t.match(entries.map(entryText).join('\n'), /timer {4}reply m0\.\d+\.\d+ at \S+: reply to receive/);
  await system.stop();
});

t.test('a timer that falls due while its actor is parked rings once after it was unparked', async (t) => {
  let system = await TestSystem.start();
  await system.ask(add('a'));
  const dueAt = system.clock.now() + 5_000;
  await system.ask(commandCall(counterContract, 'a', 'schedule', { name: 't', dueAt }));
  for (let index = 0; index < 3; index++) await system.ask(curse('a'));
  await system.clock.advance(10_000);
  await system.unpark('counter', 'a');
  for (let life = 0; life < 2; life++) {
    await system.clock.advance(1_000);
    t.match((await system.counter('a')).rang, [/^t@/], `life ${life}`);
    system = await system.restart();
  }
  await system.stop();
});

t.test('a wait on an actor that is parked ends with that answer', async (t) => {
  const system = await TestSystem.start();
  await system.ask(commandCall(counterContract, 'a', 'open', {}));
  const wait = system.submit({ ...queryCall(counterContract, 'a', 'status', {}), waitMs: 60_000 });
  await system.clock.settle();
  for (let index = 0; index < 3; index++) await system.ask(curse('a'));
  await system.clock.settle();
  t.match(wait.answer, parked);
  await system.stop();
});

t.test('a store that cannot be read parks nobody', async (t) => {
  let failures = 0;
  let system = await TestSystem.start();
  await system.ask(add('a', 5));
  await system.restart();
  system = await TestSystem.start({
    disk: system.disk,
    clock: system.clock,
    storeAs: (store) => ({
      ...store,
      tables: {
        ...store.tables,
        get: async (partition, table, keys) => {
          if (table !== 'actor' || ++failures > 8) return store.tables.get(partition, table, keys);
          throw Object.assign(new Error('no answer'), { code: 'store-broken' });
        },
      },
    }),
  });
  t.match(await system.ask(add('a')), { reply: { total: 6 } });
  t.ok(failures > 8);
  t.equal(system.countOf('actors-not-loadable'), 1, 'said once');
  await system.stop();
});

t.test(
  'a state that cannot be stored holds up no checkpoint: its actor is folded from the journal',
  async (t) => {
    const modules = [counterModule({ unstorableState: true })];
    let system = await TestSystem.start({ partitionCount: 1, modules });
    await system.ask(add('a', 5));
    await system.ask(add('b', 1));
    await system.swept();
    t.ok(system.countOf('state-not-storable') > 0);
    t.same(system.fatal, []);
    system = await system.crash();
    t.equal((await system.counter('a')).total, 5);
    await system.stop();
  },
);

const nested = (depth: number): unknown => (depth === 0 ? 1 : { of: nested(depth - 1) });
const circle: Record<string, unknown> = {};
circle.of = circle;
const beyond64 = 2n ** 64n;
const order = (id: string, more: object = {}) => ({ kind: 'odd', id, command: 'take', payload: {}, ...more });
const holding = (value: unknown) => ({ events: [{ type: 'Held', data: { value } }], reply: null });

/** What plain JavaScript may return where a decision belongs, and what it comes to. */
const oddities: Readonly<Record<string, readonly [returns: () => unknown, code: string]>> = {
  nothing: [() => undefined, 'internal'],
  'a number': [() => 5, 'internal'],
  'one event': [() => ({ events: { type: 'Held', data: { value: 1 } }, reply: null }), 'internal'],
  'no event': [() => ({ events: [null], reply: null }), 'internal'],
  'one message': [() => ({ messages: order('b'), reply: null }), 'internal'],
  'a tag without text': [() => ({ messages: [order('b', { tag: Symbol('tag') })], reply: null }), 'internal'],
  'a payload beyond 64 bits': [
    () => ({ messages: [order('b', { command: 'hold', payload: { value: beyond64 } })], reply: null }),
    'internal',
  ],
  'one timer': [() => ({ timers: { type: 'cancel', name: 'x' }, reply: null }), 'internal'],
  'a promise': [() => Promise.reject(new Error('a promise was told to fail')), 'internal'],
  'a reply to come': [() => ({ reply: () => Promise.reject(new Error('so was a reply')) }), 'internal'],
  'a bigint beyond 64 bits': [() => holding(beyond64), 'internal'],
  'one below them': [() => holding(-(2n ** 63n) - 1n), 'internal'],
  'one inside a list': [() => holding([1, { of: beyond64 }]), 'internal'],
  'one in the reply': [() => ({ reply: beyond64 }), 'internal'],
  'a value too deep': [() => holding(nested(5_000)), 'internal'],
  'a value in itself': [() => holding(circle), 'internal'],
  'a key __proto__': [() => holding(JSON.parse('{"a":{"__proto__":{"b":1}}}')), 'internal'],
  'a no without text': [() => ({ type: 'rejection', code: 'no', detail: new Error('why') }), 'no'],
  'a no with a symbol': [() => ({ type: 'rejection', code: 'no', detail: Symbol('why') }), 'no'],
};

const oddContract = defineContract({
  kind: 'odd',
  events: { Held: { version: 1, schema: Type.Object({ value: Type.Unknown() }) } },
  commands: {
    decide: { version: 1, input: Type.Object({ oddity: Type.String() }), reply: Type.Unknown() },
    hear: { version: 1, input: Type.Object({ oddity: Type.String() }), reply: Type.Null() },
    hold: { version: 1, input: Type.Object({ value: Type.Unknown() }), reply: Type.Null() },
    take: { version: 1, input: Type.Object({}), reply: Type.Null() },
  },
  queries: { read: { input: Type.Object({ oddity: Type.String() }), reply: Type.Unknown() } },
  rejections: { no: 409 },
});

const odd = defineAggregate(oddContract, {
  initial: () => ({ held: 0 }),
  decide: {
    decide: (_state, { oddity }) => oddities[oddity]?.[0]() as never,
    hear: (_state, { oddity }, ctx) => ({
      messages: [{ ...send(oddContract, ctx.id, 'take', {}), tag: oddity }],
      reply: null,
    }),
    hold: (_state, { value }) => ({ events: [{ type: 'Held', data: { value } }], reply: null }),
    take: () => ({ reply: null }),
  },
  evolve: { Held: (state) => ({ held: state.held + 1 }) },
  read: { read: ({ held }, { oddity }) => (oddity === '' ? held : (oddities[oddity]?.[0]() as never)) },
  onReply: (_state, { tag }) => oddities[tag]?.[0]() as never,
  snapshot: { version: 1 },
});

t.test('whatever an actor returns, the shard goes on, and nothing of it is in the log', async (t) => {
  const modules = [defineModule({ name: 'oddities', aggregates: [odd] })];
  const system = await TestSystem.start({ partitionCount: 1, modules });
  const held = { value: [2n ** 64n - 1n, -(2n ** 63n), nested(400)] };
  t.match(await system.ask(commandCall(oddContract, 'a', 'hold', held)), { type: 'reply', version: 1 });
  for (const [oddity, [, code]] of Object.entries(oddities)) {
    t.match(await system.ask(commandCall(oddContract, 'a', 'decide', { oddity })), { code }, oddity);
    t.match(await system.ask(commandCall(oddContract, 'a', 'hear', { oddity })), { reply: null }, oddity);
    await system.clock.settle();
  }
  for (const oddity of ['a promise', 'one in the reply', 'a value too deep', 'a no without text'])
    t.match(
      await system.ask(queryCall(oddContract, 'a', 'read', { oddity })),
      { code: /internal|no/ },
      oddity,
    );
  const next = await system.restart();
  t.match(await next.ask(queryCall(oddContract, 'a', 'read', { oddity: '' })), { reply: 1, version: 1 });
  t.same(next.fatal, []);
  await next.stop();
});

t.test('an evolve that gives no state, or only later, is one that throws, at a load too', async (t) => {
  const nothing = Type.Object({});
  const contract = defineContract({
    kind: 'late',
    events: {
      Forgot: { version: 1, schema: nothing },
      Promised: { version: 1, schema: nothing },
    },
    commands: {
      forget: { version: 1, input: nothing, reply: Type.Null() },
      promise: { version: 1, input: nothing, reply: Type.Null() },
    },
    queries: { count: { input: nothing, reply: Type.Integer() } },
    rejections: {},
  });
  const modules = (isMended: boolean) => {
    const late = defineAggregate(contract, {
      initial: () => ({ count: 0 }),
      decide: {
        forget: () => ({ events: [{ type: 'Forgot', data: {} }], reply: null }),
        promise: () => ({ events: [{ type: 'Promised', data: {} }], reply: null }),
      },
      evolve: {
        Forgot: ({ count }) => (isMended ? { count: count + 1 } : (undefined as never)),
        Promised: ({ count }) =>
          isMended
            ? { count: count + 1 }
            : (Promise.reject(new Error('a promise was told to fail')) as never),
      },
      read: { count: ({ count }) => count },
      snapshot: { version: 1 },
    });
    return [defineModule({ name: 'lates', aggregates: [late] })];
  };
  const count = (id: string) => queryCall(contract, id, 'count', {});
  for (const command of ['forget', 'promise'] as const) {
    let system = await TestSystem.start({ partitionCount: 1, modules: modules(false) });
    t.match(await system.ask(commandCall(contract, 'a', command, {})), { code: 'internal' });
    t.match(await system.ask(count('a')), { reply: 0, version: 0 });
    system = await system.restart({ modules: modules(true) });
    t.match(await system.ask(commandCall(contract, 'a', command, {})), { type: 'reply', version: 1 });
    system = await system.crash({ modules: modules(false) });
    t.match(await system.ask(count('a')), parked);
    t.match(await system.ask(count('b')), { reply: 0 });
    system = await system.crash({ modules: modules(true) });
    t.match(await system.ask(count('a')), { reply: 1, version: 1 });
    await system.stop();
  }
});

t.test('a fold that throws half way forgets nothing of the history', async (t) => {
  const jarContract = defineContract({
    kind: 'jar',
    events: {
      Put: { version: 1, schema: Type.Object({ amount: Type.Integer() }) },
      Broken: { version: 1, schema: Type.Object({}) },
    },
    commands: {
      put: { version: 1, input: Type.Object({ amount: Type.Integer() }), reply: Type.Null() },
      break: { version: 1, input: Type.Object({}), reply: Type.Null() },
    },
    queries: { get: { input: Type.Object({}), reply: Type.Object({ total: Type.Integer() }) } },
    rejections: {},
  });
  for (const isSwept of [false, true]) {
    let throwsLeft = 0;
    const jar = defineAggregate(jarContract, {
      initial: () => ({ total: 0 }),
      decide: {
        put: (_state, { amount }) => ({ events: [{ type: 'Put', data: { amount } }], reply: null }),
        break: () => ({ events: [{ type: 'Broken', data: {} }], reply: null }),
      },
      evolve: {
        Put: ({ total }, { amount }) => {
          if (throwsLeft-- > 0) throw new Error('once');
          return { total: total + amount };
        },
        Broken: () => {
          throwsLeft = 1;
          throw new Error('broken');
        },
      },
      read: { get: ({ total }) => ({ total }) },
      snapshot: { version: 1 },
    });
    const modules = [defineModule({ name: 'jars', aggregates: [jar] })];
    let system = await TestSystem.start({ partitionCount: 1, modules });
    const put = (amount: number) => commandCall(jarContract, 'a', 'put', { amount });
    const get = () => system.ask(queryCall(jarContract, 'a', 'get', {}));
    await system.ask(put(5));
    if (isSwept) await system.swept();
    await system.ask(put(7));
    t.match(await system.ask(commandCall(jarContract, 'a', 'break', {})), { code: 'internal' });
    t.match(await get(), { reply: { total: 12 }, version: 2 });
    t.match(await system.ask(put(1)), { version: 3 });
    await system.swept();
    system = await system.crash();
    t.match(await get(), { reply: { total: 13 }, version: 3 });
    scanJournal(system.disk);
    await system.stop();
  }
});
