/** Who creates a store in Redis when several would, and that whoever comes later takes what is there. */
import t from 'tap';
import { loadLibrary } from '../../../persistence/redis/function-library.js';
import { RedisKeys } from '../../../persistence/redis/keys.js';
import type { SendCommand } from '../../../persistence/redis/redis-connection.js';
import { openRedisStore } from '../../../persistence/redis/redis-store.js';
import { openPlace, type StorePlace } from '../../../persistence/redis/store-place.js';
import { redisSuite } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';
import { withClient } from './redis-place.js';

redisSuite('the place of a store', (server) => {
  void t.test('of several that saw no store and would each create another one, one does', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const counts = [8, 24, 16];
    let seen = 0;
    let go = (): void => {};
    const allSeen = new Promise<void>((resolve) => {
      go = resolve;
    });
    const open = (whenCreated: number, earlier: () => Promise<unknown> | undefined) =>
      withClient(url, async (client) => {
        await loadLibrary((name, args) => client.callBuffer(name, ...args));
        // All have found nothing; each creates only when the one before is done, as one that was paused with the lease in its hand.
        const send: SendCommand = async (name, args) => {
          if (name === 'FCALL') {
            seen += 1;
            if (seen === counts.length) go();
            await allSeen;
            await earlier();
          }
          return await client.callBuffer(name, ...args);
        };
        const parts = { send, keys: new RedisKeys(prefix), prefix, mayCreate: true, now: 0 };
        return await openPlace({ ...parts, partitionCount: { whenCreated } });
      });
    const opening: Promise<StorePlace>[] = [];
    for (const [index, count] of counts.entries()) opening.push(open(count, () => opening[index - 1]));
    const places = await Promise.all(opening);
    t.equal(seen, counts.length);
    t.equal(new Set(places.map(({ id }) => id)).size, 1, 'all know one store');
    t.same(
      places.map(({ partitionCount }) => partitionCount),
      [8, 8, 8],
    );
    const stored = await withClient(url, (client) => client.hget(`${prefix}:store`, 'partitions'));
    t.equal(stored, '8');
  });

  void t.test(
    'of two nodes that start at once on no store the second takes what the first has made',
    async (t) => {
      const { url, freshPrefix, clear } = await server();
      const prefix = freshPrefix();
      t.teardown(() => clear(prefix));
      const open = (whenCreated: number) =>
        openRedisStore({ url, prefix, partitionCount: { whenCreated }, clock: machineClock });
      const [one, other] = await Promise.allSettled([open(8), open(24)]);
      const opened = [one, other].flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const [first] = opened;
      if (first === undefined || opened.length > 1) throw new Error(`the lease was had by ${opened.length}`);
      t.equal(first.partitionCount, one.status === 'fulfilled' ? 8 : 24);
      t.match(one.status === 'rejected' ? one : other, { reason: { code: 'store-locked' } });
      await first.close();
      const second = await open(one.status === 'fulfilled' ? 24 : 8);
      t.equal(second.partitionCount, first.partitionCount);
      await second.close();
    },
  );

  void t.test('a document that is incomplete or damaged is refused as what it is', async (t) => {
    const { url, freshPrefix, clear } = await server();
    const prefix = freshPrefix();
    t.teardown(() => clear(prefix));
    const damages: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ format: '3' }, /:store is incomplete: .* lacks format, partitions or id$/],
      [{ format: '3', partitions: '4' }, /:store is incomplete/],
      [{ created_at: 'then' }, /:store is incomplete/],
      [{ format: '3', partitions: 'four', id: 'x' }, /:store is damaged: its partitions/],
      [{ format: '3', partitions: '0', id: 'x' }, /:store is damaged: its partitions/],
      [{ format: '2' }, /has format 2/],
    ];
    for (const [fields, message] of damages)
      for (const partitionCount of [4, { whenCreated: 4 }]) {
        await withClient(url, async (client) => {
          await client.del(`${prefix}:store`);
          await client.hset(`${prefix}:store`, fields);
        });
        await t.rejects(openRedisStore({ url, prefix, partitionCount, clock: machineClock }), {
          code: 'store-incompatible',
          message,
        });
      }
  });
});
