/** What only the embedded store has: its directory, its lock, its guard against a full disk, its durable watermark. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { flushDeadlineMs } from '../../persistence/embedded/condition-block.js';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { noteFailedWrite } from '../../persistence/embedded/unclean-end.js';
import { firstPosition } from '../../persistence/first-position.js';
import { openStore, openStoreReader } from '../../persistence/open-store.js';
import { processStart } from '../../persistence/process-life.js';
import type { StoreClock } from '../../persistence/store-clock.js';
import { LogWriter } from '../contracts/log-writer.js';
import { until } from '../support/until.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const partitionCount = 2;
const clock = machineClock;
const holder = fileURLToPath(new URL('./lock-holder.js', import.meta.url));

function directoryFor(t: Test): string {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  return directory;
}

t.test(
  'a directory in use by another process is refused by its pid, and is free when that one is killed',
  async (t) => {
    const directory = directoryFor(t);
    const child = spawn(process.execPath, [holder, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await t.rejects(openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin }), {
      code: 'store-locked',
      message: new RegExp(`process ${child.pid}$`),
    });
    child.kill('SIGKILL');
    await gone;
    t.ok(existsSync(path.join(directory, 'LOCK')), 'a killed process leaves its lock');
    const store = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
    t.match(readFileSync(path.join(directory, 'LOCK'), 'utf8'), new RegExp(`^${process.pid} `));
    await store.close();
    t.notOk(existsSync(path.join(directory, 'LOCK')), 'closing gives the lock back');
  },
);

t.test('a lock with our own pid from an earlier life is taken over, one that we hold is not', async (t) => {
  const directory = directoryFor(t);
  writeFileSync(path.join(directory, 'LOCK'), `${process.pid} an-earlier-start\n`);
  const store = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
  await t.rejects(openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin }), {
    code: 'store-locked',
  });
  await store.close();
});

t.test(
  'a lock of a pid that is used again by another process is taken over',
  { skip: noProc() },
  async (t) => {
    const directory = directoryFor(t);
    writeFileSync(path.join(directory, 'LOCK'), '1 another-boot:17\n');
    const store = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
    await store.close();
  },
);

t.test(
  'L1, L2: the lock of another container holds while that one touches it, and is not ended by a tool',
  { skip: noProc() },
  async (t) => {
    const directory = directoryFor(t);
    const lock = path.join(directory, 'LOCK');
    const open = () => openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
    const longAgo = new Date(0);
    const store = await open();
    utimesSync(lock, longAgo, longAgo);
    await until(() => statSync(lock).mtimeMs > 0);
    await store.close();
    writeFileSync(lock, `1 ${processStart()} pid:[1]\n`);
    const living = setInterval(() => utimesSync(lock, new Date(), new Date()), 100);
    await t.rejects(open(), { code: 'store-locked', message: /process 1$/ });
    clearInterval(living);
    utimesSync(lock, longAgo, longAgo);
    await (await openStoreReader({ url: `embedded:${directory}` }, clock)).close();
    t.match(readFileSync(lock, 'utf8'), 'pid:[1]');
    await (await open()).close();
    t.notOk(existsSync(lock));
  },
);

t.test(
  'after a failed write nobody opens the store while a tool still looks at what was not flushed',
  async (t) => {
    const directory = directoryFor(t);
    const open = () => openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
    await (await open()).close();
    const child = spawn(process.execPath, [holder, directory, 'look'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await (await open()).close();
    noteFailedWrite(directory);
    const refusal = { code: 'store-locked', message: new RegExp(`process ${child.pid} still looks`) };
    await t.rejects(open(), refusal);
    await t.rejects(
      openStoreReader({ url: `embedded:${directory}` }, clock),
      refusal,
      'another tool neither',
    );
    child.kill('SIGKILL');
    await gone;
    await (await open()).close();
    t.same(
      readdirSync(directory).filter((name) => name.startsWith('LOCK')),
      [],
    );
  },
);

t.test('a store is opened only with the partition count and format it was made with', async (t) => {
  const directory = directoryFor(t);
  await t.rejects(openEmbeddedStore({ directory, partitionCount, clock, lock: false }), {
    code: 'store-incompatible',
  });
  await (await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin })).close();
  await t.rejects(openEmbeddedStore({ directory, partitionCount: 3, clock, freeBytesMin }), {
    code: 'store-incompatible',
    message: /created with 2 partitions, not 3/,
  });
  const manifest = path.join(directory, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"format": 4', '"format": 5'));
  await t.rejects(openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin }), {
    code: 'store-incompatible',
    message: /store format 5/,
  });
  for (const count of ['0', '1.5', '1e999'])
    for (const asked of [2, { whenCreated: 2 }]) {
      writeFileSync(manifest, `{"format": 4, "partitionCount": ${count}, "createdAt": ""}`);
      await t.rejects(openEmbeddedStore({ directory, partitionCount: asked, clock, freeBytesMin }), {
        code: 'store-incompatible',
        message: /manifest.json is no manifest of a store/,
      });
    }
  writeFileSync(manifest, '{');
  await t.rejects(openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin }), {
    code: 'store-incompatible',
  });
  t.notOk(existsSync(path.join(directory, 'LOCK')), 'an open that failed gives the lock back');
});

t.test(
  'below the minimum of free space new data are declined, below half of it writes are refused',
  async (t) => {
    const directory = directoryFor(t);
    const { bavail, bsize } = statfsSync(directory);
    const free = bavail * bsize;
    const declining = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin: free * 1.5 });
    t.match(await declining.space(), { acceptsWrites: false });
    const owner = await LogWriter.take(declining, [0]);
    await owner.append([0]);
    await declining.close();
    const full = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin: free * 4 });
    const next = await LogWriter.take(full, [0], 'owner-02');
    t.match(await full.journal.append(next.group([0])), { type: 'refused', reason: 'storage' });
    t.equal((await full.journal.head(0)).position, 1, 'taking and reading go on');
    await full.close();
  },
);

t.test('an entry is shown to readers when it was acknowledged, and not before', async (t) => {
  const store = await openEmbeddedStore({ directory: directoryFor(t), partitionCount, clock, freeBytesMin });
  const owner = await LogWriter.take(store, [0]);
  const one = { entriesMax: 1, bytesMax: 1 };
  for (let count = 1; count <= 20; count++) {
    const append = store.journal.append(owner.group([0]));
    // Neither call waits for anything, so both look before the append can settle.
    const [head, read] = [store.journal.head(0), store.journal.read(0, count, one)];
    t.equal((await head).position, count - 1);
    t.same(await read, []);
    await append;
    t.equal((await store.journal.head(0)).position, count);
    t.equal((await store.journal.read(0, count, one)).length, 1);
  }
  await store.close();
});

t.test('a store of the format before is opened, and is one of today from then on', async (t) => {
  const directory = directoryFor(t);
  const open = () => openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
  const manifest = path.join(directory, 'manifest.json');
  await (await open()).close();
  const today = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, today.replace('"format": 4', '"format": 3'));
  await (await openStoreReader({ url: `embedded:${directory}` }, clock)).close();
  t.not(readFileSync(manifest, 'utf8'), today, 'looking changes nothing');
  await (await open()).close();
  t.equal(readFileSync(manifest, 'utf8'), today);
});

t.test('a store without flushes keeps the same rules', async (t) => {
  const directory = directoryFor(t);
  const store = await openEmbeddedStore({
    directory,
    partitionCount,
    clock,
    freeBytesMin,
    durability: 'none',
  });
  t.equal(store.durability, 'none');
  const owner = await LogWriter.take(store, [0, 1]);
  const first = owner.group([0]);
  const results = [store.journal.append(first), store.journal.append(owner.group([1], { after: first }))];
  t.same(await Promise.all(results), [{ type: 'appended' }, { type: 'appended' }]);
  t.match(await store.journal.append(first), { type: 'refused', reason: 'conflict' });
  await store.close();
  const again = await openEmbeddedStore({
    directory,
    partitionCount,
    clock,
    freeBytesMin,
    durability: 'none',
  });
  t.equal((await again.journal.head(1)).position, 1);
  await again.close();
});

t.test('close waits for what is under way, and afterwards writes are refused', async (t) => {
  const directory = directoryFor(t);
  const store = await openEmbeddedStore({ directory, partitionCount, clock, freeBytesMin });
  const owner = await LogWriter.take(store, [0]);
  const append = store.journal.append(owner.group([0]));
  await store.close();
  t.same(await append, { type: 'appended' });
  t.match(await store.journal.append(owner.group([0])), { type: 'refused', reason: 'storage' });
  await store.close();
});

t.test('a store is opened by its URL', async (t) => {
  const directory = directoryFor(t);
  const embedded = await openStore(`embedded:${directory}`, { partitionCount, clock, freeBytesMin });
  t.equal(embedded.description, `embedded (LMDB) in ${directory}`);
  t.equal(embedded.failsWithProcess, true);
  await embedded.close();
  const memory = await openStore('memory:', { partitionCount, clock });
  t.equal(memory.partitionCount, partitionCount);
  for (const url of ['redis:', 'redis://h/x', 'redis://h?a=b', 'embedded:', 'postgres://x', './data']) {
    await t.rejects(openStore(url, { partitionCount, clock }), { code: 'store-address' }, url);
  }
});

function noProc(): string | false {
  return existsSync('/proc/self/stat') ? false : 'needs /proc';
}

t.test('a trim of several logs goes no further than the first entry that stays of one of them', async (t) => {
  const store = await openEmbeddedStore({ directory: directoryFor(t), partitionCount, clock, freeBytesMin });
  const writer = await LogWriter.take(store, [0, 1]);
  for (let count = 0; count < 400; count++) await writer.append([0, 1]);
  const trim = (...belows: number[]) =>
    store.journal.trim(belows.map((below, partition) => ({ partition, below })));
  const first = async () => [await firstPosition(store.journal, 0), await firstPosition(store.journal, 1)];
  await trim(130, 390);
  t.same(await first(), [129, 129], 'what was written before, of both; whole blocks of 64');
  await trim(130, 390);
  t.same(await first(), [129, 385], 'a log that stays where it is holds up nothing twice');
  await trim(390, 390);
  t.same(await first(), [385, 385]);
  await store.close();
});

t.test('a trim that may not go on leaves the rest to the next one', async (t) => {
  const store = await openEmbeddedStore({ directory: directoryFor(t), partitionCount, clock, freeBytesMin });
  const writer = await LogWriter.take(store, [0]);
  for (let count = 0; count < 700; count++) await writer.append([0]);
  let writes = 0;
  const cuts = [{ partition: 0, below: 690 }];
  await store.journal.trim(cuts, () => writes++ < 1);
  t.equal(writes, 2, 'asked before each write');
  t.equal((await store.journal.read(0, 690, { entriesMax: 100, bytesMax: 1e6 })).length, 11);
  await store.journal.trim(cuts);
  t.equal(await firstPosition(store.journal, 0), 641);
  await store.close();
});

t.test('a trim that was not flushed in time is tried again, and hinders no other write', async (t) => {
  const directory = directoryFor(t);
  let isStalled = false;
  const stalling: StoreClock = {
    ...clock,
    after(ms, run) {
      if (!isStalled || ms !== flushDeadlineMs) return clock.after(ms, run);
      // Before any flush can be done.
      queueMicrotask(run);
      return () => undefined;
    },
  };
  const store = await openEmbeddedStore({ directory, partitionCount, clock: stalling, freeBytesMin });
  const writer = await LogWriter.take(store, [0]);
  for (let count = 0; count < 300; count++) await writer.append([0]);
  const trim = () => store.journal.trim([{ partition: 0, below: 300 }]);
  // Puts what was appended into LMDB, and has nothing to trim.
  await store.journal.trim([]);
  isStalled = true;
  await t.rejects(trim(), { code: 'store-unreachable' });
  isStalled = false;
  await trim();
  t.ok((await firstPosition(store.journal, 0)) > 200);
  await writer.append([0]);
  isStalled = true;
  t.match(await store.journal.append(writer.group([0])), { type: 'unknown' });
  isStalled = false;
  t.match(
    await store.journal.append(writer.group([0])),
    { type: 'unknown' },
    'an append that is late ends the writing',
  );
  await t.rejects(trim(), { code: 'store-broken' }, 'of everything');
  t.notOk(existsSync(path.join(directory, 'LOCK.write-failed')), 'but nothing has failed');
  await store.close();
});
