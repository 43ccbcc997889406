/**
 * Opens a store by URL: `embedded:DIR`, `redis://…`, `rediss://…`, `memory:`. The Redis driver is loaded when it is asked for: most
 * threads that start never need it.
 */
import { Archive } from './archive/archive.js';
import { archivedJournal, archivedReader } from './archive/archived-journal.js';
import { copyEmbeddedStore } from './embedded/embedded-backup.js';
import { openEmbeddedReader } from './embedded/embedded-reader.js';
import { openEmbeddedStore } from './embedded/embedded-store.js';
import { createMemoryStore } from './memory/memory-store.js';
import type { PartitionCount } from './partition-count.js';
import type { AcceptedRollback } from './redis/accept-rollback.js';
import type { RedisTlsFiles } from './redis/redis-address.js';
import type { Durability, Store } from './store.js';
import type { BlockingCall, StoreClock } from './store-clock.js';
import { StoreFailure } from './store-failure.js';
import type { StoreReader } from './store-reader.js';
import type { StoreReport } from './store-report.js';

export interface OpenStoreOptions {
  readonly partitionCount: PartitionCount;
  readonly clock: StoreClock;
  /** Default `disk`. */
  readonly durability?: Durability;
  /** See `EmbeddedStoreOptions`. */
  readonly freeBytesMin?: number;
  /** False in shard threads: the main thread has locked the store. Default true. */
  readonly lock?: boolean;
  readonly report?: StoreReport;
  /** For a thread that has nothing to do but its appends; see `BlockingCall`. */
  readonly blocking?: BlockingCall;
  readonly redis?: RedisOptions;
  /** Directory of the archive, where entries that were trimmed are read. */
  readonly archive?: string;
}

/** What only the Redis store needs; plain data, so that it travels to shard threads. See `RedisStoreOptions`. */
export interface RedisOptions {
  readonly prefix?: string;
  readonly tls?: RedisTlsFiles;
  readonly pointTables?: readonly string[];
  readonly witnessFile?: string;
}

/** Throws `StoreFailure` `store-address` for a URL that names no store. */
export async function openStore(url: string, options: OpenStoreOptions): Promise<Store> {
  const store = await openDriver(url, options);
  if (options.archive === undefined) return store;
  return { ...store, journal: archivedJournal(store.journal, new Archive(options.archive)) };
}

async function openDriver(url: string, options: OpenStoreOptions): Promise<Store> {
  const [scheme, rest] = splitUrl(url);
  switch (scheme) {
    case 'embedded':
      if (rest === '')
        throw new StoreFailure('store-address', 'embedded: needs a directory, as in embedded:./data');
      return openEmbeddedStore({ ...options, directory: rest });
    case 'memory':
      return createMemoryStore({ partitionCount: options.partitionCount });
    case 'redis':
    case 'rediss':
      return (await import('./redis/redis-store.js')).openRedisStore({ ...options, ...options.redis, url });
    default:
      throw new StoreFailure('store-address', `"${url}" is no store; use embedded:DIR, redis://… or memory:`);
  }
}

/** Where a store is and how it is reached. Plain data: it crosses threads. */
export interface StoreAddress {
  readonly url: string;
  readonly redis?: RedisOptions;
  /** See `OpenStoreOptions`. */
  readonly archive?: string;
}

/** Opens a store to look into it. Throws as `openStore`, and `store-incompatible` where there is none. */
export async function openStoreReader(address: StoreAddress, clock: StoreClock): Promise<StoreReader> {
  const reader = await openDriverReader(address, clock);
  if (address.archive === undefined) return reader;
  return { ...reader, journal: archivedReader(reader.journal, new Archive(address.archive)) };
}

async function openDriverReader(address: StoreAddress, clock: StoreClock): Promise<StoreReader> {
  const [scheme, rest] = splitUrl(address.url);
  switch (scheme) {
    case 'embedded':
      return await openEmbeddedReader(rest, clock);
    case 'redis':
    case 'rediss':
      return (await import('./redis/redis-reader.js')).openRedisReader({
        ...address.redis,
        url: address.url,
        clock,
      });
    case 'memory':
      throw new StoreFailure('store-address', 'a store in memory is seen only by the process that has it');
    default:
      throw new StoreFailure('store-address', `"${address.url}" is no store; use embedded:DIR or redis://…`);
  }
}

/** Copies a store and its archive into an empty directory, consistent and durable, beside its owner. */
export async function copyStore(
  { url, archive }: StoreAddress,
  directory: string,
  clock: StoreClock,
): Promise<void> {
  const [scheme, rest] = splitUrl(url);
  if (scheme === 'embedded') return await copyEmbeddedStore(rest, directory, clock, archive);
  throw new StoreFailure(
    'store-address',
    'only an embedded store is copied as a whole; a journal is exported',
  );
}

/** After a person has accepted that a store in Redis went back; see `accept-rollback.ts`. */
export async function acceptStoreRollback(
  { url, redis }: StoreAddress,
  clock: StoreClock,
): Promise<AcceptedRollback> {
  const [scheme] = splitUrl(url);
  const witnessFile = redis?.witnessFile;
  if ((scheme !== 'redis' && scheme !== 'rediss') || witnessFile === undefined)
    throw new StoreFailure(
      'store-address',
      'only a store in Redis can go back under a node: give its --store',
    );
  const { acceptRollback } = await import('./redis/accept-rollback.js');
  return await acceptRollback({ ...redis, url, clock, witnessFile });
}

function splitUrl(url: string): [scheme: string, rest: string] {
  const colon = url.indexOf(':');
  return colon === -1 ? ['', url] : [url.slice(0, colon), url.slice(colon + 1)];
}
