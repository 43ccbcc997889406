/** From settings to what `openStore` takes. */
import path from 'node:path';
import type { RedisOptions } from '../persistence/open-store.js';
import type { Config } from './settings.js';

/** For people and labels: a URL may hold a password. */
export function storeKind({ store }: Pick<Config, 'store'>): 'embedded' | 'redis' {
  return store === 'embedded' ? 'embedded' : 'redis';
}

export function storeUrlOf(config: Pick<Config, 'store' | 'dataDirectory'>): string {
  return config.store === 'embedded' ? `embedded:${config.dataDirectory}` : config.store;
}

/** What a node remembers of its Redis store; see `persistence/redis/rollback-witness.ts`. */
export function witnessFileOf(directory: string, prefix: string): string {
  return path.join(directory, `redis-${prefix}.witness.json`);
}

export function redisOptionsOf(
  config: Pick<Config, 'dataDirectory' | 'prefix' | 'storeCaFile' | 'storeCertificateFile' | 'storeKeyFile'>,
): RedisOptions {
  return {
    prefix: config.prefix,
    witnessFile: witnessFileOf(config.dataDirectory, config.prefix),
    tls: {
      caFile: config.storeCaFile,
      certificateFile: config.storeCertificateFile,
      keyFile: config.storeKeyFile,
    },
  };
}

/**
 * Of entries of one partition, packed into one file. A log holds one to three of them per partition. In Redis they take memory that each
 * rewrite of its file copies: with 16 MB the p99 of transfers under full load was 51 ms, with 4 MB 42.
 */
export function segmentBytesOf(kind: 'embedded' | 'redis'): number {
  return (kind === 'redis' ? 4 : 16) * 2 ** 20;
}

/**
 * Of a shard's thread. V8 gives a third of the young generation to each semi-space. A smaller one is collected more often, each time in
 * a shorter pause, and promotes what is in flight; what outlives a collection is, for the most part, ended sagas whose rows are not
 * written. In turn, 2 vCPU: transfers at full load 13.7k/s with 96 MB and 14.2k with 192, on Redis 11.9k and 12.4k; at half load p99 12.1
 * to 12.8 ms and 12.7 to 19.5, on Redis 17 and 22. So the smaller one where nothing but pauses makes the tail; on Redis rewrites
 * of its file make most of it.
 */
export function youngGenerationMbOf(storeUrl: string): number {
  return storeUrl.startsWith('embedded:') ? 96 : 192;
}

export function archiveDirectoryOf(config: Pick<Config, 'archiveDirectory' | 'dataDirectory'>): string {
  return config.archiveDirectory ?? path.join(config.dataDirectory, 'archive');
}
