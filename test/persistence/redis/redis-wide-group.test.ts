/** A group over more partitions than Lua passes to one command is one group all the same. */
import t from 'tap';
import { EntryWriter, hashEntry, noHash } from '../../../persistence/entry.js';
import type { EntryAppend, Fence } from '../../../persistence/journal.js';
import { openRedisStore } from '../../../persistence/redis/redis-store.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';

/** \`unpack\` takes some 8,000 values. */
const partitionCount = 8_100;

redisSuite('a wide group', (server) => {
  void t.test('a group over thousands of partitions goes in whole or not at all', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const store = await openRedisStore({ url, prefix, partitionCount, clock: machineClock });
    t.teardown(() => store.close());
    const all = Array.from({ length: partitionCount }, (_, partition) => partition);
    const last = partitionCount - 1;
    const taken = await Promise.all(all.map((partition) => store.ownership.take(partition, 'owner-one')));
    const group = {
      entries: all.map((partition) => firstEntry(partition, (taken[partition] as { fence: Fence }).fence)),
      after: [],
    };
    const next = await store.ownership.take(last, 'owner-two');
    t.match(await store.journal.append(group), { type: 'refused', reason: 'fenced' }, 'by the last of them');
    t.equal((await store.journal.read(0, 1, { entriesMax: 1, bytesMax: 1 })).length, 0);

    group.entries[last] = firstEntry(last, next.fence);
    t.match(await store.journal.append(group), { type: 'appended' });
    for (const partition of [0, 3_999, 4_000, last]) {
      const again = await store.ownership.take(partition, 'owner-three');
      t.equal(again.head.position, 1, 'log and fence agree');
    }
  });
});

function firstEntry(partition: number, fence: Fence): EntryAppend {
  const writer = new EntryWriter();
  writer.add(partition, 1, Buffer.from('record'));
  const bytes = writer.finish({
    ...{ partition, epoch: fence.epoch, position: 1, previousHash: noHash, time: 1, group: 1 },
    ...{ siblings: [], watermarks: [] },
  });
  return { partition, position: 1, fence, bytes, hash: hashEntry(bytes), previousHash: noHash };
}
