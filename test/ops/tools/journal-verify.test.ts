/** How a log of any length is handed to the threads that check it. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { tasksUnderWayMax, verifyJournal } from '../../../ops/tools/journal-verify.js';
import type { Progress } from '../../../ops/tools/output.js';
import type { VerifyTask } from '../../../ops/tools/verify-task.js';
import { noHash } from '../../../persistence/entry.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import type { Offload } from '../../../runtime/offload.js';
import { LogWriter } from '../../contracts/log-writer.js';

const progress: Progress = { show: () => undefined, end: () => undefined };

t.test('few ranges are under way at a time, and every position is in one', async (t) => {
  const store = createMemoryStore({ partitionCount: 2 });
  const writer = await LogWriter.take(store, [0, 1]);
  await writer.append([0, 1]);
  let underWay = 0;
  let most = 0;
  const checked = [0, 0];
  const offload = {
    async run(_task: URL, { partition, from, to }: VerifyTask) {
      most = Math.max(most, ++underWay);
      t.equal(from, (checked[partition] as number) + 1);
      checked[partition] = to;
      await setImmediate();
      underWay--;
      const facts = { entryCount: to - from + 1, byteCount: 0, firstEpoch: 1, epoch: 1, damages: [] };
      return { partition, from, to, previousHash: noHash, lastHash: noHash, ...facts };
    },
    close: async () => undefined,
  } as unknown as Offload;
  const head = { position: 5_000_000, hash: noHash };
  const { journal, tables, partitionCount } = store;
  const reader = { journal, tables, partitionCount, heads: async () => [head, head] };
  const found = await verifyJournal(reader, { url: 'memory:' }, offload, { progress });
  t.match(found, [
    { entries: head.position, damages: [] },
    { entries: head.position, damages: [] },
  ]);
  t.same(checked, [head.position, head.position]);
  t.equal(most, tasksUnderWayMax);
  await store.close();
});
