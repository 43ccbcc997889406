/**
 * The store's side of J3, as pure decisions that drivers share: may this entry, this table commit, follow what is stored?
 */
import { sameHash } from './entry.js';
import type { EntryAppend, Fence, GroupAppend, Head } from './journal.js';
import type { Checkpoint, TableCommit } from './tables.js';

export interface Refusal {
  readonly type: 'refused';
  readonly reason: 'fenced' | 'conflict' | 'storage';
  readonly detail: string;
}

/** What a store knows of a partition when it judges an append. */
export interface PartitionOwner {
  /** Undefined while nobody has ever taken the partition. */
  readonly fence: Fence | undefined;
  readonly head: Head;
}

export function refused(reason: Refusal['reason'], detail: string): Refusal {
  return { type: 'refused', reason, detail };
}

export function sameFence(left: Fence | undefined, right: Fence): boolean {
  return left !== undefined && left.epoch === right.epoch && left.nonce === right.nonce;
}

export function sameCheckpoint(left: Checkpoint, right: Checkpoint): boolean {
  return left.position === right.position && left.epoch === right.epoch && sameHash(left.hash, right.hash);
}

/** The fence first: a stale owner must hear `fenced` even when its head is out of date as well. */
export function refuseEntry(entry: EntryAppend, stored: PartitionOwner): Refusal | undefined {
  const { partition, position } = entry;
  if (!sameFence(stored.fence, entry.fence)) {
    return refused(
      'fenced',
      `partition ${partition} belongs to epoch ${stored.fence?.epoch ?? 0}, not ${entry.fence.epoch}`,
    );
  }
  if (position !== stored.head.position + 1) {
    return refused(
      'conflict',
      `partition ${partition} is at ${stored.head.position}, so ${position} does not follow`,
    );
  }
  if (!sameHash(entry.previousHash, stored.head.hash)) {
    return refused('conflict', `partition ${partition} has another entry at ${stored.head.position}`);
  }
  return undefined;
}

export function refuseTableCommit(
  commit: TableCommit,
  stored: { readonly fence: Fence | undefined; readonly checkpoint: Checkpoint },
): Refusal | undefined {
  if (!sameFence(stored.fence, commit.fence)) {
    const epoch = stored.fence?.epoch ?? 0;
    return refused(
      'fenced',
      `tables of partition ${commit.partition} belong to epoch ${epoch}, not ${commit.fence.epoch}`,
    );
  }
  if (!sameCheckpoint(stored.checkpoint, commit.from)) {
    const { position } = stored.checkpoint;
    return refused(
      'conflict',
      `tables of partition ${commit.partition} are at ${position}, not ${commit.from.position}`,
    );
  }
  return undefined;
}

/** A group with no entry or two entries of one partition is a mistake in the caller. */
export function assertGroup(group: GroupAppend, partitionCount: number): void {
  if (group.entries.length === 0) throw new RangeError('a group has at least one entry');
  const seen = new Set<number>();
  for (const { partition } of group.entries) {
    assertPartition(partition, partitionCount);
    if (seen.has(partition)) throw new RangeError(`two entries of partition ${partition} in one group`);
    seen.add(partition);
  }
}

export function assertPartition(partition: number, partitionCount: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
    throw new RangeError(`partition ${partition} is not one of ${partitionCount}`);
  }
}

/** Printable and short, because it stands in every fence record and in messages. */
const noncePattern = /^[!-~]{8,32}$/;

export function assertNonce(nonce: string): void {
  if (!noncePattern.test(nonce)) throw new RangeError('a nonce has 8–32 printable ASCII characters');
}
