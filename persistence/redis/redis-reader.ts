/**
 * Looks into a store in Redis beside whoever owns it: one connection, reading commands only, no lease and no library loaded.
 */
import { assertPartition } from '../append-check.js';
import { noHash } from '../entry.js';
import { ServerBinding } from '../server-binding.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoreReader } from '../store-reader.js';
import { AcknowledgedHeads } from './acknowledged-heads.js';
import { parseFence, type StoredFence } from './fence-text.js';
import { RedisKeys } from './keys.js';
import { MemoryGuard } from './memory-guard.js';
import { parseRedisUrl, type RedisTlsFiles } from './redis-address.js';
import { RedisConnection } from './redis-connection.js';
import { RedisJournal } from './redis-journal.js';
import { RedisTables } from './redis-tables.js';
import { askServer, describeServer, memoryOf } from './server-check.js';
import { parseInfo } from './server-info.js';
import { findPlace } from './store-place.js';

export interface RedisReaderOptions {
  readonly url: string;
  readonly tls?: RedisTlsFiles;
  readonly prefix?: string;
  readonly pointTables?: readonly string[];
  readonly clock: StoreClock;
}

/** Throws `StoreFailure`: `store-address`, `store-unreachable`, `store-access`, `store-incompatible`. */
export async function openRedisReader(options: RedisReaderOptions): Promise<StoreReader> {
  const { clock, prefix = 'troupe' } = options;
  const report = (): void => {};
  const address = parseRedisUrl(options.url, options.tls);
  let server = 'Redis';
  const connection = await RedisConnection.open({
    address,
    name: `${prefix}-reader`,
    clock,
    report,
    verify: async (send) => {
      server = describeServer(await askServer(send, address.shown));
    },
  });
  try {
    const keys = new RedisKeys(prefix);
    const place = await findPlace(connection.send, keys, prefix);
    if (place === undefined)
      throw new StoreFailure('store-incompatible', `prefix "${prefix}" holds no store`);
    const { partitionCount } = place;
    const heads = new AcknowledgedHeads(report);
    const parts = { connection, keys, heads, binding: new ServerBinding(), partitionCount };
    const journal = new RedisJournal({ ...parts, log: connection });
    const tables = new RedisTables({ ...parts, pointTables: new Set(options.pointTables) });
    const fences = async (): Promise<(StoredFence | undefined)[]> => {
      const names = Array.from({ length: partitionCount }, (_, partition) => keys.fence(partition));
      // One command: the heads of one moment.
      const texts = (await connection.send('MGET', names)) as (Buffer | null)[];
      return texts.map((text) => (text === null ? undefined : parseFence(text.toString())));
    };
    return {
      journal,
      tables,
      partitionCount,
      description: `${server} at ${address.shown}, prefix ${prefix}`,
      heads: async () => (await fences()).map((fence) => fence?.head ?? { position: 0, hash: noHash }),
      observe: async (partition) => {
        assertPartition(partition, partitionCount);
        return (await journal.storedFence(partition))?.fence;
      },
      owner: async () => {
        const holder = (await connection.send('GET', [keys.node])) as Buffer | null;
        if (holder === null) return undefined;
        const [host, pid] = holder.toString().split(' ');
        return `process ${pid} on ${host}`;
      },
      space: () => new MemoryGuard(connection, report).measure(),
      sizes: async () => {
        const memory = memoryOf(parseInfo(String(await connection.send('INFO', ['memory']))));
        return { 'memory of the server': memory.usedBytes };
      },
      readManifest: async () =>
        ((await connection.send('GET', [keys.manifest])) as Buffer | null) ?? undefined,
      close: async () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}
