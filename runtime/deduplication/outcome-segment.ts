/**
 * The bytes of an outcome segment: where in the log the outcomes of some commands stand. Immutable; searched in place.
 *
 *     0  u32  format (1)
 *     4  u32  count
 *     8  16 B each, ascending by hash: u32 high, u32 low, f64 position
 *
 * Little-endian. A hash may stand more than once (two ids, or one id in two entries): the reader of the entry decides.
 */

import { OperatingError } from '../../actors/model/errors.js';

export const segmentEntryBytes = 16;

const format = 1;
const headerBytes = 8;
/** Places of entries while sorting fit beside 32 bits of hash in the 53 bits of a number. */
const placesMax = 2 ** 21;
const entriesPerStep = 2_048;

/** The outcomes of some commands, column by column; `count` of each are valid. */
export interface OutcomeColumns {
  readonly count: number;
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  readonly positions: Float64Array;
}

/** In any order in; sorted out. At most 2,097,152 of them. */
export function encodeSegment({ count, highs, lows, positions }: OutcomeColumns): Uint8Array {
  if (count > placesMax)
    throw new RangeError(`a segment of ${count} ids: at most ${placesMax} are sorted at once`);
  const bytes = emptySegment(count);
  const view = new DataView(bytes.buffer);
  let offset = headerBytes;
  for (const place of sortedPlaces(count, highs, lows)) {
    view.setUint32(offset, highs[place] as number, true);
    view.setUint32(offset + 4, lows[place] as number, true);
    view.setFloat64(offset + 8, positions[place] as number, true);
    offset += segmentEntryBytes;
  }
  return bytes;
}

/**
 * One segment with the entries of all, made in steps of half a ms: all of 32,768 at once held a shard up for 12 ms. Throws
 * `bytes-damaged` on bytes that are no segment.
 */
export function* mergeSegments(segments: readonly Uint8Array[]): Generator<void, Uint8Array> {
  let runs: Uint8Array[] = [...segments];
  while (runs.length > 1) {
    const longer: Uint8Array[] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [left, right] = runs.slice(index, index + 2) as [Uint8Array, Uint8Array | undefined];
      longer.push(right === undefined ? left : yield* mergeTwo(left, right));
    }
    runs = longer;
  }
  return runs[0] ?? emptySegment(0);
}

function* mergeTwo(leftBytes: Uint8Array, rightBytes: Uint8Array): Generator<void, Uint8Array> {
  const left = new SegmentReader(leftBytes);
  const right = new SegmentReader(rightBytes);
  const count = left.count + right.count;
  const bytes = emptySegment(count);
  const target = new DataView(bytes.buffer);
  let [fromLeft, fromRight] = [0, 0];
  for (let row = 0; row < count; ) {
    const stepEnd = Math.min(count, row + entriesPerStep);
    for (; row < stepEnd; row++) {
      const isLeft =
        fromRight === right.count || (fromLeft < left.count && left.isNotAfter(fromLeft, right, fromRight));
      const offset = headerBytes + row * segmentEntryBytes;
      if (isLeft) left.copyTo(fromLeft++, target, offset);
      else right.copyTo(fromRight++, target, offset);
    }
    yield;
  }
  return bytes;
}

/** With its header; the entries are the caller's to write. */
function emptySegment(count: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes + count * segmentEntryBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, format, true);
  view.setUint32(4, count, true);
  return bytes;
}

/** Places in the order of their hashes. */
function sortedPlaces(count: number, highs: Uint32Array, lows: Uint32Array): Float64Array {
  // One typed array of (high, place) is sorted without calling back: several times faster than a comparator.
  const order = new Float64Array(count);
  for (let place = 0; place < count; place++) order[place] = (highs[place] as number) * placesMax + place;
  order.sort();
  for (let rank = 0; rank < count; rank++) order[rank] = (order[rank] as number) % placesMax;
  // Equal highs are rare: their few lows are put in order by insertion.
  for (let rank = 1; rank < count; rank++) {
    const place = order[rank] as number;
    let to = rank;
    for (; to > 0; to--) {
      const before = order[to - 1] as number;
      if (highs[before] !== highs[place] || (lows[before] as number) <= (lows[place] as number)) break;
      order[to] = before;
    }
    order[to] = place;
  }
  return order;
}

/** Positions of all entries with this hash. Throws `bytes-damaged` on bytes that are no segment. */
export function findInSegment(bytes: Uint8Array, high: number, low: number): number[] {
  const reader = new SegmentReader(bytes);
  let from = 0;
  let to = reader.count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = reader.high(middle);
    if (found < high || (found === high && reader.low(middle) < low)) from = middle + 1;
    else to = middle;
  }
  const positions: number[] = [];
  for (; from < reader.count && reader.high(from) === high && reader.low(from) === low; from++) {
    positions.push(reader.position(from));
  }
  return positions;
}

/** Calls back with each hash of a segment. */
export function forEachInSegment(bytes: Uint8Array, visit: (high: number, low: number) => void): void {
  const reader = new SegmentReader(bytes);
  for (let index = 0; index < reader.count; index++) visit(reader.high(index), reader.low(index));
}

class SegmentReader {
  readonly count: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < headerBytes || this.#view.getUint32(0, true) !== format) {
      throw new OperatingError('bytes-damaged', 'no segment header');
    }
    this.count = this.#view.getUint32(4, true);
    if (bytes.length !== headerBytes + this.count * segmentEntryBytes) {
      throw new OperatingError('bytes-damaged', `${bytes.length} bytes do not hold ${this.count} entries`);
    }
  }

  /** In the order of their hashes. */
  isNotAfter(index: number, other: SegmentReader, otherIndex: number): boolean {
    const high = this.high(index);
    const otherHigh = other.high(otherIndex);
    return high < otherHigh || (high === otherHigh && this.low(index) <= other.low(otherIndex));
  }

  copyTo(index: number, target: DataView, offset: number): void {
    target.setUint32(offset, this.high(index), true);
    target.setUint32(offset + 4, this.low(index), true);
    target.setFloat64(offset + 8, this.position(index), true);
  }

  high(index: number): number {
    return this.#view.getUint32(headerBytes + index * segmentEntryBytes, true);
  }

  low(index: number): number {
    return this.#view.getUint32(headerBytes + index * segmentEntryBytes + 4, true);
  }

  position(index: number): number {
    return this.#view.getFloat64(headerBytes + index * segmentEntryBytes + 8, true);
  }
}
