/**
 * After a store was put back or emptied and a person has accepted the loss: says what is lost, and raises every epoch above any that
 * was ever given, so that nobody who still remembers the lost part can write.
 */
import { randomBytes } from 'node:crypto';
import { hashEntry, sameHash } from '../entry.js';
import type { StoreClock } from '../store-clock.js';
import { StoreFailure } from '../store-failure.js';
import type { StoredFence } from './fence-text.js';
import { loadLibrary } from './function-library.js';
import { readFences } from './heads-check.js';
import { RedisKeys } from './keys.js';
import { acquireLease, holderOfProcess } from './node-lease.js';
import { parseRedisUrl, type RedisTlsFiles } from './redis-address.js';
import { RedisConnection, type SendCommand } from './redis-connection.js';
import { takeArguments } from './redis-ownership.js';
import { forgetFindings, readWitness, writeWitness } from './rollback-witness.js';
import { askServer } from './server-check.js';
import { openPlace } from './store-place.js';

export interface AcceptRollbackOptions {
  readonly url: string;
  readonly tls?: RedisTlsFiles;
  readonly prefix?: string;
  readonly clock: StoreClock;
  /** See `RedisSessionOptions`. */
  readonly witnessFile: string;
}

/** Entries of one partition that were acknowledged and are gone; `to` as far as the witness saw. */
export interface LostEntries {
  readonly partition: number;
  /** Null when the store went on from an older copy and holds other entries now: where they begin is not known. */
  readonly from: number | null;
  readonly to: number;
}

export interface AcceptedRollback {
  /** Empty when the store holds all that the witness saw. */
  readonly lost: readonly LostEntries[];
  /** True when not even the store itself was there any more. */
  readonly wasEmptied: boolean;
}

/**
 * No node may run on the prefix. Throws `store-locked` when one does, `store-incompatible` when there is no witness, and what
 * opening a connection throws.
 */
export async function acceptRollback(options: AcceptRollbackOptions): Promise<AcceptedRollback> {
  const { clock, prefix = 'troupe', witnessFile } = options;
  const witness = readWitness(witnessFile);
  if (witness === undefined)
    throw new StoreFailure('store-incompatible', `${witnessFile} is not there: nothing is known to be lost`);
  const partitionCount = witness.fences.length;
  const keys = new RedisKeys(prefix);
  const address = parseRedisUrl(options.url, options.tls);
  const report = (): void => {};
  const verify = async (send: SendCommand): Promise<void> => {
    await askServer(send, address.shown);
    await loadLibrary(send);
  };
  const connection = await RedisConnection.open({ address, name: `${prefix}-doctor`, clock, report, verify });
  try {
    const { send } = connection;
    const nonce = `accepted-${randomBytes(9).toString('base64url')}`;
    const lease = await acquireLease({ key: keys.node, send, clock, report, nonce });
    const place = await openPlace({ send, keys, prefix, partitionCount, mayCreate: true, now: clock.now() });
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    const stored = await readFences(send, keys, partitions);
    const wasEmptied = place.id !== witness.store;
    const lost: LostEntries[] = [];
    for (const [partition, seen] of witness.fences.entries()) {
      const to = seen?.head.position ?? 0;
      if (seen === undefined || to === 0) continue;
      const from = wasEmptied ? 1 : await lostFrom(send, keys.log(partition), seen, stored[partition]);
      if (from !== undefined) lost.push({ partition, from, to });
    }
    const holder = holderOfProcess();
    for (const partition of partitions) {
      const above = witness.fences[partition]?.fence.epoch ?? 0;
      await send('FCALL', takeArguments(keys, partition, { nonce, above, holder }));
    }
    await writeWitness(witnessFile, { store: place.id, fences: await readFences(send, keys, partitions) });
    forgetFindings(witnessFile);
    await lease.release();
    return { lost, wasEmptied };
  } finally {
    connection.close();
  }
}

/** Undefined when the store holds what the witness saw, as far as that is still in its log; else as in `LostEntries`. */
async function lostFrom(
  send: SendCommand,
  log: string,
  seen: StoredFence,
  stored: StoredFence | undefined,
): Promise<number | null | undefined> {
  if (stored === undefined) return 1;
  const { fence, head } = stored;
  const isSameOwner = fence.epoch === seen.fence.epoch && fence.nonce === seen.fence.nonce;
  // Who took it later, or the same epoch for a second time, may have gone on from any older copy.
  if (head.position < seen.head.position)
    return isSameOwner || fence.epoch < seen.fence.epoch ? head.position + 1 : null;
  const id = `${seen.head.position}-0`;
  const [entry] = (await send('XRANGE', [log, id, id])) as [Buffer, [Buffer, Buffer]][];
  return entry === undefined || sameHash(hashEntry(entry[1][1]), seen.head.hash) ? undefined : null;
}
