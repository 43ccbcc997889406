/**
 * A blocked Bloom filter over 64-bit hashes: each id sets seven bits of one 64-byte block, so a look costs one cache
 * line. At 16 bits an id 0.14 % of the looks for unknown ids say "maybe" (measured; an unblocked filter 0.05 %).
 *
 * F1  `mayHold` is true for every id added since the last `clear`.
 * F2  Its memory is given at creation and never grows; past `capacity` only the false positives do.
 */

export const blockBytes = 64;
export const bitsPerId = 16;

const blockWords = blockBytes / 4;
const two32 = 2 ** 32;

export class BloomFilter {
  readonly #words: Uint32Array;
  readonly #blocks: number;
  #count = 0;

  /** `bytes` is rounded down to whole blocks, at least one. */
  constructor(bytes: number) {
    this.#blocks = Math.max(1, Math.floor(bytes / blockBytes));
    this.#words = new Uint32Array(this.#blocks * blockWords);
  }

  /** Ids it holds at the intended rate of false positives. */
  get capacity(): number {
    return (this.#blocks * blockBytes * 8) / bitsPerId;
  }

  /** Ids added since the last `clear`, repeats included. */
  get count(): number {
    return this.#count;
  }

  /** `high` and `low` are the halves of an id's hash, u32 each. */
  add(high: number, low: number): void {
    const words = this.#words;
    const block = Math.floor((high / two32) * this.#blocks) * blockWords;
    const more = spread(high, low);
    setBit(words, block, low);
    setBit(words, block, low >>> 9);
    setBit(words, block, low >>> 18);
    setBit(words, block, more);
    setBit(words, block, more >>> 9);
    setBit(words, block, more >>> 18);
    setBit(words, block, (low >>> 27) | ((more >>> 27) << 5));
    this.#count += 1;
  }

  mayHold(high: number, low: number): boolean {
    const words = this.#words;
    const block = Math.floor((high / two32) * this.#blocks) * blockWords;
    const more = spread(high, low);
    return (
      hasBit(words, block, low) &&
      hasBit(words, block, low >>> 9) &&
      hasBit(words, block, low >>> 18) &&
      hasBit(words, block, more) &&
      hasBit(words, block, more >>> 9) &&
      hasBit(words, block, more >>> 18) &&
      hasBit(words, block, (low >>> 27) | ((more >>> 27) << 5))
    );
  }

  clear(): void {
    this.#words.fill(0);
    this.#count = 0;
  }
}

/** Another 32 bits from the two halves; the block uses the high bits of `high`, so the low ones are still unspent. */
function spread(high: number, low: number): number {
  const mixed = Math.imul(high ^ (low >>> 15), 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) ^ low;
}

function setBit(words: Uint32Array, block: number, bits: number): void {
  const word = block + ((bits >>> 5) & 15);
  words[word] = (words[word] as number) | (1 << (bits & 31));
}

function hasBit(words: Uint32Array, block: number, bits: number): boolean {
  return ((words[block + ((bits >>> 5) & 15)] as number) & (1 << (bits & 31))) !== 0;
}
