/**
 * Who may write a partition. Taking raises the epoch *before* anything is read, so whatever the old owner still has
 * under way is refused from then on.
 */
import type { Fence, Head } from './journal.js';

export interface Taken {
  readonly fence: Fence;
  /** The head after the epoch was raised: no older owner can move it any more. */
  readonly head: Head;
}

/**
 * `lost`: the token is no longer the partition's. `elsewhere`: it was taken on another server than the store is on now, which may lack rows of its
 * tables; nothing but the log is read until it was taken again.
 */
export type Standing = 'held' | 'lost' | 'elsewhere';

export interface Ownership {
  /**
   * Raises the epoch durably and returns the new token. `nonce`: 8–32 characters, unique to this taker. Throws `store-locked` when
   * another node has the store by now.
   */
  take(partition: number, nonce: string): Promise<Taken>;
  /** Tells the store that this owner is alive, and how it stands with the partition. Throws `store-went-back`. */
  renew(partition: number, fence: Fence): Promise<Standing>;
  /** Gives the partition back; a no-op when the token is stale. Waits for nobody, so that a stop does not hang on it. */
  release(partition: number, fence: Fence): Promise<void>;
  observe(partition: number): Promise<Fence | undefined>;
}
