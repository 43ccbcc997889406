/**
 * What stands in write-ahead files and not in LMDB: put there by whoever takes a partition from an owner that still writes, and by the
 * next owner of a store whose last one did not close it.
 */
import type { StoreClock } from '../store-clock.js';
import { type AheadReading, readAheadFiles, removeAheadFiles } from './ahead-file.js';
import { arrives } from './arrival.js';
import type { Claims } from './claims.js';
import { failureOf } from './condition-block.js';
import { LogApplier } from './log-applier.js';
import type { LogEnvironment } from './log-environment.js';

/**
 * Durable in LMDB when it resolves, as far as the conditions are met: what was sent before a time, by default that of the call. Throws
 * `StoreFailure`: `store-broken` when a write failed, `store-unreachable` when one was not flushed in time.
 */
export async function applyAheadFiles(
  environment: LogEnvironment,
  clock: StoreClock,
  directory: string,
  reading?: AheadReading,
): Promise<void> {
  const records = readAheadFiles(directory, reading);
  const applied = await new LogApplier(environment, clock).apply(records);
  if (applied.type === 'unknown')
    throw failureOf(applied, 'what was written ahead could not be put into the log');
}

/** For the one owner of a directory, before anybody reads it: an owner that is only asleep finds it claimed when it wakes. */
export async function settleAheadFiles(
  directory: string,
  parts: {
    readonly environment: LogEnvironment;
    readonly claims: Claims;
    readonly clock: StoreClock;
    readonly partitionCount: number;
  },
): Promise<void> {
  await parts.claims.claimAll(parts.partitionCount);
  // Whatever the clock says: the machine may have started anew since.
  await applyAheadFiles(parts.environment, parts.clock, directory, { sentBefore: Number.POSITIVE_INFINITY });
  removeAheadFiles(directory);
}

/**
 * For who looks at a store beside its owner: waits until LMDB has what stands in the files now, as far as it was not refused. False when
 * that does not come, because the owner hangs or has failed.
 */
export async function aheadArrived(
  directory: string,
  environment: LogEnvironment,
  clock: StoreClock,
): Promise<boolean> {
  const records = readAheadFiles(directory);
  const applier = new LogApplier(environment, clock);
  return await arrives(() => applier.hasAll(records));
}
