/** A node whose lease went to another node takes no partition back. */
import t from 'tap';
import { openStore } from '../../../persistence/open-store.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';
import { withClient } from './redis-place.js';

redisSuite('redis takeover', (server) => {
  void t.test('a partition is taken only while no other node has the lease', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const store = await openStore(url, { partitionCount: 2, clock: machineClock, redis: { prefix } });
    const writer = await LogWriter.take(store, [0, 1]);
    const lease = `${prefix}:node`;
    await withClient(url, (client) =>
      client.set(lease, 'elsewhere 4711 1 - a-nonce-of-its-own', 'PX', 60_000),
    );
    await t.rejects(store.ownership.take(0, 'taker-again'), {
      code: 'store-locked',
      message: /process 4711 on elsewhere/,
    });
    t.same(await store.ownership.observe(0), writer.fence(0), 'the fence is as it was');
    await withClient(url, (client) => client.del(lease));
    const taken = await store.ownership.take(0, 'taker-again');
    t.equal(taken.fence.epoch, writer.fence(0).epoch + 1);
    await store.close();
  });
});
