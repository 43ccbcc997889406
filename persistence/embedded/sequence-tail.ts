/**
 * Where a partition's newest entries stand in the log: their commit sequences, as differences in seven-bit groups
 * (two or three bytes each under load), since the last full index block. Lives inside the fence record, which every append rewrites
 * anyway. Pure.
 */

/** Positions per index block: block b lists the sequences of positions 64 b + 1 … 64 b + 64. */
export const sequencesPerBlock = 64;
/** A difference needs at most 8 bytes, the first sequence too. */
const encodedBytesMax = sequencesPerBlock * 8;

export class SequenceTail {
  readonly #bytes = Buffer.allocUnsafe(encodedBytesMax);
  #byteCount = 0;
  #last = 0;
  #count = 0;

  static decode(bytes: Uint8Array): SequenceTail {
    const tail = new SequenceTail();
    let sequence = 0;
    let difference = 0;
    let scale = 1;
    for (const byte of bytes) {
      difference += (byte & 0x7f) * scale;
      scale *= 0x80;
      if ((byte & 0x80) !== 0) continue;
      sequence += difference;
      tail.add(sequence);
      difference = 0;
      scale = 1;
    }
    return tail;
  }

  copy(): SequenceTail {
    const copy = new SequenceTail();
    copy.#bytes.set(this.#bytes.subarray(0, this.#byteCount));
    copy.#byteCount = this.#byteCount;
    copy.#last = this.#last;
    copy.#count = this.#count;
    return copy;
  }

  get count(): number {
    return this.#count;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Sequences rise; at most `sequencesPerBlock` of them. */
  add(sequence: number): void {
    let difference = sequence - this.#last;
    while (difference >= 0x80) {
      this.#bytes[this.#byteCount++] = (difference % 0x80) | 0x80;
      difference = Math.floor(difference / 0x80);
    }
    this.#bytes[this.#byteCount++] = difference;
    this.#last = sequence;
    this.#count += 1;
  }

  list(): number[] {
    const sequences: number[] = [];
    let sequence = 0;
    let offset = 0;
    while (offset < this.#byteCount) {
      let difference = 0;
      let scale = 1;
      let byte: number;
      do {
        byte = this.#bytes[offset++] as number;
        difference += (byte & 0x7f) * scale;
        scale *= 0x80;
      } while ((byte & 0x80) !== 0);
      sequence += difference;
      sequences.push(sequence);
    }
    return sequences;
  }

  copyTo(target: Buffer, offset: number): void {
    this.#bytes.copy(target, offset, 0, this.#byteCount);
  }

  clear(): void {
    this.#byteCount = 0;
    this.#last = 0;
    this.#count = 0;
  }
}

/** A full index block: 64 sequences as f64, little-endian. */
export function encodeBlock(sequences: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(sequences.length * 8);
  sequences.forEach((sequence, index) => {
    bytes.writeDoubleLE(sequence, index * 8);
  });
  return bytes;
}

/** The number of the block that lists a position. */
export function blockOf(position: number): number {
  return Math.floor((position - 1) / sequencesPerBlock);
}

export function sequenceInBlock(block: Buffer, position: number): number {
  return block.readDoubleLE(((position - 1) % sequencesPerBlock) * 8);
}
