/**
 * Entries by place, the ones asked for lately, within a number of bytes.
 *
 * Two generations: when the younger has half of the bytes, it becomes the older, which is forgotten whole; what is asked for in the
 * older joins the younger. Not one `Map` whose oldest go first: to find its first entry it steps over all that were removed
 * before, some ten microseconds for each entry that comes in.
 */
export class EntryCache {
  readonly #bytesMax: number;
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();
  #youngBytes = 0;
  #oldBytes = 0;

  /** One entry in each generation is kept whatever its size. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  has(partition: number, position: number): boolean {
    const key = keyOf(partition, position);
    return this.#young.has(key) || this.#old.has(key);
  }

  get(partition: number, position: number): Uint8Array | undefined {
    const key = keyOf(partition, position);
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#oldBytes -= old.length;
    this.#keep(key, old);
    return old;
  }

  /** The bytes of an entry never change, so the first stay. */
  keep(partition: number, position: number, bytes: Uint8Array): void {
    if (!this.has(partition, position)) this.#keep(keyOf(partition, position), bytes);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngBytes = 0;
    this.#oldBytes = 0;
  }

  #keep(key: number, bytes: Uint8Array): void {
    if (this.#young.size > 0 && this.#youngBytes + bytes.length > this.#bytesMax / 2) {
      this.#old = this.#young;
      this.#oldBytes = this.#youngBytes;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, bytes);
    this.#youngBytes += bytes.length;
  }
}

/** Exact for partitions below 2^16, the most that an entry can name, and positions below 2^37, some 137 billion. */
function keyOf(partition: number, position: number): number {
  return partition * 2 ** 37 + position;
}
