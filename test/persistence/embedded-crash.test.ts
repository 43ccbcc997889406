/** Kills processes that write: everything they were told is durable is there afterwards, and the log is whole. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { hashEntry } from '../../persistence/entry.js';
import type { Store } from '../../persistence/store.js';
import { verifyLog } from '../../persistence/verify.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const partitionCount = 4;
const writer = fileURLToPath(new URL('./crash-writer.js', import.meta.url));

interface Acknowledged {
  readonly partition: number;
  readonly position: number;
  readonly hash: string;
}

t.test('kill -9 of a writing process loses no acknowledged group', { timeout: 60_000 }, async (t) => {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  const acknowledged: Acknowledged[] = [];
  for (const [round, groupCount] of [1, 40, 3, 150, 17].entries()) {
    acknowledged.push(...(await writeAndKill(directory, `writer-${round}`, groupCount)));
    const store = await openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });
    for (let partition = 0; partition < partitionCount; partition++) {
      t.same(
        await damage(store, partition),
        [],
        `round ${round}: the log of partition ${partition} is whole`,
      );
    }
    t.same(
      await lost(store, acknowledged),
      [],
      `round ${round}: none of ${acknowledged.length} entries is lost`,
    );
    await store.close();
  }
});

/** Kills the process in the middle of its work, after at least that many groups; resolves to all that it acknowledged. */
async function writeAndKill(directory: string, nonce: string, groupCount: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [writer, directory, `${partitionCount}`, nonce], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged: Acknowledged[] = [];
  let groups = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    for (const text of line.split(' ')) {
      const [partition, position, hash = ''] = text.split(':');
      acknowledged.push({ partition: Number(partition), position: Number(position), hash });
    }
    groups += 1;
    if (groups === groupCount) child.kill('SIGKILL');
  }
  await gone;
  if (groups < groupCount) throw new Error(`the writer ended by itself after ${groups} groups`);
  return acknowledged;
}

async function lost(store: Store, acknowledged: readonly Acknowledged[]): Promise<Acknowledged[]> {
  const missing: Acknowledged[] = [];
  for (const entry of acknowledged) {
    const [found] = await store.journal.read(entry.partition, entry.position, { entriesMax: 1, bytesMax: 1 });
    const hash = found === undefined ? '' : Buffer.from(hashEntry(found.bytes)).toString('hex');
    if (hash !== entry.hash) missing.push(entry);
  }
  return missing;
}

async function damage(store: Store, partition: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const item of verifyLog(store.journal, partition, 1)) found.push(item);
  return found;
}
