/**
 * The bytes of an outcome segment: where in the log the outcomes of some commands stand. Immutable; searched in place.
 *
 *     0  u32  format (1)
 *     4  u32  count
 *     8  16 B each, ascending by hash: u32 high, u32 low, f64 position
 *
 * Little-endian. A hash may stand more than once (two ids, or one id in two entries): the reader of the entry decides.
 */

export const segmentEntryBytes = 16;

const format = 1;
const headerBytes = 8;
/** Places of entries while sorting fit beside 32 bits of hash in the 53 bits of a number. */
const sortedMax = 2 ** 21;
const two21 = 2 ** 21;

/** The outcomes of some commands, column by column; `count` of each are valid. */
export interface OutcomeColumns {
  readonly count: number;
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  readonly positions: Float64Array;
}

/** In any order in; sorted out. At most 2,097,152 of them. */
export function encodeSegment({ count, highs, lows, positions }: OutcomeColumns): Uint8Array {
  if (count > sortedMax)
    throw new RangeError(`a segment of ${count} ids: at most ${sortedMax} are sorted at once`);
  const writer = new SegmentWriter(count);
  // One typed array of (high, place) sorts without calling back: several times faster than a comparator.
  const order = new Float64Array(count);
  for (let place = 0; place < count; place++) order[place] = (highs[place] as number) * two21 + place;
  order.sort();
  for (let start = 0; start < count; ) {
    const high = Math.floor((order[start] as number) / two21);
    let end = start + 1;
    while (end < count && Math.floor((order[end] as number) / two21) === high) end += 1;
    const places = Array.from(order.subarray(start, end), (key) => key % two21);
    if (places.length > 1) places.sort((left, right) => (lows[left] as number) - (lows[right] as number));
    for (const place of places) writer.add(high, lows[place] as number, positions[place] as number);
    start = end;
  }
  return writer.bytes;
}

/** One segment with the entries of all. */
export function mergeSegments(segments: readonly Uint8Array[]): Uint8Array {
  const readers = segments.map((bytes) => new SegmentReader(bytes));
  const writer = new SegmentWriter(readers.reduce((sum, reader) => sum + reader.count, 0));
  const nexts = readers.map(() => 0);
  for (;;) {
    let least = -1;
    for (const [index, reader] of readers.entries()) {
      const next = nexts[index] as number;
      if (next < reader.count && (least < 0 || reader.isBefore(next, readers[least], nexts[least])))
        least = index;
    }
    if (least < 0) return writer.bytes;
    const reader = readers[least] as SegmentReader;
    const next = nexts[least] as number;
    writer.add(reader.high(next), reader.low(next), reader.position(next));
    nexts[least] = next + 1;
  }
}

/** Positions of all entries with this hash, in the order in which they stand. */
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

/** The bytes are no segment. Tables are derived: whoever meets this rebuilds them. */
export class SegmentDamaged extends Error {
  readonly code = 'segment-damaged';
}

class SegmentReader {
  readonly count: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < headerBytes || this.#view.getUint32(0, true) !== format) {
      throw new SegmentDamaged('no segment header');
    }
    this.count = this.#view.getUint32(4, true);
    if (bytes.length !== headerBytes + this.count * segmentEntryBytes) {
      throw new SegmentDamaged(`${bytes.length} bytes do not hold ${this.count} entries`);
    }
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

  isBefore(index: number, other: SegmentReader | undefined, otherIndex: number | undefined): boolean {
    if (other === undefined || otherIndex === undefined) return true;
    const difference = this.high(index) - other.high(otherIndex) || this.low(index) - other.low(otherIndex);
    return difference < 0;
  }
}

class SegmentWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = headerBytes;

  constructor(count: number) {
    this.bytes = new Uint8Array(headerBytes + count * segmentEntryBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint32(0, format, true);
    this.#view.setUint32(4, count, true);
  }

  add(high: number, low: number, position: number): void {
    this.#view.setUint32(this.#offset, high, true);
    this.#view.setUint32(this.#offset + 4, low, true);
    this.#view.setFloat64(this.#offset + 8, position, true);
    this.#offset += segmentEntryBytes;
  }
}
