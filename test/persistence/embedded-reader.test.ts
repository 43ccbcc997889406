/** Looking into an embedded store: rules D1 and D2 of `persistence/store-reader.ts`, beside a running owner and without one. */
import { spawn } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { openStoreReader } from '../../persistence/open-store.js';
import type { Store } from '../../persistence/store.js';
import { LogWriter } from '../contracts/log-writer.js';
import { until } from '../support/until.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const all = { entriesMax: 1_000, bytesMax: 1_000_000_000 };

async function place(t: Test): Promise<{ directory: string; open: () => Promise<Store> }> {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  return {
    directory,
    open: () => openEmbeddedStore({ directory, partitionCount: 2, clock: machineClock, freeBytesMin }),
  };
}

t.test('a reader beside the owner sees what the owner appends, and is told who it is', async (t) => {
  const { directory, open } = await place(t);
  const store = await open();
  const writer = await LogWriter.take(store, [0, 1]);
  await writer.append([0, 1]);
  const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
  t.equal(reader.partitionCount, 2);
  t.equal(await reader.owner(), `process ${process.pid}`);
  t.same(await reader.observe(1), writer.fence(1));
  for (let count = 0; count < 70; count++) await writer.append([1]);
  await until(async () => (await reader.heads())[1]?.position === 71);
  t.equal((await reader.heads())[0]?.position, 1, 'appended before the reader came');
  t.same(await reader.journal.read(1, 1, all), await store.journal.read(1, 1, all));
  const [, head] = await reader.heads();
  t.same(Buffer.from(head?.hash ?? []), Buffer.from(writer.head(1).hash));
  await reader.close();
  await writer.append([0]);
  await store.close();
});

t.test('a reader goes along with an owner of the same process that does not flush', async (t) => {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  const place = { directory, partitionCount: 2, clock: machineClock, freeBytesMin };
  const store = await openEmbeddedStore({ ...place, durability: 'none' });
  const writer = await LogWriter.take(store, [0]);
  await writer.append([0]);
  const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
  t.equal((await reader.journal.head(0)).position, 1);
  await reader.close();
  await writer.append([0]);
  await store.close();
});

t.test('a stopped store is looked into without taking its lock', async (t) => {
  const { directory, open } = await place(t);
  const first = await open();
  await first.replaceManifest(undefined, Buffer.from('{}'));
  const writer = await LogWriter.take(first, [1]);
  await writer.append([1]);
  await first.close();
  const reader = await openStoreReader({ url: `embedded:${directory}` }, machineClock);
  t.equal(await reader.owner(), undefined);
  t.equal(Buffer.from((await reader.readManifest()) ?? []).toString(), '{}');
  const holder = fileURLToPath(new URL('./lock-holder.js', import.meta.url));
  const owner = spawn(process.execPath, [holder, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => owner.once('exit', resolve));
  await new Promise((resolve) => owner.stdout.once('data', resolve));
  t.equal(await reader.owner(), `process ${owner.pid}`, 'an owner comes');
  t.equal((await reader.journal.head(1)).position, 1, 'and the reader goes on');
  owner.kill('SIGKILL');
  await gone;
  t.equal(await reader.owner(), undefined, "the lock of a dead process is nobody's");
  await reader.close();
});

t.test('where there is no store, or only the beginning of one, the reader says so', async (t) => {
  const { directory, open } = await place(t);
  await t.rejects(openStoreReader({ url: `embedded:${directory}` }, machineClock), {
    code: 'store-incompatible',
  });
  const store = await open();
  const writer = await LogWriter.take(store, [0]);
  for (let count = 0; count < 100; count++) await writer.append([0], Buffer.alloc(100_000, 'x'));
  await store.close();
  const file = path.join(directory, 'log', 'data.mdb');
  truncateSync(file, Math.floor(readFileSync(file).length / 4));
  await t.rejects(openStoreReader({ url: `embedded:${directory}` }, machineClock), { code: 'store-broken' });
});
