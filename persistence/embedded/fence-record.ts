/**
 * The record that guards a partition's log: who owns it, where its head is, where its newest entries stand. Its LMDB version is
 * the commit sequence of its last change, so "still this version" says that token, head and hash are what this thread
 * last saw: one comparison proves all three. Pure.
 *
 *     0 u32 epoch   4 f64 head position   12 16 B head hash   28 u8 length of the nonce   29 nonce   … sequence tail
 */
import { entryHashBytes } from '../entry.js';
import type { Fence, Head } from '../journal.js';
import { SequenceTail } from './sequence-tail.js';

export interface FenceHead {
  /** Epoch 0 with an empty nonce: nobody has taken the partition yet. */
  readonly fence: Fence;
  readonly head: Head;
}

export interface FenceRecord extends FenceHead {
  readonly tail: SequenceTail;
}

const hashOffset = 12;
const nonceLengthOffset = hashOffset + entryHashBytes;
const nonceOffset = nonceLengthOffset + 1;

export function encodeFenceRecord({ fence, head, tail }: FenceRecord): Buffer {
  const tailStart = nonceOffset + fence.nonce.length;
  const bytes = Buffer.allocUnsafe(tailStart + tail.byteCount);
  bytes.writeUInt32LE(fence.epoch, 0);
  bytes.writeDoubleLE(head.position, 4);
  bytes.set(head.hash, hashOffset);
  bytes.writeUInt8(fence.nonce.length, nonceLengthOffset);
  bytes.write(fence.nonce, nonceOffset, 'latin1');
  tail.copyTo(bytes, tailStart);
  return bytes;
}

export function decodeFenceRecord(bytes: Buffer): FenceRecord {
  return { ...decodeFenceHead(bytes), tail: SequenceTail.decode(bytes.subarray(tailOffset(bytes))) };
}

/** All but the tail, which most readers do not need. */
export function decodeFenceHead(bytes: Buffer): FenceHead {
  return {
    fence: { epoch: bytes.readUInt32LE(0), nonce: bytes.toString('latin1', nonceOffset, tailOffset(bytes)) },
    head: {
      position: bytes.readDoubleLE(4),
      hash: Uint8Array.prototype.slice.call(bytes, hashOffset, nonceLengthOffset),
    },
  };
}

function tailOffset(bytes: Buffer): number {
  return nonceOffset + bytes.readUInt8(nonceLengthOffset);
}
