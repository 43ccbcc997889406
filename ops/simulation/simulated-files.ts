/**
 * The files of a simulated machine: what its processes write there, and what of it survives them. An `ArchiveGround` for each process.
 *
 * F1  A kill of a process keeps what it has written; a power loss keeps what was flushed, and of the rest what chance leaves: of a file
 *     its first bytes, of a folder some of its changes.
 * F2  A name is of a folder, bytes are of a file: whoever writes to a file goes on writing to it under another name.
 * F3  A process that has ended does nothing any more, and neither does what it had begun.
 */
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { ArchiveGround, FileSink, FileSource } from '../../persistence/archive/archive-ground.js';
import type { SeededRandom } from './seeded-random.js';

/** What may go wrong with one step of a process: the step fails, or the process ends there. */
export const fileFaults = ['no room', 'input or output error', 'end of the process'] as const;
export type FileFault = (typeof fileFaults)[number];

export interface ProcessHold {
  /** Asked before each step that changes something; undefined lets it pass. */
  readonly fault: (step: string) => FileFault | undefined;
  /** The process has come to its end in the middle of something. */
  readonly onEnd: () => void;
  readonly freeBytes: () => number;
}

export interface ProcessGround extends ArchiveGround {
  /** The process is gone (F3). */
  end(): void;
}

interface File {
  bytes: Buffer;
  flushedBytes: number;
}

interface Folder {
  names: Map<string, File>;
  flushed: Map<string, File>;
  /** False until the folder above is flushed. */
  isDurable: boolean;
}

export class SimulatedFiles {
  readonly #folders = new Map<string, Folder>();
  readonly #draw: SeededRandom;
  #writers = 0;

  constructor(draw: SeededRandom) {
    this.#draw = draw;
  }

  /** Every process has lost its power (F1). */
  losePower(): void {
    for (const [name, folder] of this.#folders) {
      if (!folder.isDurable && this.#draw.below(2) === 0) this.#folders.delete(name);
      else this.#settle(folder);
    }
  }

  /** As a process sees them. */
  groundOf(process: ProcessHold): ProcessGround {
    return new Ground(this, process);
  }

  newWriter(): number {
    return ++this.#writers;
  }

  folder(name: string): Folder | undefined {
    return this.#folders.get(name);
  }

  makeFolder(name: string): boolean {
    if (this.#folders.has(name)) return false;
    const parent = path.dirname(name);
    if (parent !== name) this.makeFolder(parent);
    this.#folders.set(name, { names: new Map(), flushed: new Map(), isDurable: false });
    return true;
  }

  flushFolder(name: string): void {
    const folder = this.#folders.get(name);
    if (folder === undefined) throw noEntry(name);
    folder.flushed = new Map(folder.names);
    for (const [child, inner] of this.#folders) if (path.dirname(child) === name) inner.isDurable = true;
  }

  #settle(folder: Folder): void {
    const names = new Set([...folder.names.keys(), ...folder.flushed.keys()]);
    const left = new Map<string, File>();
    for (const name of names) {
      const file = (this.#draw.below(2) === 0 ? folder.names : folder.flushed).get(name);
      if (file !== undefined) left.set(name, file);
    }
    for (const file of left.values()) {
      const unflushed = file.bytes.length - file.flushedBytes;
      if (unflushed > 0)
        file.bytes = file.bytes.subarray(0, file.flushedBytes + this.#draw.below(unflushed + 1));
      file.flushedBytes = file.bytes.length;
    }
    folder.names = left;
    folder.flushed = new Map(left);
    folder.isDurable = true;
  }
}

class Ground implements ProcessGround {
  readonly writer: string;
  readonly #files: SimulatedFiles;
  readonly #process: ProcessHold;
  #isEnded = false;

  constructor(files: SimulatedFiles, process: ProcessHold) {
    this.#files = files;
    this.#process = process;
    this.writer = `w${files.newWriter()}`;
  }

  end(): void {
    this.#isEnded = true;
  }

  names(folder: string): readonly string[] {
    this.#alive();
    return [...(this.#files.folder(folder)?.names.keys() ?? [])];
  }

  makeFolder(folder: string): boolean {
    this.#step('make a folder');
    return this.#files.makeFolder(folder);
  }

  flushFolder(folder: string): void {
    this.#step('flush a folder');
    this.#files.flushFolder(folder);
  }

  create(name: string): FileSink {
    this.#step('create a file');
    const folder = this.#folderOf(name);
    // Whoever has it open under this name already writes to the same file.
    const file = folder.names.get(path.basename(name)) ?? { bytes: Buffer.alloc(0), flushedBytes: 0 };
    file.bytes = Buffer.alloc(0);
    file.flushedBytes = 0;
    folder.names.set(path.basename(name), file);
    let offset = 0;
    return {
      write: (bytes) => {
        this.#step('write');
        const grown = Buffer.alloc(Math.max(file.bytes.length, offset + bytes.length));
        file.bytes.copy(grown);
        grown.set(bytes, offset);
        file.bytes = grown;
        offset += bytes.length;
      },
      flush: () => {
        this.#step('flush');
        file.flushedBytes = file.bytes.length;
      },
      close: () => undefined,
    };
  }

  rename(from: string, to: string): void {
    this.#step('rename');
    const file = this.#found(from);
    this.#folderOf(from).names.delete(path.basename(from));
    this.#folderOf(to).names.set(path.basename(to), file);
  }

  remove(name: string): void {
    this.#step('remove');
    this.#files.folder(path.dirname(name))?.names.delete(path.basename(name));
  }

  exists(name: string): boolean {
    this.#alive();
    return this.#files.folder(path.dirname(name))?.names.has(path.basename(name)) ?? false;
  }

  readWhole(name: string): Buffer {
    this.#alive();
    return Buffer.from(this.#found(name).bytes);
  }

  async open(name: string): Promise<FileSource> {
    this.#alive();
    const file = this.#found(name);
    return {
      byteCount: file.bytes.length,
      read: async (offset, length) => {
        this.#alive();
        return Buffer.from(file.bytes.subarray(offset, offset + length));
      },
      close: async () => undefined,
    };
  }

  async freeBytes(): Promise<number> {
    this.#alive();
    return this.#process.freeBytes();
  }

  /** At once: no thread of the platform may have a say in what comes next. */
  async expand(compressed: Buffer, bytesMax: number): Promise<Buffer> {
    return brotliDecompressSync(compressed, { maxOutputLength: bytesMax });
  }

  #folderOf(name: string): Folder {
    const folder = this.#files.folder(path.dirname(name));
    if (folder === undefined) throw noEntry(name);
    return folder;
  }

  #found(name: string): File {
    const file = this.#folderOf(name).names.get(path.basename(name));
    if (file === undefined) throw noEntry(name);
    return file;
  }

  #step(step: string): void {
    this.#alive();
    const fault = this.#process.fault(step);
    if (fault === undefined) return;
    if (fault === 'end of the process') {
      this.#isEnded = true;
      this.#process.onEnd();
      this.#alive();
    }
    throw diskError(fault === 'no room' ? 'ENOSPC' : 'EIO', `${fault}: ${step}`);
  }

  #alive(): void {
    if (this.#isEnded) throw new Error('the process has ended');
  }
}

function noEntry(name: string): Error {
  return diskError('ENOENT', `no such file: ${name}`);
}

/** As Node's: with a `syscall`, by which a reader knows that the disk speaks. */
function diskError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: 'simulated' });
}
