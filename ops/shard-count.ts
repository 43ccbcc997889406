/**
 * How shards and partitions fit each other: a new store gets its partitions by the shards that start on it, and later starts have
 * no more shards than it has partitions.
 */
import { StoreFailure } from '../persistence/store-failure.js';

/** Exactly so many, 0 for none beside the main thread; or as many as there are partitions for, at most `atMost`. */
export type ShardCount = number | { readonly atMost: number };

/** Each group writes one entry per partition it touches, so more cost throughput; fewer leave no room for more shards. */
const partitionsPerShard = 8;
/** Of what may be asked for: more than a shard can use, less than what makes a group slow. */
export const partitionsMax = 256;

export function mostShards(shards: ShardCount): number {
  return typeof shards === 'number' ? shards : shards.atMost;
}

/** Of a store that is created by a start with so many shards: never fewer than these. */
export function partitionsWhenCreated(shards: ShardCount): number {
  const most = Math.max(1, mostShards(shards));
  return Math.max(most, Math.min(partitionsMax, partitionsPerShard * most));
}

/** Rejects with the error, and where the store has another count than was asked for, with the option that fits it. */
export function naming(option: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof StoreFailure) || error.storedPartitions === undefined) throw error;
    const advice = `start with ${option} ${error.storedPartitions}`;
    throw new StoreFailure(error.code, `${error.message}; ${advice}`, { cause: error });
  };
}

/** Throws `store-incompatible` when exactly more shards than partitions are asked for. */
export function shardsOver(partitionCount: number, shards: ShardCount): number {
  if (typeof shards !== 'number') return Math.min(shards.atMost, partitionCount);
  if (!(shards > partitionCount)) return shards;
  const detail = `${shards} shards are more than the ${partitionCount} partitions of the store; allowed: at most one shard per partition`;
  throw new StoreFailure('store-incompatible', detail);
}
