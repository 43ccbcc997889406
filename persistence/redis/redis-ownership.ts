/**
 * Ownership over the fences: taking raises the epoch of log and tables in one Function, so whatever an older owner has under
 * way is refused from then on, on whichever connection it arrives.
 */
import { OperatingError } from '../../actors/model/errors.js';
import { assertNonce, assertPartition, sameFence } from '../append-check.js';
import type { Fence } from '../journal.js';
import type { Ownership, Standing, Taken } from '../ownership.js';
import type { ServerBinding } from '../server-binding.js';
import { StoreFailure } from '../store-failure.js';
import type { AcknowledgedHeads } from './acknowledged-heads.js';
import { noCheckpointText, noHeadText, parseFence } from './fence-text.js';
import { functions } from './function-library.js';
import type { RedisKeys } from './keys.js';
import { holderOfProcess } from './node-lease.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisJournal } from './redis-journal.js';
import { storageUnavailable } from './reply-error.js';

/** What FCALL is given to raise a partition's epoch above `above`. `holder`: how the lease of the taker begins. */
export function takeArguments(
  keys: RedisKeys,
  partition: number,
  { nonce, above, holder }: { readonly nonce: string; readonly above: number; readonly holder: string },
): string[] {
  const names = [keys.fence(partition), keys.mark(partition), keys.log(partition), keys.node];
  return [functions.take, '4', ...names, nonce, noHeadText, noCheckpointText, String(above), holder];
}

export function redisOwnership(parts: {
  readonly connection: RedisConnection;
  readonly journal: RedisJournal;
  readonly keys: RedisKeys;
  readonly heads: AcknowledgedHeads;
  readonly binding: ServerBinding;
  /** Moves the binding when the server has changed under its connections. */
  readonly lookAtServer: () => Promise<void>;
  readonly partitionCount: number;
}): Ownership {
  const { connection, journal, keys, heads, binding, lookAtServer, partitionCount } = parts;

  const holder = holderOfProcess();

  const take = async (partition: number, nonce: string): Promise<Taken> => {
    assertPartition(partition, partitionCount);
    assertNonce(nonce);
    if (heads.halted !== undefined) throw heads.halted;
    // Before the store is asked (K1).
    const known = heads.newest(partition);
    const { server } = binding;
    let answer: unknown;
    try {
      answer = await connection.send('FCALL', takeArguments(keys, partition, { nonce, above: 0, holder }));
    } catch (error) {
      throw storageUnavailable(error);
    }
    // As the Function returns it.
    const [before, after, lastId] = answer as readonly [Buffer | null, Buffer | undefined, Buffer | null];
    if (after === undefined) throw supersededBy(String(before));
    heads.check(partition, known, before === null ? undefined : parseFence(before.toString()));
    if (heads.halted !== undefined) throw heads.halted;
    const taken = parseFence(after.toString());
    assertLogEnd(partition, taken.head.position, lastId?.toString());
    heads.note(partition, { fence: taken.fence, ...taken.head });
    binding.noteTaken(partition, server);
    return taken;
  };

  const standing = async (partition: number, fence: Fence): Promise<Standing> => {
    assertPartition(partition, partitionCount);
    const stored = await journal.storedFence(partition);
    if (!sameFence(stored?.fence, fence)) return 'lost';
    try {
      await lookAtServer();
    } catch (error) {
      throw storageUnavailable(error);
    }
    return binding.isElsewhere(partition) ? 'elsewhere' : 'held';
  };

  return {
    take,
    // The lease that says a node is alive is held per node; see `node-lease.ts`.
    renew: standing,
    async release(partition, fence) {
      const known = heads.newest(partition);
      if (known === undefined || !sameFence(known.fence, fence)) return;
      heads.forget(partition);
      binding.forget(partition);
    },
    async observe(partition) {
      assertPartition(partition, partitionCount);
      return (await journal.storedFence(partition))?.fence;
    },
  };
}

/** An append moves fence and log together: when they differ, somebody has cut or replaced one of them. */
function assertLogEnd(partition: number, head: number, lastId: string | undefined): void {
  const end = lastId === undefined ? 0 : Number.parseInt(lastId, 10);
  if (end === head && (lastId === undefined || lastId === `${head}-0`)) return;
  throw new OperatingError(
    'store-went-back',
    `Partition ${partition}: its log in Redis ends at ${lastId ?? 'nothing'}, its fence says ${head}. Somebody changed one of them.`,
    { address: `partition ${partition}` },
  );
}

function supersededBy(holder: string): StoreFailure {
  const [host, pid] = holder.split(' ');
  return new StoreFailure('store-locked', `process ${pid} on ${host} has the store now`);
}
