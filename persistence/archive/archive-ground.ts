/**
 * What an archive stands on: files, the room for them, and somebody who expands what was compressed. Handed in, so that a simulation
 * puts a disk of its own under the same code; `machineGround` is the real one.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress, brotliDecompressSync } from 'node:zlib';
import { errorCode } from '../../actors/model/error-code.js';
import { flushPath } from '../flush-path.js';

/** A file that is being written, from its beginning on. */
export interface FileSink {
  write(bytes: Uint8Array): void;
  /** What was written survives power loss; the name of the file only after `flushFolder`. */
  flush(): void;
  close(): void;
}

export interface FileSource {
  readonly byteCount: number;
  /** Fewer bytes than asked for at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface ArchiveGround {
  /** Tells this writer from all others that ever write here; part of a file name. */
  readonly writer: string;
  /** Of the files in a folder; none when there is no folder. */
  names(folder: string): readonly string[];
  /** True when it was not there. */
  makeFolder(folder: string): boolean;
  /** The names in it survive power loss. */
  flushFolder(folder: string): void;
  /** An empty file under this name, whatever was there. */
  create(file: string): FileSink;
  rename(from: string, to: string): void;
  /** Also when there is none. */
  remove(file: string): void;
  exists(file: string): boolean;
  readWhole(file: string): Buffer;
  open(file: string): Promise<FileSource>;
  freeBytes(folder: string): Promise<number>;
  /** Brotli. Rejects when more than `bytesMax` would come of it. */
  expand(compressed: Buffer, bytesMax: number): Promise<Buffer>;
}

const expand = promisify(brotliDecompress);

export const machineGround: ArchiveGround = {
  writer: randomUUID(),
  names(folder) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  },
  makeFolder: (folder) => mkdirSync(folder, { recursive: true }) !== undefined,
  flushFolder: flushPath,
  create(file) {
    const descriptor = openSync(file, 'w', 0o600);
    return {
      write(bytes) {
        for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
      },
      flush: () => fsyncSync(descriptor),
      close: () => closeSync(descriptor),
    };
  },
  rename: renameSync,
  remove: (file) => rmSync(file, { force: true }),
  exists: existsSync,
  readWhole: (file) => readFileSync(file),
  async open(file) {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      return {
        byteCount: size,
        async read(offset, length) {
          const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset);
          return buffer.subarray(0, bytesRead);
        },
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  // On another thread than this one.
  expand: (compressed, bytesMax) => expand(compressed, { maxOutputLength: bytesMax }),
};

/** For a thread on which nothing else waits: it expands there, so that its niceness holds for that as well. */
export const packingGround: ArchiveGround = {
  ...machineGround,
  expand: async (compressed, bytesMax) => brotliDecompressSync(compressed, { maxOutputLength: bytesMax }),
};
