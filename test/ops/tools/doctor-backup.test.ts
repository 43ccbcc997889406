/** `troupe doctor` and `troupe backup` as people run them, on real data directories. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createSystem, type System } from '../../../ops/index.js';
import { systemClock } from '../../../ops/system-clock.js';
import { openStore } from '../../../persistence/open-store.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { redisSuite } from '../../support/redis-suite.js';
import counters, { counterContract } from '../fixtures/counter-app.js';
import { add, moved, runningSystem, temporaryFolder, toolEnd } from './counted-place.js';

t.test('the doctor finds a sound store sound, running or stopped, and says who has it', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const system = await runningSystem(t, directory);
  await add(system, 'one', 1);
  const running = await toolEnd(t, directory, ['doctor']);
  t.equal(running.code, 0, running.stdout);
  t.match(running.stdout, new RegExp(`owner +process ${process.pid}\\n`));
  t.match(running.stdout, 'Nothing is wrong');
  await system.stop();
  const stopped = await toolEnd(t, directory, ['doctor', '--json']);
  t.equal(stopped.code, 0);
  t.match(JSON.parse(stopped.stdout), { owner: null, findings: [], bytes: { log: Number, tables: Number } });
});

t.test(
  'the doctor finds a log that is older than its tables, exits with 3 and says what to do',
  async (t) => {
    const directory = path.join(temporaryFolder(t), 'data');
    const first = await runningSystem(t, directory);
    await add(first, 'one', 1);
    await first.stop();
    const older = path.join(directory, '..', 'older');
    cpSync(path.join(directory, 'log'), older, { recursive: true });
    const second = await runningSystem(t, directory);
    await add(second, 'one', 2);
    await second.stop();
    rmSync(path.join(directory, 'log'), { recursive: true });
    cpSync(older, path.join(directory, 'log'), { recursive: true });
    const end = await toolEnd(t, directory, ['doctor']);
    t.equal(end.code, 3);
    t.match(end.stdout, /damage: partition \d: its tables know position 2, its log ends at 1/);
    t.match(end.stdout, 'must be accepted by a person');
  },
);

t.test('a backup taken under load is checked, and a system on it goes on from one moment', async (t) => {
  const folder = temporaryFolder(t);
  const [directory, target] = [path.join(folder, 'data'), path.join(folder, 'copy')];
  const system = await runningSystem(t, directory);
  await add(system, 'from', 1_000);
  await add(system, 'keyed', 5, 'once');
  let isCopied = false;
  const load = (async () => {
    for (let count = 0; !isCopied; count++) await moved(system, `move-${count}`, 'from', 'to', 1);
  })();
  const end = await toolEnd(t, directory, ['backup', target]);
  isCopied = true;
  await load;
  t.equal(end.code, 0, end.stderr);
  t.match(end.stdout, 'copied and checked');
  t.notOk(existsSync(path.join(target, 'LOCK')), 'the copy is nobody’s');

  await goesOn(t, await runningSystem(t, target));
});

t.test('a backup goes only into an empty directory, and leaves nothing where it fails', async (t) => {
  const folder = temporaryFolder(t);
  const directory = path.join(folder, 'data');
  const target = path.join(folder, 'copy');
  const missing = await toolEnd(t, directory, ['backup', target]);
  t.equal(missing.code, 2);
  t.match(missing.stderr, 'holds no store');
  t.notOk(existsSync(target));
  const system = await runningSystem(t, directory);
  await system.stop();
  const taken = await toolEnd(t, directory, ['backup', directory]);
  t.equal(taken.code, 2);
  t.match(taken.stderr, 'is not empty');
  t.ok(readdirSync(directory).includes('manifest.json'), 'and what is there stays');
});

redisSuite('backup and rollback of Redis', (server) => {
  void t.test(
    'a backup of Redis under load is imported beside it, and goes on from one moment',
    async (t) => {
      const { url, freshPrefix, clear } = await server();
      const [prefix, copiedPrefix] = [freshPrefix(), freshPrefix()];
      t.teardown(() => Promise.all([clear(prefix), clear(copiedPrefix)]));
      const folder = temporaryFolder(t);
      const [directory, target] = [path.join(folder, 'data'), path.join(folder, 'copy')];
      const running = async (store: { directory: string; prefix: string }): Promise<System> => {
        const system = await createSystem({
          modules: [counters],
          store: { type: 'redis', url, ...store },
          partitions: 4,
        });
        t.teardown(() => system.stop());
        return system;
      };
      const system = await running({ directory, prefix });
      await add(system, 'from', 1_000);
      await add(system, 'keyed', 5, 'once');
      let isCopied = false;
      const load = (async () => {
        for (let count = 0; !isCopied; count++) await moved(system, `move-${count}`, 'from', 'to', 1);
      })();
      const backup = await toolEnd(t, directory, ['backup', target, '--store', url, '--prefix', prefix]);
      isCopied = true;
      await load;
      t.equal(backup.code, 0, backup.stderr);
      t.match(backup.stdout, /entries, exported and checked/);
      const again = await toolEnd(t, directory, ['backup', target, '--store', url, '--prefix', prefix]);
      t.equal(again.code, 2);
      t.match(again.stderr, 'is not empty');
      t.ok(existsSync(path.join(target, 'journal.export')), 'and what is there stays');

      const into = ['--store', url, '--prefix', copiedPrefix];
      const restore = await toolEnd(t, target, [
        'journal',
        'import',
        path.join(target, 'journal.export'),
        ...into,
      ]);
      t.equal(restore.code, 0, restore.stderr);
      await goesOn(t, await running({ directory: target, prefix: copiedPrefix }));
    },
  );

  void t.test('what a Redis that went back has lost is accepted only with --yes, and listed', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const directory = path.join(temporaryFolder(t), 'data');
    mkdirSync(directory);
    // Where a server with this data directory keeps what it knows.
    const witnessFile = path.join(directory, `redis-${prefix}.witness.json`);
    const open = () =>
      openStore(url, { partitionCount: 2, clock: systemClock, redis: { prefix, witnessFile } });
    const store = await open();
    const writer = await LogWriter.take(store, [0, 1]);
    for (let count = 0; count < 3; count++) await writer.append([1]);
    await store.close();
    await clear(prefix);
    await t.rejects(open(), { code: 'store-went-back' });
    const accept = ['doctor', 'accept-rollback', '--store', url, '--prefix', prefix];
    const asked = await toolEnd(t, directory, accept);
    t.equal(asked.code, 2);
    t.match(asked.stderr, 'say --yes to do it');
    await t.rejects(open(), { code: 'store-went-back' }, 'nothing was done');
    const end = await toolEnd(t, directory, [...accept, '--yes']);
    t.equal(end.code, 0, end.stderr);
    t.match(end.stdout, 'lost: partition 1, positions 1 to 3');
    const next = await open();
    await next.close();
  });
});

/** A system on the copy: nothing of it is half there. */
async function goesOn(t: Test, copy: System): Promise<void> {
  const total = async (id: string): Promise<number> => {
    const result = await copy.query(counterContract, id, 'total', {});
    return result.ok ? result.reply.total : Number.NaN;
  };
  // What was under way at the moment of the copy is finished by the copy: its sagas are asked to their end.
  for (let count = 0; ; count++) {
    const status = await copy.query('move', `move-${count}`, 'status', {}, { waitMs: 10_000 });
    if (!status.ok) break;
  }
  t.equal((await total('from')) + (await total('to')), 1_000);
  const repeated = await copy.call(
    counterContract,
    'keyed',
    'add',
    { amount: 5 },
    { idempotencyKey: 'once' },
  );
  t.match(
    repeated,
    { ok: true, replayed: true },
    'recorded answers and the key that tells repeats are there',
  );
}
