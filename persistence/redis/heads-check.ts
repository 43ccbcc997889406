/**
 * Asks the store whether it still holds what is known to be acknowledged.
 */
import { hashEntry, sameHash } from '../entry.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { parseFence, type StoredFence } from './fence-text.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';

/** Throws `store-went-back`, and halts the store, when it does not. */
export async function checkHeads(
  send: SendCommand,
  keys: RedisKeys,
  heads: AcknowledgedHeads,
): Promise<void> {
  // Before the store is asked (K1).
  const known = heads.known();
  if (known.length > 0) {
    const fences = await readFences(
      send,
      keys,
      known.map(([partition]) => partition),
    );
    for (const [index, [partition, newest]] of known.entries()) {
      const stored = fences[index];
      heads.check(partition, newest, stored);
      // Another owner went on from here: then what we know must be in its log, as far as that is still there.
      if (newest.position === 0 || stored?.fence.epoch === newest.fence.epoch) continue;
      const id = `${newest.position}-0`;
      const [entry] = (await send('XRANGE', [keys.log(partition), id, id])) as [Buffer, [Buffer, Buffer]][];
      if (entry !== undefined && !sameHash(hashEntry(entry[1][1]), newest.hash))
        heads.halt(
          `partition ${partition}: another entry stands at ${newest.position} than was acknowledged`,
        );
    }
  }
  if (heads.halted !== undefined) throw heads.halted;
}

/** Owner and head of partitions, of one moment. */
export async function readFences(
  send: SendCommand,
  keys: RedisKeys,
  partitions: readonly number[],
): Promise<(StoredFence | undefined)[]> {
  const names = partitions.map((partition) => keys.fence(partition));
  const texts = (await send('MGET', names)) as (Buffer | null)[];
  return texts.map((text) => (text === null ? undefined : parseFence(text.toString())));
}
