/**
 * The bytes of a partition's directory of outcome segments: one small row, rewritten with every slice that writes or
 * deletes segments, so that opening a partition reads no segment.
 *
 *     0  u32  format (1)
 *     4  u32  count
 *     8  f64  number of the next segment
 *    16  32 B each, oldest first: f64 number, f64 count, f64 newest at, f64 newest position
 *
 * Little-endian.
 */
import { OperatingError } from '../../actors/model/errors.js';
import type { StoredSegment } from './segment-plan.js';

export interface SegmentDirectory {
  readonly nextNumber: number;
  /** Oldest first. */
  readonly segments: readonly StoredSegment[];
}

const format = 1;
const headerBytes = 16;
const rowBytes = 32;

export function encodeDirectory({ nextNumber, segments }: SegmentDirectory): Uint8Array {
  const bytes = new Uint8Array(headerBytes + segments.length * rowBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, format, true);
  view.setUint32(4, segments.length, true);
  view.setFloat64(8, nextNumber, true);
  let offset = headerBytes;
  for (const { number, count, newestAt, newestPosition } of segments) {
    view.setFloat64(offset, number, true);
    view.setFloat64(offset + 8, count, true);
    view.setFloat64(offset + 16, newestAt, true);
    view.setFloat64(offset + 24, newestPosition, true);
    offset += rowBytes;
  }
  return bytes;
}

/** Throws `bytes-damaged` on bytes that are no directory. */
export function decodeDirectory(bytes: Uint8Array): SegmentDirectory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes || view.getUint32(0, true) !== format) {
    throw new OperatingError('bytes-damaged', 'no directory header');
  }
  const count = view.getUint32(4, true);
  if (bytes.length !== headerBytes + count * rowBytes) {
    throw new OperatingError('bytes-damaged', `${bytes.length} bytes do not hold a directory of ${count}`);
  }
  const segments = Array.from({ length: count }, (_, index) => {
    const offset = headerBytes + index * rowBytes;
    return {
      number: view.getFloat64(offset, true),
      count: view.getFloat64(offset + 8, true),
      newestAt: view.getFloat64(offset + 16, true),
      newestPosition: view.getFloat64(offset + 24, true),
    };
  });
  return { nextNumber: view.getFloat64(8, true), segments };
}
