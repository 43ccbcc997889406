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

export interface Ownership {
  /**
   * Raises the epoch durably and returns the new token. `nonce`: 8–32 characters, unique to this taker. Throws `store-locked` when
   * another node has the store by now.
   */
  take(partition: number, nonce: string): Promise<Taken>;
  /** Tells the store that this owner is alive. False when the token is no longer the partition's. */
  renew(partition: number, fence: Fence): Promise<boolean>;
  /** Gives the partition back; a no-op when the token is stale. */
  release(partition: number, fence: Fence): Promise<void>;
  observe(partition: number): Promise<Fence | undefined>;
}
