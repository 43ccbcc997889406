/** `troupe journal export` and `import`: one store becomes another, of either kind and of any number of partitions. */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createSystem, type System } from '../../../ops/index.js';
import { systemClock } from '../../../ops/system-clock.js';
import { exportJournal } from '../../../ops/tools/journal-export.js';
import { progressOn } from '../../../ops/tools/output.js';
import { openStore, openStoreReader } from '../../../persistence/open-store.js';
import type { StoreReader } from '../../../persistence/store-reader.js';
import { unfinishedImport } from '../../../runtime/schema-catalogue.js';
import { redisSuite } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import counters, { counterContract } from '../fixtures/counter-app.js';
import { add, appFile, moved, runningSystem, temporaryFolder, toolEnd } from './counted-place.js';

type Shown = Record<string, unknown>;

/** Everything that an import must keep, by actor: its records without their places, fillers and re-sendings left out. */
async function keptOf(
  t: Test,
  directory: string,
  args: readonly string[] = [],
): Promise<Map<string, Shown[]>> {
  const end = await toolEnd(t, directory, ['journal', 'read', '--json', '--app', appFile, ...args]);
  if (end.code !== 0) throw new Error(end.stderr);
  const kept = new Map<string, Shown[]>();
  for (const line of end.stdout.split('\n').filter((text) => text !== '')) {
    for (const record of JSON.parse(line).records as Shown[]) {
      const messages = record.messages as Shown[];
      const isResent = record.outcome === undefined && (record.events as unknown[]).length === 0;
      if (isResent && record.cause === 'command') continue;
      const actor = `${record.kind}/${record.id}`;
      const shown = { ...record, messages: messages.map(({ id: _, ...message }) => message) };
      kept.set(actor, [...(kept.get(actor) ?? []), shown]);
    }
  }
  return kept;
}

async function totals(system: System, ids: readonly string[]): Promise<number> {
  let sum = 0;
  for (const id of ids) {
    const result = await system.query(counterContract, id, 'total', {});
    sum += result.ok ? result.reply.total : Number.NaN;
  }
  return sum;
}

const accounts = Array.from({ length: 8 }, (_, index) => `counter-${index}`);

async function fill(system: System, moves: number): Promise<void> {
  for (const id of accounts) await add(system, id, 100, `open-${id}`);
  for (let count = 0; count < moves; count++)
    await moved(system, `move-${count}`, `counter-${count % 8}`, `counter-${(count * 3 + 1) % 8}`, 1);
}

t.test('what was exported comes back into any number of partitions', { timeout: 180_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const directory = path.join(folder, 'data');
  const file = path.join(folder, 'all.journal');
  const system = await runningSystem(t, directory, 4);
  await fill(system, 20);
  await system.stop();
  const exported = await toolEnd(t, directory, ['journal', 'export', file]);
  t.equal(exported.code, 0, exported.stderr);
  t.same(
    readdirSync(path.dirname(file)).filter((name) => name.endsWith('.part')),
    [],
  );
  const before = await keptOf(t, directory);
  t.equal(before.size, 28);
  for (const into of [4, 7]) {
    const target = path.join(folder, `into-${into}`);
    const end = await toolEnd(t, target, ['journal', 'import', file, '--into', String(into), '--json']);
    t.equal(end.code, 0, end.stderr);
    t.match(JSON.parse(end.stdout), { partitions: into, messages: 0, sound: true });
    t.same(await keptOf(t, target), before, `${into} partitions: every record of every actor`);
    copyFileSync(path.join(directory, 'fingerprint.key'), path.join(target, 'fingerprint.key'));
    const next = await runningSystem(t, target, into);
    t.equal(await totals(next, accounts), 800);
    const again = await next.call(
      counterContract,
      'counter-3',
      'add',
      { amount: 100 },
      { idempotencyKey: 'open-counter-3' },
    );
    t.match(again, { ok: true, replayed: true, reply: { total: 100 } }, 'recorded answers');
    await moved(next, 'move-after', 'counter-0', 'counter-1', 5);
    t.equal(await totals(next, accounts), 800, 'and it goes on');
    await next.stop();
  }
});

t.test('what was under way ends in the new store, once', { timeout: 240_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const directory = path.join(folder, 'data');
  const system = await createSystem({
    modules: [counters],
    moduleFile: new URL('../fixtures/counter-app.js', import.meta.url),
    store: { type: 'embedded', directory },
    partitions: 6,
    // Threads that wait for one another's groups: messages between them are under way for a while.
    shards: 3,
  });
  t.teardown(() => system.stop());
  for (const id of accounts) await add(system, id, 100);
  const reader = await openStoreReader({ url: `embedded:${directory}` }, systemClock);
  t.teardown(() => reader.close());
  let resent = 0;
  let sagaCount = 0;
  for (const into of [6, 9, 2]) {
    const [file, target] = [path.join(folder, `${into}.journal`), path.join(folder, `into-${into}`)];
    let isExported = false;
    const senders = Array.from({ length: 10 }, async (_, sender) => {
      for (let count = 0; !isExported; count++) {
        const from = `counter-${(into + sender + count) % 8}`;
        const id = `move-${into}-${sender}-${count}`;
        await moved(system, id, from, `counter-${(sender * 3 + count + 1) % 8}`, 1);
      }
    });
    // As soon as the reader sees the first of them, others are on their way.
    const before = await lengthOf(reader);
    await until(async () => (await lengthOf(reader)) !== before);
    await exportJournal(reader, file, progressOn(false));
    isExported = true;
    await Promise.all(senders);
    const end = await toolEnd(t, target, ['journal', 'import', file, '--into', String(into), '--json']);
    t.equal(end.code, 0, end.stderr);
    resent += (JSON.parse(end.stdout) as { messages: number }).messages;
    const next = await runningSystem(t, target, into);
    const sagas = [...(await keptOf(t, target)).keys()].filter((actor) => actor.startsWith('move/'));
    for (const saga of sagas) {
      const id = saga.slice('move/'.length);
      const status = await next.query('move', id, 'status', {}, { waitMs: 30_000 });
      if (!status.ok || (status.reply as Shown).state !== 'completed')
        t.fail(`${id}: ${JSON.stringify(status)}`);
    }
    t.equal(await totals(next, accounts), 800, `${into} partitions, ${sagas.length} sagas`);
    t.ok(sagas.length > sagaCount);
    sagaCount = sagas.length;
    await next.stop();
  }
  t.ok(resent > 0, `${resent} messages were under way`);
});

t.test(
  'a damaged file is refused before anything is written, and only an empty store is filled',
  async (t) => {
    const folder = temporaryFolder(t);
    const directory = path.join(folder, 'data');
    const file = path.join(folder, 'all.journal');
    const system = await runningSystem(t, directory, 2);
    await fill(system, 2);
    await system.stop();
    const exporting = () => toolEnd(t, directory, ['journal', 'export', file]);
    const [one, other] = await Promise.all([exporting(), exporting()]);
    const [first, twice] = one.code === 0 ? [one, other] : [other, one];
    t.equal(first.code, 0, first.stderr);
    t.equal(twice.code, 2);
    t.match(twice.stderr, 'is there already');
    const taken = await toolEnd(t, directory, ['journal', 'import', file]);
    t.equal(taken.code, 2);
    t.match(taken.stderr, 'is not empty');
    const bytes = readFileSync(file);
    const middle = Math.floor(statSync(file).size / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    const damaged = path.join(folder, 'damaged.journal');
    writeFileSync(damaged, bytes);
    const target = path.join(folder, 'target');
    const refused = await toolEnd(t, target, ['journal', 'import', damaged]);
    t.equal(refused.code, 2, refused.stderr);
    t.notOk(existsSync(target));
  },
);

t.test('a store whose import was not finished does not serve', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const store = await openStore(`embedded:${directory}`, { partitionCount: 4, clock: systemClock });
  await store.replaceManifest(undefined, Buffer.from(JSON.stringify(unfinishedImport)));
  await store.close();
  await t.rejects(runningSystem(t, directory, 4), { code: 'schema-unknown', message: /was not finished/ });
});

redisSuite('transfer to redis', (server) => {
  void t.test('a journal of the embedded store goes into Redis and back', { timeout: 120_000 }, async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const folder = temporaryFolder(t);
    const directory = path.join(folder, 'data');
    const system = await runningSystem(t, directory, 4);
    await fill(system, 10);
    await system.stop();
    const before = await keptOf(t, directory);
    const there = ['--store', url, '--prefix', prefix];
    const [first, second] = [path.join(folder, 'a.journal'), path.join(folder, 'b.journal')];
    const other = path.join(folder, 'other');
    for (const [place, args] of [
      [directory, ['journal', 'export', first]],
      [other, ['journal', 'import', first, '--into', '3', ...there]],
      [other, ['journal', 'verify', ...there]],
      [other, ['doctor', ...there]],
      [other, ['journal', 'export', second, ...there]],
      [path.join(folder, 'back'), ['journal', 'import', second, '--into', '5']],
    ] as const) {
      const end = await toolEnd(t, place, args);
      t.equal(end.code, 0, `${args.join(' ')}: ${end.stdout}${end.stderr}`);
    }
    t.same(await keptOf(t, other, there), before, 'in Redis');
    t.same(await keptOf(t, path.join(folder, 'back')), before, 'and back');
  });
});

/** Entries of all partitions. */
async function lengthOf(reader: StoreReader): Promise<number> {
  return (await reader.heads()).reduce((sum, { position }) => sum + position, 0);
}
