/** Who may hold a prefix: whoever lives keeps it, however much its machine looks like this one. */
import { hostname } from 'node:os';
import t from 'tap';
import { processNamespace } from '../../../persistence/process-life.js';
import { openRedisStore } from '../../../persistence/redis/redis-store.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';
import { withClient } from './redis-place.js';

const leaseMs = 60_000;

redisSuite('the lease of a node', (server) => {
  void t.test(
    'a live node is not succeeded from another machine of the same name, where its pid is nobody',
    async (t) => {
      const { url, freshPrefix, clear } = await server();
      const prefix = freshPrefix();
      const key = `${prefix}:node`;
      const otherBoot = '11111111-2222-3333-4444-555555555555:4711';
      const holder = `${hostname()} 4194999 ${otherBoot} ${processNamespace()} nonce-of-it`;
      await withClient(url, async (client) => {
        await client.set(key, holder, 'PX', leaseMs);
        let isOpening = true;
        const opening = openRedisStore({ url, prefix, partitionCount: 1, clock: machineClock })
          .then((store) => t.teardown(() => store.close()))
          .finally(() => {
            isOpening = false;
          });
        const refused = t.rejects(opening, { code: 'store-locked', message: /process 4194999 on / });
        // It renews, each time for a little longer, so that no two looks see the same however they fall.
        for (let renewals = 1; isOpening; renewals++)
          await client.set(key, holder, 'PX', leaseMs + renewals * 1_000);
        await refused;
        t.equal(await client.get(key), holder);
      });
      await clear(prefix);
    },
  );
});
