/** A prefix of a Redis server for a store, for tests. */
import { Redis } from 'ioredis';
import type { PartitionCount } from '../../../persistence/partition-count.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import type { StorePlace } from '../../contracts/store-contract.js';
import type { SuiteServer } from '../../support/redis-suite.js';
import { machineClock } from '../embedded-place.js';

export function redisPlace(
  server: SuiteServer,
  partitionCount: PartitionCount,
  options: Partial<RedisStoreOptions> = {},
): StorePlace {
  const prefix = server.freshPrefix();
  let openCount = 0;
  return {
    async open(asked = partitionCount): Promise<Store> {
      const lock = openCount === 0;
      openCount += 1;
      const { url } = server;
      const store = await openRedisStore({
        ...{ url, prefix, partitionCount: asked, lock, durability: 'disk', clock: machineClock },
        ...options,
      });
      let isOpen = true;
      const close = async (): Promise<void> => {
        if (isOpen) openCount -= 1;
        isOpen = false;
        await store.close();
      };
      return { ...store, close };
    },
    async corrupt({ partition, position }): Promise<void> {
      await withClient(server.url, (client) => flipBit(client, `${prefix}:{${partition}}:log`, position));
    },
    async remove(): Promise<void> {
      await server.clear(prefix);
    },
  };
}

export async function withClient<T>(
  url: string,
  use: (client: Redis) => Promise<T>,
  { enableReadyCheck = true }: { readonly enableReadyCheck?: boolean } = {},
): Promise<T> {
  const client = new Redis(url, { enableReadyCheck, lazyConnect: true });
  await client.connect();
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** Entries of a stream cannot be changed: it is written again, with one bit of one entry's last byte but one flipped. */
export async function flipBit(client: Redis, key: string, position: number): Promise<void> {
  const entries = (await client.callBuffer('XRANGE', key, '-', '+')) as [Buffer, [Buffer, Buffer]][];
  await client.del(key);
  for (const [id, [field, bytes]] of entries) {
    const kept = Buffer.from(bytes);
    if (id.toString() === `${position}-0`) kept[kept.length - 2]! ^= 1;
    await client.xadd(key, id, field, kept);
  }
}
