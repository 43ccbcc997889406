/**
 * Writes a journal file: entries partition by partition, each behind the one before it, then the end that makes it a file.
 *
 * Synchronous throughout: it is used where nothing else waits for the thread.
 */
import path from 'node:path';
import { EntryReader, hashEntry, sameHash } from '../entry.js';
import type { EntryHash, StoredEntry } from '../journal.js';
import { type ArchiveGround, type FileSink, machineGround } from './archive-ground.js';
import {
  type BlockPlace,
  contentChecksum,
  encodeBlock,
  encodeDocument,
  encodeFrame,
  encodePreamble,
  encodeTrailer,
  type FileFooter,
  type FileRange,
  frameBlock,
  frameFooter,
  frameHeader,
  JournalFileDamaged,
  joinContent,
} from './journal-file.js';

/** Of a block, before compression: a reader of one entry expands this much, in half a ms. */
export const blockBytes = 128 * 1024;
/** A file under this name is not whole, and nobody reads it. */
export const partSuffix = '.part';

interface OpenRange {
  readonly partition: number;
  readonly from: number;
  readonly previousHash: EntryHash;
  to: number;
  lastHash: EntryHash;
  epoch: number;
  bytes: number;
}

export class JournalFileWriter {
  readonly #part: string;
  readonly #ground: ArchiveGround;
  readonly #sink: FileSink;
  #isClosed = false;
  #offset = 0;
  readonly #blocks: BlockPlace[] = [];
  readonly #contentChecksums: number[] = [];
  readonly #ranges: OpenRange[] = [];
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** `part` is where it is written until it is whole: a name with `partSuffix`. `header` is JSON. */
  constructor(part: string, header: unknown, ground: ArchiveGround = machineGround) {
    this.#part = part;
    this.#ground = ground;
    this.#sink = ground.create(part);
    this.#write(encodePreamble());
    this.#write(encodeFrame(frameHeader, encodeDocument(header)));
  }

  /** Bytes of entries taken so far, before compression. */
  get byteCount(): number {
    return this.#ranges.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Of what each block holds, in their order: what somebody who reads them back compares. */
  get contentChecksums(): readonly number[] {
    return this.#contentChecksums;
  }

  /**
   * Takes the next entry of a partition; a partition begins where its first entry stands. Throws on one that does not follow.
   * Returns the entry opened.
   */
  add(partition: number, { position, bytes }: StoredEntry): EntryReader {
    const reader = new EntryReader(bytes);
    const open = this.#ranges.at(-1);
    if (open === undefined || open.partition !== partition) {
      this.#flush();
      this.#ranges.push({
        ...{ partition, from: position, to: position, epoch: reader.epoch, bytes: bytes.length },
        ...{ previousHash: Uint8Array.from(reader.previousHash), lastHash: hashEntry(bytes) },
      });
    } else {
      const isNext = position === open.to + 1 && reader.epoch >= open.epoch;
      const follows = isNext && sameHash(reader.previousHash, open.lastHash);
      if (!follows)
        throw new JournalFileDamaged(`partition ${partition}: the entry at ${position} does not follow`);
      open.to = position;
      open.lastHash = hashEntry(bytes);
      open.epoch = reader.epoch;
      open.bytes += bytes.length;
    }
    if (reader.partition !== partition || reader.position !== position)
      throw new JournalFileDamaged(`partition ${partition}: another entry stands at ${position}`);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= blockBytes) this.#flush();
    return reader;
  }

  /** Ends the file and flushes it; `publish` gives it its name. What it holds, by partition. */
  finish(): readonly FileRange[] {
    this.#flush();
    const ranges = this.#ranges.map((range): FileRange => {
      const { previousHash, lastHash } = range;
      return { ...range, previousHash: hexOf(previousHash), lastHash: hexOf(lastHash) };
    });
    const footer: FileFooter = { blocks: this.#blocks, ranges };
    const offset = this.#offset;
    this.#write(encodeFrame(frameFooter, encodeDocument(footer)));
    this.#write(encodeTrailer(offset));
    this.#sink.flush();
    this.#sink.close();
    this.#isClosed = true;
    return ranges;
  }

  /** Gives the file up. */
  abandon(): void {
    if (!this.#isClosed) this.#sink.close();
    this.#isClosed = true;
    this.#ground.remove(this.#part);
  }

  #flush(): void {
    const range = this.#ranges.at(-1);
    if (range === undefined || this.#pending.length === 0) return;
    const entries = this.#pending.length;
    const place = { partition: range.partition, position: range.to - entries + 1, entries };
    const content = joinContent(this.#pending);
    const frame = encodeFrame(frameBlock, encodeBlock(place, content));
    this.#contentChecksums.push(contentChecksum(content));
    this.#blocks.push({ ...place, offset: this.#offset, bytes: frame.length });
    this.#write(frame);
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #write(bytes: Buffer): void {
    this.#sink.write(bytes);
    this.#offset += bytes.length;
  }
}

/** Gives a finished file its name, durably. */
export function publish(part: string, file: string, ground: ArchiveGround = machineGround): void {
  ground.rename(part, file);
  ground.flushFolder(path.dirname(file));
}

function hexOf(hash: EntryHash): string {
  return Buffer.from(hash).toString('hex');
}
