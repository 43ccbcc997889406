/**
 * The record that guards a partition's tables: a copy of the token and the checkpoint. Versioned like the fence record, so one
 * comparison proves both. Pure.
 *
 *     0 u32 epoch   4 f64 checkpoint position   12 16 B checkpoint hash   28 u32 checkpoint epoch   32 nonce
 */
import { entryHashBytes, noHash } from '../entry.js';
import type { Fence } from '../journal.js';
import type { Checkpoint } from '../tables.js';

export interface MarkRecord {
  /** Epoch 0 with an empty nonce: nobody has taken the partition yet. */
  readonly fence: Fence;
  readonly checkpoint: Checkpoint;
}

export const firstMark: MarkRecord = {
  fence: { epoch: 0, nonce: '' },
  checkpoint: { position: 0, hash: noHash, epoch: 0 },
};

const hashOffset = 12;
const checkpointEpochOffset = hashOffset + entryHashBytes;
const nonceOffset = checkpointEpochOffset + 4;

export function encodeMarkRecord({ fence, checkpoint }: MarkRecord): Buffer {
  const bytes = Buffer.allocUnsafe(nonceOffset + fence.nonce.length);
  bytes.writeUInt32LE(fence.epoch, 0);
  bytes.writeDoubleLE(checkpoint.position, 4);
  bytes.set(checkpoint.hash, hashOffset);
  bytes.writeUInt32LE(checkpoint.epoch, checkpointEpochOffset);
  bytes.write(fence.nonce, nonceOffset, 'latin1');
  return bytes;
}

export function decodeMarkRecord(bytes: Buffer): MarkRecord {
  return {
    fence: { epoch: bytes.readUInt32LE(0), nonce: bytes.toString('latin1', nonceOffset) },
    checkpoint: {
      position: bytes.readDoubleLE(4),
      hash: Uint8Array.prototype.slice.call(bytes, hashOffset, checkpointEpochOffset),
      epoch: bytes.readUInt32LE(checkpointEpochOffset),
    },
  };
}
