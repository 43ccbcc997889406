/**
 * How many partitions a store has: fixed when it is created, because an actor's id names its partition modulo this count.
 */
import { StoreFailure } from './store-failure.js';

/** Exactly so many; or as many as the store has, and `whenCreated` where there is none yet. */
export type PartitionCount = number | { readonly whenCreated: number };

/** Keys hold the number of a partition in 16 bits. */
const partitionCountMax = 0xffff;

/**
 * The count that a store is opened with. `stored`: the one it was created with, undefined when it is about to be. Throws
 * `store-incompatible` when exactly another one is asked for.
 */
export function agreedPartitionCount(
  asked: PartitionCount,
  stored: number | undefined,
  place: string,
): number {
  const count = typeof asked === 'number' ? asked : (stored ?? asked.whenCreated);
  if (!isPartitionCount(count))
    throw new RangeError(`a store has 1–${partitionCountMax} partitions, not ${count}`);
  if (stored !== undefined && stored !== count)
    throw new StoreFailure(
      'store-incompatible',
      `${place} was created with ${stored} partitions, not ${count}; the count is fixed`,
      { storedPartitions: stored },
    );
  return count;
}

/** A store whose own document says anything else is damaged. */
export function isPartitionCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= partitionCountMax;
}
