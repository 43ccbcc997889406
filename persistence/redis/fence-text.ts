/**
 * The two texts by which the store knows a partition's owner: fence (`epoch:nonce:position:hash`, of the log) and mark
 * (`epoch:nonce:position:checkpoint epoch:hash`, of the tables). Compared whole, so token, head and hash cost one comparison;
 * readable, so that a person can look at them. A nonce may hold colons: what stands before and behind it does not.
 */
import { noHash } from '../entry.js';
import type { EntryHash, Fence, Head } from '../journal.js';
import type { Checkpoint } from '../tables.js';

export interface StoredFence {
  readonly fence: Fence;
  readonly head: Head;
}

export interface StoredMark {
  readonly fence: Fence;
  readonly checkpoint: Checkpoint;
}

export function fenceText(fence: Fence, position: number, hash: EntryHash): string {
  return `${fence.epoch}:${fence.nonce}:${headText(position, hash)}`;
}

export function markText(fence: Fence, checkpoint: Checkpoint): string {
  return `${fence.epoch}:${fence.nonce}:${checkpointText(checkpoint)}`;
}

export const noHeadText = headText(0, noHash);
export const noCheckpointText = checkpointText({ position: 0, hash: noHash, epoch: 0 });

function headText(position: number, hash: EntryHash): string {
  return `${position}:${hexOf(hash)}`;
}

function checkpointText({ position, epoch, hash }: Checkpoint): string {
  return `${position}:${epoch}:${hexOf(hash)}`;
}

const fencePattern = /^(\d+):(.+):(\d+):([0-9a-f]{32})$/;
const markPattern = /^(\d+):(.+):(\d+):(\d+):([0-9a-f]{32})$/;

/** Throws on a text that this driver never wrote. */
export function parseFence(text: string): StoredFence {
  const match = fencePattern.exec(text);
  if (match === null) throw new RangeError(`no fence: ${text.slice(0, 80)}`);
  const [, epoch, nonce, position, hash] = match as unknown as readonly string[];
  return {
    fence: { epoch: Number(epoch), nonce: nonce as string },
    head: { position: Number(position), hash: Buffer.from(hash as string, 'hex') },
  };
}

/** Throws on a text that this driver never wrote. */
export function parseMark(text: string): StoredMark {
  const match = markPattern.exec(text);
  if (match === null) throw new RangeError(`no mark: ${text.slice(0, 80)}`);
  const [, epoch, nonce, position, checkpointEpoch, hash] = match as unknown as readonly string[];
  return {
    fence: { epoch: Number(epoch), nonce: nonce as string },
    checkpoint: {
      position: Number(position),
      hash: Buffer.from(hash as string, 'hex'),
      epoch: Number(checkpointEpoch),
    },
  };
}

export function hexOf(hash: EntryHash): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex');
}
