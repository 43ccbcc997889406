/**
 * A row of a table as bytes: the packed value, then its CRC-32. The chain of hashes proves the log, not what is derived from it, and
 * neither LMDB's pages nor Redis's append-only file have a checksum: a flipped bit would be served as a balance.
 */
import { crc32 } from 'node:zlib';
import { pack, unpack } from '../../actors/model/codec.js';
import { OperatingError } from '../../actors/model/errors.js';

const checksumBytes = 4;

/** Rows are many and small: a pooled buffer costs a quarter of one of its own (62 against 229 ns). */
export function encodeRow(value: unknown): Uint8Array {
  const packed = pack(value);
  const row = Buffer.allocUnsafe(packed.length + checksumBytes);
  row.set(packed);
  row.writeUInt32LE(crc32(packed), packed.length);
  return row;
}

/** Throws `bytes-damaged` on a row that is not as it was written. */
export function decodeRow(bytes: Uint8Array): unknown {
  const row = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = row.length - checksumBytes;
  const packed = row.subarray(0, Math.max(0, end));
  if (end < 0 || row.readUInt32LE(end) !== crc32(packed))
    throw new OperatingError('bytes-damaged', 'the checksum of a row is wrong');
  return unpack(packed);
}
