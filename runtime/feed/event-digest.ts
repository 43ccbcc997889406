/**
 * What runs of entries hold, in one or two bytes an event: which event schemas, and a Bloom filter of correlation ids. A
 * reader that looks for few events passes over whole runs by it. Pure.
 *
 *     u32 format (1), u32 blocks; then each block:
 *     f64 position of its first entry, u32 entries, u32 schemas, u32 bytes of the filter; u32 each schema; the filter
 *
 * Little-endian.
 *
 * G1  A digest may say that a block holds what it does not; it never passes over one that does.
 */
import { hash32 } from '../../actors/model/address.js';
import type { EntryReader } from '../../persistence/entry.js';
import type { EventFilter } from './event-filter.js';
import { type EventSink, skimEvents } from './event-skimmer.js';

const format = 1;
const headerBytes = 8;
const blockHeaderBytes = 20;
/** Of entries in a block: read and opened in a millisecond. */
const blockBytesMin = 65_536;
/** With seven hashes one in two thousand blocks is read in vain. */
const bitsPerId = 16;
const hashes = 7;
const seeds = [0x2545f491, 0x9e3779b9] as const;

export class DigestBuilder {
  readonly #blocks: Buffer[] = [];
  #schemas = new Set<number>();
  #correlations = new Set<string>();
  readonly #sink: EventSink = {
    schema: (id) => this.#schemas.add(id),
    correlation: (id) => this.#correlations.add(id),
  };
  #first = 0;
  #entries = 0;
  #bytes = 0;

  /** The next entry of the partition. Throws on records that cannot be read. */
  add(entry: EntryReader): void {
    if (this.#entries === 0) this.#first = entry.position;
    this.#entries++;
    this.#bytes += entry.byteCount;
    skimEvents(entry, this.#sink);
    if (this.#bytes >= blockBytesMin) this.#flush();
  }

  finish(): Uint8Array {
    this.#flush();
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(format, 0);
    header.writeUInt32LE(this.#blocks.length, 4);
    return Buffer.concat([header, ...this.#blocks]);
  }

  #flush(): void {
    if (this.#entries === 0) return;
    const filter = Buffer.alloc(Math.ceil((this.#correlations.size * bitsPerId) / 8));
    for (const id of this.#correlations) forEachBit(id, filter.length * 8, (bit) => setBit(filter, bit));
    const block = Buffer.alloc(blockHeaderBytes + this.#schemas.size * 4);
    block.writeDoubleLE(this.#first, 0);
    block.writeUInt32LE(this.#entries, 8);
    block.writeUInt32LE(this.#schemas.size, 12);
    block.writeUInt32LE(filter.length, 16);
    let offset = blockHeaderBytes;
    for (const schema of this.#schemas) offset = block.writeUInt32LE(schema, offset);
    this.#blocks.push(block, filter);
    this.#schemas = new Set();
    this.#correlations = new Set();
    this.#entries = 0;
    this.#bytes = 0;
  }
}

interface DigestBlock {
  readonly first: number;
  readonly entries: number;
  readonly schemas: readonly number[];
  readonly filter: Uint8Array;
}

export class EventDigest {
  readonly #blocks: readonly DigestBlock[];

  private constructor(blocks: readonly DigestBlock[]) {
    this.#blocks = blocks;
  }

  /** Undefined for a format that this program does not know. */
  static decode(content: Uint8Array): EventDigest | undefined {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== format) return undefined;
    const blocks: DigestBlock[] = [];
    let offset = headerBytes;
    while (offset < bytes.length) {
      const schemaCount = bytes.readUInt32LE(offset + 12);
      const filterAt = offset + blockHeaderBytes + schemaCount * 4;
      const end = filterAt + bytes.readUInt32LE(offset + 16);
      const schemas = Array.from({ length: schemaCount }, (_, index) =>
        bytes.readUInt32LE(offset + blockHeaderBytes + index * 4),
      );
      const first = bytes.readDoubleLE(offset);
      const entries = bytes.readUInt32LE(offset + 8);
      blocks.push({ first, entries, schemas, filter: bytes.subarray(filterAt, end) });
      offset = end;
    }
    return new EventDigest(blocks);
  }

  /** The first position at or after `from` that may hold a wanted event; undefined when none does. */
  next(from: number, filter: EventFilter): number | undefined {
    for (const block of this.#blocks) {
      if (block.first + block.entries <= from || !mayHold(block, filter)) continue;
      return Math.max(from, block.first);
    }
    return undefined;
  }
}

function mayHold({ schemas, filter: bloom }: DigestBlock, filter: EventFilter): boolean {
  if (!schemas.some((schema) => filter.takesEvent(schema))) return false;
  const { correlationId } = filter;
  if (correlationId === undefined) return true;
  let isThere = bloom.length > 0;
  forEachBit(correlationId, bloom.length * 8, (bit) => {
    isThere &&= ((bloom[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
  });
  return isThere;
}

function forEachBit(id: string, bitCount: number, visit: (bit: number) => void): void {
  if (bitCount === 0) return;
  const first = hash32(id, seeds[0]);
  // Odd, so that the steps do not fall together.
  const step = hash32(id, seeds[1]) | 1;
  for (let index = 0; index < hashes; index++) visit(((first + Math.imul(index, step)) >>> 0) % bitCount);
}

function setBit(bytes: Buffer, bit: number): void {
  bytes[bit >>> 3] = (bytes[bit >>> 3] as number) | (1 << (bit & 7));
}
