/**
 * What a node remembers of its store outside of it: a small file in the data directory with the heads it last saw. A store that was
 * emptied or put back while no node ran cannot tell by itself; the file can.
 *
 * Written every two seconds, at a clean stop, and by whoever finds that the store went back: in between it may lag, and then
 * proves less. It is never ahead of what the store had made durable.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { threadId } from 'node:worker_threads';
import { OperatingError } from '../../actors/model/errors.js';
import { StoreFailure } from '../store-failure.js';
import { AcknowledgedHeads } from './acknowledged-heads.js';
import { fenceText, parseFence, type StoredFence } from './fence-text.js';
import { checkHeads } from './heads-check.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';

const witnessFormat = 1;

export interface RollbackWitness {
  /** `StorePlace.id`. */
  readonly store: string;
  /** By partition; undefined where it had never been taken. */
  readonly fences: readonly (StoredFence | undefined)[];
}

/** Undefined when there is no file. Throws `store-incompatible` when it cannot be read. */
export function readWitness(file: string): RollbackWitness | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    // Written below; anything else throws here or in `parseFence`.
    const { format, store, fences } = JSON.parse(text) as {
      format: number;
      store: string;
      fences: (string | null)[];
    };
    if (format !== witnessFormat) throw new RangeError(`format ${format}`);
    return { store, fences: fences.map((fence) => (fence === null ? undefined : parseFence(fence))) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `${file} cannot be read (${why}); when Redis holds what it should, remove the file`;
    throw new StoreFailure('store-incompatible', detail, { cause });
  }
}

/** Replaces the file as a whole. */
export async function writeWitness(file: string, witness: RollbackWitness): Promise<void> {
  const draft = draftOf(file);
  // Flushed before it has its name: a power cut must not leave an empty file, which would refuse the next start.
  await writeFile(draft, witnessText(witness), { flush: true });
  await rename(draft, file);
}

/**
 * Puts down what a thread knows to be acknowledged, when it has found that the store holds less: it is newer than what was seen
 * last, and without it the next start would go on from the older history.
 */
export function keepInMind(file: string, heads: AcknowledgedHeads): void {
  const witness = readWitness(file);
  if (witness === undefined) return;
  const fences = [...witness.fences];
  for (const [partition, { fence, position, hash }] of heads.known()) {
    const seen = fences[partition];
    const isNewer =
      seen === undefined ||
      fence.epoch > seen.fence.epoch ||
      (fence.epoch === seen.fence.epoch && position > seen.head.position);
    if (isNewer) fences[partition] = { fence, head: { position, hash } };
  }
  const draft = draftOf(file);
  writeFileSync(draft, witnessText({ ...witness, fences }), { flush: true });
  renameSync(draft, file);
}

function witnessText({ store, fences }: RollbackWitness): string {
  const texts = fences.map((stored) =>
    stored === undefined ? null : fenceText(stored.fence, stored.head.position, stored.head.hash),
  );
  return `${JSON.stringify({ format: witnessFormat, store, fences: texts })}\n`;
}

/** One for each thread that may write. */
function draftOf(file: string): string {
  return `${file}.${process.pid}-${threadId}.draft`;
}

/** Throws `store-went-back` when the store holds less than was seen. */
export async function checkWitness(
  send: SendCommand,
  keys: RedisKeys,
  seen: RollbackWitness['fences'],
): Promise<void> {
  const heads = new AcknowledgedHeads(seen.length, () => {});
  for (const [partition, stored] of seen.entries())
    if (stored !== undefined) heads.note(partition, { fence: stored.fence, ...stored.head });
  try {
    await checkHeads(send, keys, heads);
  } catch (cause) {
    if (heads.halted === undefined) throw cause;
    const detail = `${heads.halted.message}. Restore it, or accept the loss with: troupe doctor accept-rollback`;
    throw new OperatingError('store-went-back', detail);
  }
}

/** The error of a prefix that holds another store, or none, than the file remembers. */
export function anotherStore(prefix: string): OperatingError {
  return new OperatingError(
    'store-went-back',
    `Redis no longer holds the store that this node has worked with under the prefix "${prefix}": it was emptied or replaced. Restore it, or accept the loss with: troupe doctor accept-rollback`,
  );
}
