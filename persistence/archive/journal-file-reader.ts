/**
 * Reads a journal file: entries by partition and position, block by block, on whatever thread asks, without holding it up. Between two
 * blocks no file is open, so a reader is simply dropped when it is no longer wanted.
 */
import type { ReadLimits, StoredEntry } from '../journal.js';
import { type ArchiveGround, type FileSource, machineGround } from './archive-ground.js';
import {
  type BlockPlace,
  checkPreamble,
  contentChecksum,
  decodeBlock,
  decodeDocument,
  decodeFrame,
  decodeTrailer,
  type FileFooter,
  type FileRange,
  type FrameType,
  frameBlock,
  frameBytesMax,
  frameFooter,
  frameHeader,
  frameHeaderBytes,
  JournalFileDamaged,
  preambleBytes,
  splitContent,
  trailerBytes,
} from './journal-file.js';

/** Expanded blocks kept: a walk through a history comes back to its neighbourhood. */
const blocksKept = 4;

export class JournalFileReader {
  readonly file: string;
  readonly header: unknown;
  readonly ranges: readonly FileRange[];
  readonly #ground: ArchiveGround;
  /** In the order of the file: by range, then by position. */
  readonly #blocks: readonly BlockPlace[];
  /** The least recently used goes first. */
  readonly #kept = new Map<BlockPlace, Promise<readonly Buffer[]>>();

  private constructor(ground: ArchiveGround, file: string, header: unknown, footer: FileFooter) {
    this.#ground = ground;
    this.file = file;
    this.header = header;
    this.ranges = footer.ranges;
    this.#blocks = footer.blocks;
  }

  /** Throws `JournalFileDamaged` on a file that is not whole. */
  static async open(file: string, ground: ArchiveGround = machineGround): Promise<JournalFileReader> {
    return await withFile(ground, file, async (source) => {
      const { byteCount } = source;
      checkPreamble(await readAt(source, 0, preambleBytes));
      const footerOffset = decodeTrailer(await readAt(source, byteCount - trailerBytes, trailerBytes));
      const footerBytes = byteCount - trailerBytes - footerOffset;
      const header = decodeDocument(await headerFrame(source));
      const frame = decodeFrame(frameFooter, await readAt(source, footerOffset, footerBytes));
      return new JournalFileReader(ground, file, header, decodeDocument(frame) as FileFooter);
    });
  }

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** Of what a block holds, as the file has it now. Throws `JournalFileDamaged`. */
  async contentChecksum(index: number): Promise<number> {
    return await this.#expanded(this.#blocks[index] as BlockPlace, contentChecksum);
  }

  range(partition: number): FileRange | undefined {
    return this.ranges.find((range) => range.partition === partition);
  }

  /** As `Journal.read`; nothing when `from` is not in the file. Throws `JournalFileDamaged`. */
  async read(partition: number, from: number, limits: ReadLimits): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = [];
    let bytesRead = 0;
    for (let index = this.#blockIndex(partition, from); index !== -1; index++) {
      const place = this.#blocks[index];
      if (place === undefined || place.partition !== partition) break;
      const block = await this.#block(place);
      for (let at = Math.max(0, from - place.position); at < block.length; at++) {
        const bytes = block[at] as Buffer;
        bytesRead += bytes.length;
        const isFull = entries.length > 0 && bytesRead > limits.bytesMax;
        if (isFull || entries.length === limits.entriesMax) return entries;
        entries.push({ position: place.position + at, bytes });
      }
    }
    return entries;
  }

  /** The block that holds a position; −1 when none does. */
  #blockIndex(partition: number, position: number): number {
    return this.#blocks.findIndex(
      (block) =>
        block.partition === partition &&
        block.position <= position &&
        position < block.position + block.entries,
    );
  }

  #block(place: BlockPlace): Promise<readonly Buffer[]> {
    let block = this.#kept.get(place);
    if (block === undefined) block = this.#readBlock(place);
    else this.#kept.delete(place);
    this.#kept.set(place, block);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= blocksKept) break;
      this.#kept.delete(oldest);
    }
    return block;
  }

  async #readBlock(place: BlockPlace): Promise<readonly Buffer[]> {
    try {
      return await this.#expanded(place, (content) => splitContent(content, place));
    } catch (error) {
      this.#kept.delete(place);
      throw error;
    }
  }

  async #expanded<Result>(place: BlockPlace, use: (content: Buffer) => Result): Promise<Result> {
    return await withFile(this.#ground, this.file, async (source) => {
      const frame = await readAt(source, place.offset, place.bytes);
      const { compressed, contentBytes } = decodeBlock(decodeFrame(frameBlock, frame), place);
      return use(await this.#ground.expand(compressed, contentBytes));
    });
  }
}

async function withFile<Result>(
  ground: ArchiveGround,
  file: string,
  use: (source: FileSource) => Promise<Result>,
): Promise<Result> {
  const source = await ground.open(file);
  try {
    return await use(source);
  } catch (error) {
    throw named(file, error);
  } finally {
    await source.close();
  }
}

async function headerFrame(source: FileSource): Promise<Buffer> {
  const start = await readAt(source, preambleBytes, frameHeaderBytes);
  const type: FrameType = frameHeader;
  return decodeFrame(type, await readAt(source, preambleBytes, frameHeaderBytes + start.readUInt32LE(4)));
}

async function readAt(source: FileSource, offset: number, length: number): Promise<Buffer> {
  const isPossible = offset >= 0 && length >= 0 && length <= frameBytesMax;
  if (!isPossible) throw new JournalFileDamaged('a place in it is no place');
  const bytes = await source.read(offset, length);
  if (bytes.length !== length) throw new JournalFileDamaged('it ends too early');
  return bytes;
}

/** Whatever a changed file makes a decoder throw means one thing; what the disk says is left as it is. */
function named(file: string, error: unknown): unknown {
  const isOfDisk = error instanceof Error && 'syscall' in error;
  if (isOfDisk) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new JournalFileDamaged(`${file}: ${reason}`, { cause: error });
}
