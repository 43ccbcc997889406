/**
 * The journal: one append-only log per partition, written group by group. Encoded bytes in and out; what is inside an
 * entry is `entry.ts` and the runtime's business.
 *
 * J1  Positions of a partition are contiguous from 1. An entry holds the hash of the entry before it.
 * J2  A group is appended whole or not at all, and `appended` means durable: flushed to the disk the store promises.
 * J3  A group is refused unless, for every partition it touches, the token equals the stored one and the entry follows
 *     the head; and unless every entry in `after` (the group in flight before it) stands at its position.
 * J4  What `read` returns is durable. An owner sees all that was appended through its own store; others may see the newest entries
 *     of its partitions a moment late.
 */

/** The fencing token of a partition's owner: `epoch` rises with each taking, `nonce` tells two takers of one epoch apart. */
export interface Fence {
  readonly epoch: number;
  readonly nonce: string;
}

/** First 16 bytes of SHA-256 over an entry's bytes. Of the entry before the first: 16 zero bytes. */
export type EntryHash = Uint8Array;

export interface Head {
  /** 0 when the log is empty. */
  readonly position: number;
  readonly hash: EntryHash;
}

/** One partition's share of a group. `bytes` starts with the header of `entry.ts`. */
export interface EntryAppend {
  readonly partition: number;
  readonly position: number;
  readonly fence: Fence;
  readonly bytes: Uint8Array;
  readonly hash: EntryHash;
  /** Hash of the entry at `position - 1`. */
  readonly previousHash: EntryHash;
}

export interface EntryIdentity {
  readonly partition: number;
  readonly position: number;
  readonly hash: EntryHash;
}

export interface GroupAppend {
  readonly entries: readonly EntryAppend[];
  /** Entries of the group in flight before this one; checked, not written. Empty when that group is known durable. */
  readonly after: readonly EntryIdentity[];
}

/**
 * What became of an append.
 * `refused` is definite: nothing of the group is or will be in the log. `fenced`: another owner has the partition.
 * `conflict`: a head differs, or the predecessor is not in. `storage`: the store would not take it (full, read-only).
 * `unknown`: the store could not be asked in time, or failed in a way that leaves the group in or out.
 */
export type AppendResult =
  | { readonly type: 'appended' }
  | { readonly type: 'refused'; readonly reason: 'fenced' | 'conflict' | 'storage'; readonly detail: string }
  | { readonly type: 'unknown'; readonly cause: unknown };

export interface StoredEntry {
  readonly position: number;
  readonly bytes: Uint8Array;
}

export interface ReadLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /**
   * The partition's owner has said that everything up to here is durable: a store that has not heard of it (LMDB, in another thread than the
   * owner's) waits until it has. Throws `StoreFailure` `store-unreachable` when that does not come.
   */
  readonly durableTo?: number;
}

export interface Journal {
  /** Never throws for a store's "no"; see `AppendResult`. Appends of one caller are applied in the order of the calls. */
  append(group: GroupAppend): Promise<AppendResult>;
  /**
   * Entries from `from` on, in order, at least one if there is one, within the limits. Verifies nothing but presence
   * and contiguity; throws `OperatingError` `journal-gap` when a position in the middle is missing.
   */
  read(partition: number, from: number, limits: ReadLimits): Promise<readonly StoredEntry[]>;
  head(partition: number): Promise<Head>;
  /**
   * Gives up the entries before each cut, for good: reading them is a `journal-gap` from then on. Keeps the last entry of a log in
   * any case, and may keep some more: a server that took over whatever its tables lack. Resolves when the store has taken it; a trim that fails leaves logs that still begin
   * somewhere and have no gap after that. Whoever calls has made sure that nobody needs the entries any more.
   * All partitions in one call: an embedded store keeps them in the order in which they were written. A store that trims in many
   * steps asks `mayGoOn` before each; what it has not trimmed by then stays.
   */
  trim(cuts: readonly Cut[], mayGoOn?: () => boolean): Promise<void>;
}

/** A partition's entries before `below` are to go. */
export interface Cut {
  readonly partition: number;
  readonly below: number;
}
