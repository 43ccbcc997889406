/** Kills processes that write, or cuts their power: everything they were told is durable is there afterwards, and the log is whole. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openEmbeddedStore } from '../../persistence/embedded/embedded-store.js';
import { hashEntry } from '../../persistence/entry.js';
import { openStoreReader } from '../../persistence/open-store.js';
import type { Store } from '../../persistence/store.js';
import type { JournalReader, StoreReader } from '../../persistence/store-reader.js';
import { verifyLog } from '../../persistence/verify.js';
import { powerCutEnv, powerCutMissing, powerCutSignal } from '../support/power-cut.js';
import { freeBytesMin, machineClock, temporaryDirectory } from './embedded-place.js';

const partitionCount = 4;
const writer = fileURLToPath(new URL('./crash-writer.js', import.meta.url));

interface Acknowledged {
  readonly partition: number;
  readonly position: number;
  readonly hash: string;
}

t.test('kill -9 of a writing process loses no acknowledged group', { timeout: 60_000 }, (t) =>
  losesNothing(t, 'SIGKILL', {}),
);

t.test(
  'a power cut loses no acknowledged group',
  { timeout: 60_000, skip: powerCutMissing() ?? false },
  (t) => {
    const { directory, remove } = temporaryDirectory();
    t.teardown(remove);
    return losesNothing(t, powerCutSignal, powerCutEnv(directory), directory);
  },
);

/** What each round leaves is looked into by a reader, or opened at once by the next owner, in turn. */
async function losesNothing(
  t: Test,
  signal: NodeJS.Signals,
  env: Readonly<Record<string, string>>,
  directory = place(t),
): Promise<void> {
  const acknowledged: Acknowledged[] = [];
  for (const [round, groupCount] of [1, 40, 3, 150, 17, 60, 5, 90].entries()) {
    const nonce = `writer-${round}`;
    acknowledged.push(...(await writeAndEnd({ directory, nonce, groupCount, signal, env })));
    const store = round % 2 === 0 ? await openOwner(directory) : await openReader(directory);
    for (let partition = 0; partition < partitionCount; partition++) {
      const found = await damage(store.journal, partition);
      t.same(found, [], `round ${round}: the log of partition ${partition} is whole`);
    }
    const missing = await lost(store.journal, acknowledged);
    t.same(missing, [], `round ${round}: none of ${acknowledged.length} entries is lost`);
    await store.close();
  }
}

function place(t: Test): string {
  const { directory, remove } = temporaryDirectory();
  t.teardown(remove);
  return directory;
}

const openOwner = (directory: string): Promise<Store> =>
  openEmbeddedStore({ directory, partitionCount, clock: machineClock, freeBytesMin });

const openReader = (directory: string): Promise<StoreReader> =>
  openStoreReader({ url: `embedded:${directory}` }, machineClock);

/** Ends the process in the middle of its work, after at least that many groups; resolves to all that it acknowledged. */
async function writeAndEnd(options: {
  readonly directory: string;
  readonly nonce: string;
  readonly groupCount: number;
  readonly signal: NodeJS.Signals;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Acknowledged[]> {
  const { directory, nonce, groupCount, signal, env } = options;
  const child = spawn(process.execPath, [writer, directory, `${partitionCount}`, nonce], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
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
    if (groups === groupCount) child.kill(signal);
  }
  await gone;
  if (groups < groupCount) throw new Error(`the writer ended by itself after ${groups} groups`);
  return acknowledged;
}

async function lost(journal: JournalReader, acknowledged: readonly Acknowledged[]): Promise<Acknowledged[]> {
  const missing: Acknowledged[] = [];
  for (const entry of acknowledged) {
    const [found] = await journal.read(entry.partition, entry.position, { entriesMax: 1, bytesMax: 1 });
    const hash = found === undefined ? '' : Buffer.from(hashEntry(found.bytes)).toString('hex');
    if (hash !== entry.hash) missing.push(entry);
  }
  return missing;
}

async function damage(journal: JournalReader, partition: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const item of verifyLog(journal, partition, 1)) found.push(item);
  return found;
}
