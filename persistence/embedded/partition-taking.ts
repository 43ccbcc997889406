/**
 * Taking a partition: claim it, put into LMDB what stands in write-ahead files, raise the epoch.
 */
import type { Taken } from '../ownership.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import { applyAheadFiles } from './ahead-recovery.js';
import type { Claims } from './claims.js';
import type { CommitSequence } from './commit-sequence.js';
import { fateOf, sendBlock } from './condition-block.js';
import { encodeFenceRecord } from './fence-record.js';
import type { LogEnvironment } from './log-environment.js';
import type { WriteDoor } from './write-door.js';

/** Takers of one partition that keep overtaking each other; more than this is a fault somewhere else. */
const attemptsMax = 100;

export interface TakingParts {
  /** The store's. */
  readonly directory: string;
  readonly environment: LogEnvironment;
  readonly claims: Claims;
  readonly door: WriteDoor;
  readonly clock: StoreClock;
  readonly sequence: CommitSequence;
}

export interface TakenPartition extends Taken {
  /** Of the fence record. */
  readonly version: number;
}

/**
 * Raises the epoch. Its flush covers everything older, so the head it returns, and every entry below, is durable, whoever wrote it. Throws
 * `StoreFailure` `store-broken`.
 */
export async function takePartition(
  parts: TakingParts,
  partition: number,
  nonce: string,
): Promise<TakenPartition> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    // Not the space guard: a few bytes, and without an owner a full store could not even be read.
    if (parts.door.closed !== undefined) throw new StoreFailure('store-broken', parts.door.closed);
    const taken = await parts.door.enter(tryToTake(parts, partition, nonce));
    if (taken !== undefined) return taken;
  }
  throw new StoreFailure(
    'store-broken',
    `partition ${partition} was taken by others ${attemptsMax} times in a row`,
  );
}

/** Undefined when somebody else took it, or wrote to it, in between. */
async function tryToTake(
  { directory, environment, claims, door, clock, sequence }: TakingParts,
  partition: number,
  nonce: string,
): Promise<TakenPartition | undefined> {
  const fence = { epoch: environment.readHead(partition).fence.epoch + 1, nonce };
  try {
    await claims.claim(partition, fence.epoch);
    await applyAheadFiles(environment, clock, directory);
  } catch (error) {
    door.fail(error instanceof StoreFailure && error.code === 'store-unreachable');
    throw error;
  }
  const stored = environment.readFence(partition);
  if (stored.fence.epoch + 1 !== fence.epoch) return undefined;
  const version = sequence.next([stored.version]);
  const record = encodeFenceRecord({ ...stored, fence });
  const block = sendBlock(environment.fences, [{ key: partition, version: stored.version }], () => {
    void environment.fences.put(partition, record, version);
  });
  const fate = await fateOf(block, clock, () => false);
  if (fate.type === 'unmet') return undefined;
  if (fate.type === 'durable') return { fence, head: stored.head, version };
  door.fail(fate.isLate);
  throw new StoreFailure('store-broken', 'the epoch could not be raised', { cause: fate.cause });
}
