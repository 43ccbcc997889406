/** What a node remembers outside of its store, when more than one thread has something to remember. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { AcknowledgedHeads } from '../../../persistence/redis/acknowledged-heads.js';
import { fenceText } from '../../../persistence/redis/fence-text.js';
import { RedisKeys } from '../../../persistence/redis/keys.js';
import { checkWitness, readWitness } from '../../../persistence/redis/rollback-witness.js';
import { WitnessKeeper } from '../../../persistence/redis/witness-keeper.js';
import type { Finding } from './finding-thread.js';

const fenceAt = (position: number): string =>
  fenceText({ epoch: 1, nonce: 'owner-one' }, position, Buffer.alloc(16, position));

t.test('what a thread found is kept when the look of another one ends after it', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'troupe-witness-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'witness.json');
  const keys = new RedisKeys('p');
  let stored = fenceAt(5);
  const send = async (): Promise<unknown> => [Buffer.from(stored)];
  const keep = () =>
    WitnessKeeper.start({
      ...{ file, store: 'its-id', send, keys, partitionCount: 1, report: () => {} },
      heads: new AcknowledgedHeads(() => {}),
      clock: { now: () => 0, after: () => () => {} },
    });
  const keeper = await keep();

  const state = new Int32Array(new SharedArrayBuffer(4));
  const workerData: Finding = { file, known: fenceAt(10), state: state.buffer as SharedArrayBuffer };
  const thread = new Worker(new URL('./finding-thread.js', import.meta.url), { workerData });
  const ended = once(thread, 'exit');
  await once(thread, 'message');
  stored = fenceAt(8);
  const look = keeper.stop();
  // It has read the file and begun to write a new one, which takes several turns; the thread is done before the second of them.
  await new Promise(setImmediate);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
  Atomics.wait(state, 0, 1, 20_000);
  await look;
  await ended;

  t.equal(readWitness(file)?.fences[0]?.head.position, 10);
  await t.rejects(checkWitness(send, keys, readWitness(file)?.fences ?? []), { code: 'store-went-back' });

  stored = fenceAt(10);
  await checkWitness(send, keys, readWitness(file)?.fences ?? []);
  await keep();
  t.same(readdirSync(directory), ['witness.json'], 'a start that was let through needs no finding any more');
  t.equal(readWitness(file)?.fences[0]?.head.position, 10);
});
