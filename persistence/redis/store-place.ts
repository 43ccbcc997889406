/**
 * What a prefix holds besides partitions: the document that says how the store was created.
 */
import { randomUUID } from 'node:crypto';
import { agreedPartitionCount, isPartitionCount, type PartitionCount } from '../partition-count.js';
import { StoreFailure } from '../store-failure.js';
import { functions } from './function-library.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';
import { anotherStore, type RollbackWitness } from './rollback-witness.js';

/** Raised when the meaning of keys or texts changes. */
export const redisFormat = 3;

export interface StorePlace {
  /** Drawn when the store was created: a store that was emptied and made again has another one. */
  readonly id: string;
  readonly partitionCount: number;
}

/**
 * Reads the document, or writes it: whoever is the first of several makes the store, the others find it. Throws
 * `store-incompatible`, and `store-went-back` for another store than the witness's.
 */
export async function openPlace(parts: {
  readonly send: SendCommand;
  readonly keys: RedisKeys;
  readonly prefix: string;
  readonly partitionCount: PartitionCount;
  /** The caller holds the lease. */
  readonly mayCreate: boolean;
  /** What the node remembers. A store it knows is not made anew: it was there, and is gone. */
  readonly witness?: RollbackWitness | undefined;
  readonly now: number;
}): Promise<StorePlace> {
  const { send, keys, prefix, partitionCount: asked } = parts;
  const shown = `prefix "${prefix}"`;
  let place = await findPlace(send, keys, prefix);
  if (parts.witness !== undefined && parts.witness.store !== place?.id) throw anotherStore(prefix);
  if (place === undefined && parts.mayCreate) {
    const created = {
      format: redisFormat,
      partitions: agreedPartitionCount(asked, undefined, shown),
      id: randomUUID(),
      created_at: new Date(parts.now).toISOString(),
    };
    // A condition in the server, although we hold the lease: it may have run out while we were held up.
    await send('FCALL', [functions.create, '1', keys.store, ...Object.entries(created).flat().map(String)]);
    place = await findPlace(send, keys, prefix);
  }
  if (place === undefined && parts.mayCreate) throw incomplete(keys);
  if (place === undefined)
    throw new StoreFailure('store-incompatible', `${shown} holds no store; open it with the lock first`);
  agreedPartitionCount(asked, place.partitionCount, shown);
  return place;
}

/**
 * Undefined where there is no store. Throws `store-incompatible` for one that another version of the program made, and for a
 * document that is damaged: nobody who creates a store leaves one.
 */
export async function findPlace(
  send: SendCommand,
  keys: RedisKeys,
  prefix: string,
): Promise<StorePlace | undefined> {
  const fields = (await send('HMGET', [keys.store, 'format', 'partitions', 'id'])) as (Buffer | null)[];
  const [format, partitions, id] = fields.map((field) => field?.toString());
  if (format === undefined && partitions === undefined && id === undefined) return undefined;
  if (format !== undefined && Number(format) !== redisFormat)
    throw new StoreFailure(
      'store-incompatible',
      `prefix "${prefix}" has format ${format}; this version reads format ${redisFormat}`,
    );
  if (format === undefined || partitions === undefined || id === undefined) throw incomplete(keys);
  const partitionCount = Number(partitions);
  if (!isPartitionCount(partitionCount))
    throw new StoreFailure(
      'store-incompatible',
      `${keys.store} is damaged: its partitions are no number of them`,
    );
  return { id, partitionCount };
}

function incomplete({ store }: RedisKeys): StoreFailure {
  const detail = `${store} is incomplete: it says how the store was created, and lacks format, partitions or id`;
  return new StoreFailure('store-incompatible', detail);
}
