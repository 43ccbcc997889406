/**
 * What a prefix holds besides partitions: the document that says how the store was created.
 */
import { randomUUID } from 'node:crypto';
import { StoreFailure } from '../store-failure.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';
import { anotherStore, type RollbackWitness } from './rollback-witness.js';

/** Raised when the meaning of keys or texts changes. */
export const redisFormat = 3;

export interface StorePlace {
  /** Drawn when the store was created: a store that was emptied and made again has another one. */
  readonly id: string;
  readonly isNew: boolean;
}

/** Reads the document, or writes it. Throws `store-incompatible`, and `store-went-back` for another store than the witness's. */
export async function openPlace(parts: {
  readonly send: SendCommand;
  readonly keys: RedisKeys;
  readonly prefix: string;
  readonly partitionCount: number;
  /** The caller holds the lease. */
  readonly mayCreate: boolean;
  /** What the node remembers. A store it knows is not made anew: it was there, and is gone. */
  readonly witness?: RollbackWitness | undefined;
  readonly now: number;
}): Promise<StorePlace> {
  const { send, keys, prefix, partitionCount } = parts;
  const fields = (await send('HMGET', [keys.store, 'format', 'partitions', 'id'])) as (Buffer | null)[];
  const [format, partitions, id] = fields.map((field) => field?.toString());
  if (parts.witness !== undefined && parts.witness.store !== id) throw anotherStore(prefix);
  if (format === undefined || partitions === undefined || id === undefined) {
    if (!parts.mayCreate)
      throw new StoreFailure(
        'store-incompatible',
        `prefix "${prefix}" holds no store; open it with the lock first`,
      );
    const created = { format: redisFormat, partitions: partitionCount, id: randomUUID() };
    const createdAt = new Date(parts.now).toISOString();
    await send('HSET', [keys.store, ...Object.entries(created).flat().map(String), 'created_at', createdAt]);
    return { id: created.id, isNew: true };
  }
  if (Number(format) !== redisFormat)
    throw new StoreFailure(
      'store-incompatible',
      `prefix "${prefix}" has format ${format}; this version reads format ${redisFormat}`,
    );
  if (Number(partitions) !== partitionCount)
    throw new StoreFailure(
      'store-incompatible',
      `prefix "${prefix}" was created with ${partitions} partitions, not ${partitionCount}; start with --partitions ${partitions}`,
    );
  return { id, isNew: false };
}
