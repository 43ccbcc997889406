/** Looking into a store in Redis beside its owner: rules D1 and D2 of `persistence/store-reader.ts`. */
import t from 'tap';
import { openStore, openStoreReader } from '../../../persistence/open-store.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';

redisSuite('redis reader', (server) => {
  void t.test('a reader beside the owner sees what it appends, and is told who it is', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const address = { url, redis: { prefix } };
    await t.rejects(openStoreReader(address, machineClock), { code: 'store-incompatible' });
    const store = await openStore(url, { partitionCount: 3, clock: machineClock, redis: { prefix } });
    const writer = await LogWriter.take(store, [0, 2]);
    await writer.append([0, 2]);
    const reader = await openStoreReader(address, machineClock);
    t.equal(reader.partitionCount, 3);
    t.match(await reader.owner(), new RegExp(`^process ${process.pid} on `));
    t.same(await reader.observe(2), writer.fence(2));
    t.equal(await reader.observe(1), undefined);
    await writer.append([2]);
    t.same(
      (await reader.heads()).map(({ position }) => position),
      [1, 0, 2],
    );
    const all = { entriesMax: 100, bytesMax: 1_000_000 };
    t.same(await reader.journal.read(2, 1, all), await store.journal.read(2, 1, all));
    await store.close();
    t.equal(await reader.owner(), undefined);
    await reader.close();
  });
});
