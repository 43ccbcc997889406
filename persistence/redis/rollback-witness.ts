/**
 * What a node remembers of its store outside of it: a small file in the data directory with the heads it last saw. A store that was
 * emptied or put back while no node ran cannot tell by itself; the file can.
 *
 * Written every two seconds and at a clean stop by the thread that holds the lease: in between it may lag, and then proves less. A
 * thread that finds that the store went back knows more and writes it at once, into a file of its own beside the first: no two
 * threads replace the same file, or the older heads could win. None is ever ahead of what the store had made durable.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { threadId } from 'node:worker_threads';
import { errorCode } from '../../actors/model/error-code.js';
import { OperatingError } from '../../actors/model/errors.js';
import { StoreFailure } from '../store-failure.js';
import { AcknowledgedHeads } from './acknowledged-heads.js';
import { fenceText, parseFence, type StoredFence } from './fence-text.js';
import { checkHeads } from './heads-check.js';
import type { RedisKeys } from './keys.js';
import type { SendCommand } from './redis-connection.js';

const witnessFormat = 1;
const draftSuffix = '.draft';

export interface RollbackWitness {
  /** `StorePlace.id`. */
  readonly store: string;
  /** By partition; undefined where it had never been taken. */
  readonly fences: readonly (StoredFence | undefined)[];
}

/** With what threads found. Undefined when there is no file. Throws `store-incompatible` when one cannot be read. */
export function readWitness(file: string): RollbackWitness | undefined {
  const witness = readOne(file);
  if (witness === undefined) return undefined;
  const fences = [...witness.fences];
  for (const found of findingsBeside(file).map(readOne))
    if (found?.store === witness.store)
      for (const [partition, stored] of found.fences.entries())
        if (stored !== undefined && isNewer(stored, fences[partition])) fences[partition] = stored;
  return { ...witness, fences };
}

function readOne(file: string): RollbackWitness | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
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
    const known = { fence, head: { position, hash } };
    if (isNewer(known, fences[partition])) fences[partition] = known;
  }
  const finding = `${file}.found-${process.pid}-${threadId}`;
  const draft = draftOf(finding);
  writeFileSync(draft, witnessText({ ...witness, fences }), { flush: true });
  renameSync(draft, finding);
}

/** For who holds the lease, once the witness was written anew and no thread works with the store yet. */
export function forgetFindings(file: string): void {
  for (const finding of findingsBeside(file)) rmSync(finding, { force: true });
}

function findingsBeside(file: string): string[] {
  const directory = path.dirname(file);
  const start = `${path.basename(file)}.found-`;
  return readdirSync(directory)
    .filter((name) => name.startsWith(start) && !name.endsWith(draftSuffix))
    .map((name) => path.join(directory, name));
}

function isNewer(one: StoredFence, other: StoredFence | undefined): boolean {
  if (other === undefined) return true;
  if (one.fence.epoch !== other.fence.epoch) return one.fence.epoch > other.fence.epoch;
  return one.head.position > other.head.position;
}

function witnessText({ store, fences }: RollbackWitness): string {
  const texts = fences.map((stored) =>
    stored === undefined ? null : fenceText(stored.fence, stored.head.position, stored.head.hash),
  );
  return `${JSON.stringify({ format: witnessFormat, store, fences: texts })}\n`;
}

/** One for each thread that may write. */
function draftOf(file: string): string {
  return `${file}.${process.pid}-${threadId}${draftSuffix}`;
}

/** Throws `store-went-back` when the store holds less than was seen. */
export async function checkWitness(
  send: SendCommand,
  keys: RedisKeys,
  seen: RollbackWitness['fences'],
): Promise<void> {
  const heads = new AcknowledgedHeads(() => {});
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
