/**
 * Opens a store by URL: `embedded:DIR`, `memory:`.
 */
import { openEmbeddedStore } from './embedded/embedded-store.js';
import { createMemoryStore } from './memory/memory-store.js';
import type { Durability, Store } from './store.js';
import type { StoreClock } from './store-clock.js';
import { StoreFailure } from './store-failure.js';

export interface OpenStoreOptions {
  readonly partitionCount: number;
  readonly clock: StoreClock;
  /** Default `disk`. */
  readonly durability?: Durability;
  /** See `EmbeddedStoreOptions`. */
  readonly freeBytesMin?: number;
  /** False in shard threads: the main thread has locked the directory. Default true. */
  readonly lock?: boolean;
}

/** Throws `StoreFailure` `store-address` for a URL that names no store. */
export async function openStore(url: string, options: OpenStoreOptions): Promise<Store> {
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
      throw new StoreFailure('store-address', 'this version has no Redis store yet; use embedded:DIR');
    default:
      throw new StoreFailure('store-address', `"${url}" is no store; use embedded:DIR or memory:`);
  }
}

function splitUrl(url: string): [scheme: string, rest: string] {
  const colon = url.indexOf(':');
  return colon === -1 ? ['', url] : [url.slice(0, colon), url.slice(colon + 1)];
}
