/**
 * The bytes of a journal entry: one partition's share of a group. Pure; knows no store and nothing of what a record says.
 *
 *     0  u8   format (3)            32 f64  time, Unix ms             64 u32  checksum (CRC-32) of all the other bytes
 *     1  u8   reserved              40 u32  records                    68 siblings    (u32 partition, f64 position) each
 *     2  u16  partition             44 u32  siblings                   … watermarks  (u32 source, u32 ordinal, f64 position)
 *     4  u32  epoch                 48 u32  watermarks                 … directory   (u32 placement, u32 actor, u32 offset)
 *     8  f64  position              52 u32  offset of the directory    … records     msgpack arrays, back to back
 *    16  16 B hash of entry before  56 f64  group number
 *
 * The chain of hashes proves a whole log; the checksum proves one entry to whoever reads it alone, in an actor's history or an
 * event stream: neither LMDB's pages nor Redis's append-only file have one.
 *
 * Little-endian. Offsets count from the first byte of the entry. The directory lets a reader pick one actor's records
 * without decoding the others: two 32-bit hashes of its address, then the byte offset of the record.
 *
 * E1  An entry's hash is SHA-256 over all its bytes, first 16: identity, damage and (through the field at 16) order in one.
 * E2  Records stand in the order in which the shard executed them.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { hash32 } from '../actors/model/address.js';
import type { EntryHash } from './journal.js';

export const entryFormat = 3;
export const entryHashBytes = 16;
/** The hash "before" position 1. */
export const noHash: EntryHash = new Uint8Array(entryHashBytes);

const checksumOffset = 64;
const headerBytes = 68;
const siblingBytes = 12;
const watermarkBytes = 16;
const directoryBytes = 12;
const actorSeed = 0x5bd1e995;

/** Where another partition's share of the same group stands. */
export interface Sibling {
  readonly partition: number;
  readonly position: number;
}

/** Everything from `source` up to and including message (position, ordinal) has been consumed here. */
export interface Watermark {
  readonly source: number;
  readonly position: number;
  readonly ordinal: number;
}

export interface EntryHeader {
  readonly partition: number;
  readonly epoch: number;
  readonly position: number;
  readonly previousHash: EntryHash;
  /** Unix ms. */
  readonly time: number;
  readonly group: number;
  readonly siblings: readonly Sibling[];
  readonly watermarks: readonly Watermark[];
}

/** The second hash of an actor's address in the directory; the first is the placement hash of its id. */
export function actorHash(kind: string, id: string): number {
  return hash32(id, hash32(kind, actorSeed));
}

/** In one call: every `Hash` object is one more that a scavenge must ask the native side about, a third of its pause. */
export function hashEntry(bytes: Uint8Array): EntryHash {
  return hash('sha256', bytes, 'buffer').subarray(0, entryHashBytes);
}

export function sameHash(left: EntryHash, right: EntryHash): boolean {
  return Buffer.compare(left, right) === 0;
}

/** Collects one partition's records while a group is open. Reused for the next group after `finish`. */
export class EntryWriter {
  #records = Buffer.allocUnsafe(16_384);
  #recordBytes = 0;
  /** Three numbers a record: placement, actor, offset. */
  #directory = new Uint32Array(3 * 64);
  #recordCount = 0;

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Bytes of all records so far; the limit on an entry is the caller's to keep. */
  get byteCount(): number {
    return this.#recordBytes;
  }

  /** Copies `record` in; the caller may reuse its buffer. */
  add(placement: number, actor: number, record: Uint8Array): void {
    const end = this.#recordBytes + record.length;
    if (end > this.#records.length) this.#grow(end);
    this.#records.set(record, this.#recordBytes);
    const slot = this.#recordCount++ * 3;
    if (slot === this.#directory.length) this.#growDirectory();
    this.#directory[slot] = placement;
    this.#directory[slot + 1] = actor;
    this.#directory[slot + 2] = this.#recordBytes;
    this.#recordBytes = end;
  }

  /** The finished entry in a buffer of its own; the writer is empty afterwards. */
  finish(header: EntryHeader): Buffer {
    const directoryOffset =
      headerBytes + header.siblings.length * siblingBytes + header.watermarks.length * watermarkBytes;
    const recordsOffset = directoryOffset + this.recordCount * directoryBytes;
    const bytes = Buffer.allocUnsafeSlow(recordsOffset + this.#recordBytes);
    bytes.writeUInt8(entryFormat, 0);
    bytes.writeUInt8(0, 1);
    bytes.writeUInt16LE(header.partition, 2);
    bytes.writeUInt32LE(header.epoch, 4);
    bytes.writeDoubleLE(header.position, 8);
    bytes.set(header.previousHash, 16);
    bytes.writeDoubleLE(header.time, 32);
    bytes.writeUInt32LE(this.recordCount, 40);
    bytes.writeUInt32LE(header.siblings.length, 44);
    bytes.writeUInt32LE(header.watermarks.length, 48);
    bytes.writeUInt32LE(directoryOffset, 52);
    bytes.writeDoubleLE(header.group, 56);
    let offset = headerBytes;
    for (const sibling of header.siblings) {
      bytes.writeUInt32LE(sibling.partition, offset);
      bytes.writeDoubleLE(sibling.position, offset + 4);
      offset += siblingBytes;
    }
    for (const watermark of header.watermarks) {
      bytes.writeUInt32LE(watermark.source, offset);
      bytes.writeUInt32LE(watermark.ordinal, offset + 4);
      bytes.writeDoubleLE(watermark.position, offset + 8);
      offset += watermarkBytes;
    }
    for (let index = 0; index < this.#recordCount * 3; index += 3) {
      bytes.writeUInt32LE(this.#directory[index] as number, offset);
      bytes.writeUInt32LE(this.#directory[index + 1] as number, offset + 4);
      bytes.writeUInt32LE((this.#directory[index + 2] as number) + recordsOffset, offset + 8);
      offset += directoryBytes;
    }
    bytes.set(this.#records.subarray(0, this.#recordBytes), recordsOffset);
    bytes.writeUInt32LE(checksumOf(bytes), checksumOffset);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#recordBytes = 0;
    this.#recordCount = 0;
  }

  #growDirectory(): void {
    const larger = new Uint32Array(this.#directory.length * 2);
    larger.set(this.#directory);
    this.#directory = larger;
  }

  #grow(bytesNeeded: number): void {
    const larger = Buffer.allocUnsafe(Math.max(bytesNeeded, this.#records.length * 2));
    larger.set(this.#records.subarray(0, this.#recordBytes));
    this.#records = larger;
  }
}

function checksumOf(bytes: Buffer): number {
  return crc32(bytes.subarray(headerBytes), crc32(bytes.subarray(0, checksumOffset)));
}

/** Reads an entry's parts in place. Throws `EntryDamaged` on bytes that are no entry, or not as they were written. */
export class EntryReader {
  readonly #bytes: Buffer;
  readonly recordCount: number;
  readonly #siblingCount: number;
  readonly #watermarkCount: number;
  readonly #directoryOffset: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < headerBytes || this.#bytes.readUInt8(0) !== entryFormat)
      throw new EntryDamaged('no entry header');
    if (this.#bytes.readUInt32LE(checksumOffset) !== checksumOf(this.#bytes))
      throw new EntryDamaged('the checksum is wrong');
    this.recordCount = this.#bytes.readUInt32LE(40);
    this.#siblingCount = this.#bytes.readUInt32LE(44);
    this.#watermarkCount = this.#bytes.readUInt32LE(48);
    this.#directoryOffset = this.#bytes.readUInt32LE(52);
    if (this.#directoryOffset + this.recordCount * directoryBytes > bytes.length)
      throw new EntryDamaged('directory past the end');
  }

  get byteCount(): number {
    return this.#bytes.length;
  }
  get partition(): number {
    return this.#bytes.readUInt16LE(2);
  }
  get epoch(): number {
    return this.#bytes.readUInt32LE(4);
  }
  get position(): number {
    return this.#bytes.readDoubleLE(8);
  }
  get previousHash(): EntryHash {
    return this.#bytes.subarray(16, 16 + entryHashBytes);
  }
  get time(): number {
    return this.#bytes.readDoubleLE(32);
  }
  get group(): number {
    return this.#bytes.readDoubleLE(56);
  }

  siblings(): Sibling[] {
    const siblings: Sibling[] = [];
    for (let index = 0; index < this.#siblingCount; index++) {
      const offset = headerBytes + index * siblingBytes;
      siblings.push({
        partition: this.#bytes.readUInt32LE(offset),
        position: this.#bytes.readDoubleLE(offset + 4),
      });
    }
    return siblings;
  }

  watermarks(): Watermark[] {
    const watermarks: Watermark[] = [];
    const start = headerBytes + this.#siblingCount * siblingBytes;
    for (let index = 0; index < this.#watermarkCount; index++) {
      const offset = start + index * watermarkBytes;
      watermarks.push({
        source: this.#bytes.readUInt32LE(offset),
        ordinal: this.#bytes.readUInt32LE(offset + 4),
        position: this.#bytes.readDoubleLE(offset + 8),
      });
    }
    return watermarks;
  }

  /** True when the record may belong to that actor; its own address decides. */
  isOf(index: number, placement: number, actor: number): boolean {
    const offset = this.#directoryOffset + index * directoryBytes;
    return this.#bytes.readUInt32LE(offset) === placement && this.#bytes.readUInt32LE(offset + 4) === actor;
  }

  /** The record's bytes, in place. */
  record(index: number): Buffer {
    const offset = this.#directoryOffset + index * directoryBytes;
    const start = this.#bytes.readUInt32LE(offset + 8);
    const end =
      index + 1 < this.recordCount
        ? this.#bytes.readUInt32LE(offset + directoryBytes + 8)
        : this.#bytes.length;
    return this.#bytes.subarray(start, end);
  }
}

/** The bytes are no entry, or not the entry that should stand here. Recovery stops; nothing of it is served. */
export class EntryDamaged extends Error {
  readonly code = 'journal-damaged';
}
