/**
 * The store over one Redis server, for one thread: each thread opens its own.
 */
import type { Store } from '../store.js';
import { functions } from './function-library.js';
import { MemoryGuard } from './memory-guard.js';
import { RedisJournal } from './redis-journal.js';
import { redisOwnership } from './redis-ownership.js';
import { RedisSession, type RedisSessionOptions } from './redis-session.js';
import { RedisTables } from './redis-tables.js';
import { storageUnavailable } from './reply-error.js';
import type { Argument } from './request-bytes.js';

export interface RedisStoreOptions extends RedisSessionOptions {
  /** Tables that are read by key only: no index of their keys is kept. */
  readonly pointTables?: readonly string[];
}

/**
 * Opens the store, creating it if needed. Throws `StoreFailure`: `store-address`, `store-unreachable`, `store-access`,
 * `store-unsafe`, `store-incompatible`, `store-locked`; and `OperatingError` `store-went-back`.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { durability = 'disk' } = options;
  const session = await RedisSession.open(options);
  const { log, connection, keys, heads, binding, partitionCount, prefix, report } = session;
  const parts = { connection, keys, heads, binding, partitionCount };
  const journal = new RedisJournal({ ...parts, log });
  const pointTables = new Set(options.pointTables);
  const memory = new MemoryGuard(connection, report);
  await memory.measure();
  const ask = async (name: string, args: readonly Argument[]): Promise<unknown> => {
    if (heads.halted !== undefined) throw heads.halted;
    try {
      return await connection.send(name, args);
    } catch (error) {
      throw storageUnavailable(error);
    }
  };
  return {
    journal,
    tables: new RedisTables({ ...parts, pointTables }),
    ownership: redisOwnership({ ...parts, journal, lookAtServer: () => session.lookAtServer() }),
    partitionCount,
    durability,
    description: `${session.server}, prefix ${prefix}`,
    failsWithProcess: false,
    hasOneLog: false,
    groupsInFlightMax: 1,
    groupPaceMs: 5,
    readManifest: async () => ((await ask('GET', [keys.manifest])) as Buffer | null) ?? undefined,
    replaceManifest: async (expected, next) => {
      const condition = expected === undefined ? '0' : '1';
      const documents = [Buffer.from(expected ?? []), Buffer.from(next)];
      return (await ask('FCALL', [functions.replace, '1', keys.manifest, condition, ...documents])) === 1;
    },
    space: () => memory.measure(),
    outage: () => heads.halted?.message ?? log.outage ?? connection.outage,
    close: () => session.close(),
  };
}
