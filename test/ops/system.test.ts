/** `createSystem`: a system in this process, over memory and over the embedded store, on one thread and on several. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createSystem, type System } from '../../ops/index.js';
import { temporaryDirectory } from '../support/server.js';
import counters, { counterContract, move } from './fixtures/counter-app.js';

const moduleFile = new URL('./fixtures/counter-app.js', import.meta.url);

async function exercise(system: System, id: string): Promise<number | undefined> {
  const result = await system.call(counterContract, id, 'add', { amount: 2 });
  return result.ok ? result.reply.total : undefined;
}

t.test('actors answer in process, typed, without a server or a file', async (t) => {
  const system = await createSystem({ modules: [counters] });
  t.equal(await exercise(system, 'a'), 2);
  t.equal(await exercise(system, 'a'), 4);
  t.equal(await exercise(system, 'b'), 2);
  t.match(await system.call(counterContract, 'a', 'add', { amount: 5_000 }), {
    ok: false,
    type: 'rejection',
    code: 'too-much',
  });
  t.match(await system.query(counterContract, 'a', 'total', {}), {
    ok: true,
    reply: { total: 4 },
    version: 2,
  });
  const history = await system.history(counterContract, 'a');
  t.match(history, { ok: true, reply: { events: [{ type: 'Added' }, { type: 'Added' }] } });
  await system.stop();
});

t.test('one idempotency key is one command, however often it is called', async (t) => {
  const system = await createSystem({ modules: [counters] });
  const add = () => system.call(counterContract, 'a', 'add', { amount: 1 }, { idempotencyKey: 'k' });
  const results = await Promise.all([add(), add(), add(), add(), add()]);
  t.same(
    results.map((result) => result.ok && result.reply.total),
    [1, 1, 1, 1, 1],
  );
  t.equal(results.filter((result) => result.ok && !result.replayed).length >= 1, true);
  t.match(await system.call(counterContract, 'a', 'add', { amount: 2 }, { idempotencyKey: 'k' }), {
    ok: false,
    code: 'idempotency-key-reused',
  });
  await system.stop();
});

for (const shards of [0, 2]) {
  t.test(`what was answered is there after a restart, with ${shards} shards on threads`, async (t) => {
    const directory = path.join(temporaryDirectory(t), 'data');
    const store = { type: 'embedded', directory } as const;
    const first = await createSystem({ moduleFile, store, shards });
    for (const id of ['a', 'b', 'c', 'd']) t.equal(await exercise(first, id), 2);
    await first.stop();
    const second = await createSystem({ moduleFile, store, shards });
    for (const id of ['a', 'b', 'c', 'd']) t.equal(await exercise(second, id), 4, id);
    await second.stop();
  });

  t.test(`O2: two that stop it at once wait for one end, with ${shards} shards on threads`, async (t) => {
    const directory = path.join(temporaryDirectory(t), 'data');
    const store = { type: 'embedded', directory } as const;
    const system = await createSystem({ moduleFile, store, shards });
    await Promise.all([system.stop(), system.stop()]);
    const next = await createSystem({ moduleFile, store, shards });
    await system.stop();
    t.equal(await exercise(next, 'a'), 2, 'and an old one stopped again harms nobody');
    await next.stop();
  });
}

t.test('H1: a shard whose thread ends is said to be lost once, and its callers are told so', async (t) => {
  const directory = path.join(temporaryDirectory(t), 'data');
  const store = { type: 'embedded', directory } as const;
  const fatal: unknown[] = [];
  const options = { moduleFile, store, shards: 2, report: () => {} };
  const system = await createSystem({ ...options, onFatal: (error) => fatal.push(error) });
  t.equal(await exercise(system, 'a'), 2);
  t.match(await system.call(counterContract, 'a', 'quit', {}), { ok: false, code: 'outcome-unknown' });
  t.match(fatal, [{ message: 'exit code 3' }]);
  await system.stop();
  const again = await createSystem(options);
  t.equal(await exercise(again, 'a'), 4, 'what was answered is there');
  await again.stop();
});

t.test('O2: when one shard cannot open, nothing stays open', async (t) => {
  const folder = temporaryDirectory(t);
  const store = { type: 'embedded', directory: path.join(folder, 'data') } as const;
  const refusing = path.join(folder, 'refusing.mjs');
  writeFileSync(
    refusing,
    `import { isMainThread } from 'node:worker_threads';
     if (!isMainThread) throw new Error('not on this thread');
     export { default } from ${JSON.stringify(moduleFile.href)};`,
  );
  await t.rejects(createSystem({ moduleFile: refusing, store, shards: 2 }), /not on this thread/);
  const system = await createSystem({ moduleFile, store, shards: 2 });
  t.equal(await exercise(system, 'a'), 2);
  await system.stop();
});

t.test(
  'a saga is started with its input and waited for, and turns back when a step is refused',
  async (t) => {
    const system = await createSystem({ modules: [counters] });
    const total = async (id: string): Promise<number | undefined> => {
      const result = await system.query(counterContract, id, 'total', {});
      return result.ok ? result.reply.total : undefined;
    };
    const wait = { waitMs: 10_000 };
    t.match(await system.start(move, 'm1', { from: 'a', to: 'b', amount: 30 }, wait), {
      ok: true,
      reply: { saga_id: 'm1', definition_name: 'move', state: 'completed' },
    });
    t.same([await total('a'), await total('b')], [-30, 30]);
    const refused = await system.start(move, 'm2', { from: 'a', to: 'b', amount: 999 }, wait);
    t.match(refused, { ok: true, reply: { state: 'compensated', errors: [/too-much/] } });
    t.same([await total('a'), await total('b')], [-30, 30]);
    t.match(await system.status(move, 'm1'), { ok: true, reply: { state: 'completed' } });
    t.match(await system.start(move, 'm1', { from: 'a', to: 'b', amount: 1 }), {
      ok: false,
      code: 'saga-exists',
    });
    // @ts-expect-error: the amount is an integer
    t.match(await system.start(move, 'm3', { from: 'a', to: 'b', amount: 'much' }), {
      code: 'validation-failed',
    });
    await system.stop();
  },
);

t.test('the package offers it under its own name', async (t) => {
  // Resolved by the `exports` of the manifest, as in a project that depends on it; the types are those used above.
  const name: string = 'troupe';
  const names = Object.keys(await import(name));
  for (const wanted of ['createSystem', 'defineAggregate', 'defineSaga', 'reject'])
    t.ok(names.includes(wanted), wanted);
});

t.test('what cannot work is refused before anything is opened', async (t) => {
  await t.rejects(createSystem({}), /needs modules or a moduleFile/);
  await t.rejects(createSystem({ modules: [counters], shards: 1 }), /load modules from a file/);
  await t.rejects(createSystem({ moduleFile, shards: 1 }), /memory belongs to one thread/);
});
